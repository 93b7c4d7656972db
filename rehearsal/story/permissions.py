"""The act in which every role in turn lacks one permission: what it is for fails, and says what is missing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from config.names import ARTIFACTS, AUDIT, CAPTURED, MONITORING, RELEASE
from rehearsal.story.act import Act, UnmetExpectationError
from rehearsal.story.denials import candidates, denied, judged, kinds_of, policy_actions
from rehearsal.story.emptying import emptiers
from rehearsal.story.pods import pods
from rehearsal.story.stage import Stage, basket_with_id
from rehearsal.story.starters import rules, schedules
from rehearsal.story.uses import Use, feature_groups, functions, jobs, machines, stacks

_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
_BASKETS: Final = 50
# Why a role of an AWS service is not tried, if nothing that the story does is done by it.
_NOT_HERE: Final = {
    "lambda.amazonaws.com": "its function installs Helm charts, which are only accepted here",
    "pods.eks.amazonaws.com": "nothing runs here that has its service account: no add-on, no chart",
    "ec2.amazonaws.com": "machines are not emulated: nothing runs as them",
    "eks.amazonaws.com": "the control plane here calls nothing of AWS",
    "vpc-flow-logs.amazonaws.com": "there is no network whose traffic could be written down",
}


def _permissions(stage: Stage) -> None:
    champion = str(stage.champion)
    _look_at_the_models(stage)
    roles = list(_roles(stage))
    made = chain(
        *(each(stage) for each in (functions, machines, jobs, feature_groups, rules, schedules, pods, emptiers))
    )
    uses = {use.role: use for use in made}
    tried = [role for role in roles if role in uses]
    stage.noted(f"of {len(roles)} roles {len(tried)} are tried, the others listed at the end with the reason why not")
    troubles = []
    for role in tried:
        try:
            _try(stage, uses[role])
        except UnmetExpectationError as error:
            troubles.append(f"{role}, {uses[role].what}: {error}")
            stage.noted(f"WRONG: {troubles[-1]}")
    for role in roles:
        if role not in uses:
            stage.noted(f"{role}: not tried: {_why_not(stage, role)}")
    _failure_path(stage)
    stage.expect(
        not troubles,
        f"{len(roles)} roles: {len(tried)} tried without one permission each, {len(tried)} refused and said which;"
        f" {len(roles) - len(tried)} only listed",
    )
    stage.expect(stage.champion == champion, f"{champion} goes on serving")
    stage.answers(champion)


def _look_at_the_models(stage: Stage) -> None:
    """Let everything that watches models have been used, too: predictions, and a look at them."""
    captured = set(stage.lake.keys(f"{CAPTURED}/"))
    asked = [basket_with_id(lines) for lines in stage.weeks.baskets(0, most=_BASKETS)]
    status, _ = stage.predict(json.dumps(asked).encode())
    stage.expect(status == 200, f"{len(asked)} baskets are predicted")
    stage.until(
        "predictions are captured",
        lambda: stage.lake.captured(set(stage.lake.keys(f"{CAPTURED}/")) - captured) >= len(asked),
    )
    ended = stage.start(MONITORING, {"trigger": "rehearsal"})
    stage.expect(ended["status"] == "SUCCEEDED", "the models were looked at, so that everything has been used")


def _roles(stage: Stage) -> Iterator[str]:
    """Yield the names of all roles of the environment's stacks."""
    for each in chain.from_iterable(stacks(stage)):
        if each["ResourceType"] == "AWS::IAM::Role":
            yield str(each["PhysicalResourceId"])


def _try(stage: Stage, use: Use) -> None:
    """Take one permission away, do it again, and see it fail; what is not needed this time is not what is tried."""
    iam, since = stage.client("iam"), _EVER
    if use.repeatable:
        since = datetime.now(UTC)
        said = use.again()
        if said is not None:
            raise UnmetExpectationError(f"with all permissions it failed: {said}")
    for action in use.needs or candidates(
        stage.decisions(use.role, since=since)["allowed"], policy_actions(iam, use.role)
    ):
        began = datetime.now(UTC)
        with denied(iam, use.role, action):
            said = use.again()
            refused = [each["action"] for each in stage.decisions(use.role, since=began)["refused"]]
        words = judged(action, said=said, refused=refused)
        if words:
            as_it_is = "goes well with all permissions, " if use.repeatable else ""
            said = words[words.index("not authorized") :]
            stage.noted(f"{use.what}: {as_it_is}without {action}: {said} ({use.role})")
            return
    raise UnmetExpectationError("it needs none of its permissions")


def _why_not(stage: Stage, role: str) -> str:
    trust = stage.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    services = kinds_of(trust)
    return "; ".join(_NOT_HERE.get(each, f"nothing in the story is done by it as {each}") for each in sorted(services))


def _failure_path(stage: Stage) -> None:
    """Take away what the failure path itself needs: without its record people are told, without that it is recorded."""
    described = stage.client("stepfunctions").describe_state_machine(stateMachineArn=stage.machine(RELEASE))
    role, name = described["roleArn"].rsplit("/", 1)[-1], described["name"]
    for action in ("s3:PutObject", "sns:Publish"):
        with denied(stage.client("iam"), role, action):
            ended = stage.start(RELEASE, {})
        said = stage.why(ended)
        stage.expect("NothingAskedFor" in said, f"{name} fails as before while its failure path lacks {action}: {said}")
        if action == "s3:PutObject":
            stage.told(f"{name} failed")
        else:
            kept = [key for key in stage.lake.keys(f"{ARTIFACTS}/{AUDIT}/") if ended["name"] in key]
            stage.expect(kept, f"and it is recorded: {', '.join(kept)}")


PERMISSIONS = Act(
    name="permissions",
    title="Every role without one of its permissions",
    does="Denies each role one action that it needs, and lets what it is for be done once more.",
    expects="It fails and says which action is missing; nothing is said to have gone well; what serves goes on.",
    play=_permissions,
    after=("first-data",),
)
