"""The release and the roll-back walked: which way each answer leads, what is recorded, and who is told."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from config.settings import load_environment
from lambdas.common.errors import TRANSIENT
from lambdas.deploy.handler import Deploy
from lambdas.promote.handler import Promote
from lambdas.roll_back.handler import RollBack
from lambdas.rollout.handler import Rollout
from lambdas.verify.handler import Verify
from ml.serving.contract import Basket
from stacks.flow.release import limit_seconds
from tests.machines import State, TaskError, Walk
from tests.stacks.assembly import ENVIRONMENTS, environment
from tests.stacks.definitions import actions, definition, faults
from tests.stacks.policies import ACCOUNT, REGION, Account

FLOW = load_environment("dev").flow
PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/mlops-dev-models/7"
VERSION, OLD = "200608-abcdef0123", "200607-0123456789"
KEY, AT = "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "2026-03-02T09:59:58Z"
APPROVED = {"key": KEY, "at": AT, "package": PACKAGE}
ALARMED = {
    "key": KEY,
    "at": AT,
    "by": "mlops-dev-service-degraded",
    "reason": 'said "too many errors"',
    "alarm": {"name": "mlops-dev-service-degraded", "at": AT},
}
NAMES = ("mlops-dev-service-degraded", "mlops-dev-model-degraded")


def answers(payload: Any) -> dict[str, Any]:
    return {"Payload": payload}


def looked(status: str, **more: Any) -> dict[str, Any]:
    return answers({"status": status, "reason": "so many pods", "not_ready": [], **more})


def taken(status: str) -> dict[str, Any]:
    target = OLD if status == "rolled_back" else None
    return answers({"status": status, "from_version": VERSION, "to_version": target, "reason": "as it was said"})


def alarms(*raised: str, names: Iterable[str] = NAMES, since: str = "2026-03-02T10:06:00.000Z") -> dict[str, Any]:
    described = [
        {"AlarmName": each, "StateValue": "ALARM" if each in raised else "OK", "StateTransitionedTimestamp": since}
        for each in names
    ]
    return {"CompositeAlarms": described, "MetricAlarms": []}


def in_turn(*given: Any) -> Callable[[Any], Any]:
    """Answer one after the other, then the last for ever."""
    left = list(given)

    def answer(_: Any) -> Any:
        each = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(each, Exception):
            raise each
        return each

    return answer


GOOD: dict[str, Any] = {
    "Describe the package": {
        "CustomerMetadataProperties": {"version": VERSION},
        "ApprovalDescription": "accuracy 0.91",
        "LastModifiedBy": {"IamIdentity": {"Arn": "arn:aws:sts::123456789012:assumed-role/ann"}},
    },
    "Deploy the version": answers(
        {"status": "deploying", "version": VERSION, "from_version": OLD, "reason": "accuracy 0.91"}
    ),
    "Look at the rollout": looked("done"),
    "Ask each pod": answers({"status": "passed", "reason": "2 pods answered"}),
    "Read the alarms": alarms(),
    "Promote the version": answers({"status": "promoted", "version": VERSION, "from_version": OLD, "reason": "quiet"}),
    "Take the version back": taken("rolled_back"),
    "Look at the old version": looked("done"),
}
# Every function's state, and the event that it parses.
EVENTS: dict[str, type[BaseModel]] = {
    "Deploy the version": Deploy,
    "Look at the rollout": Rollout,
    "Ask each pod": Verify,
    "Promote the version": Promote,
    "Take the version back": RollBack,
    "Look at the old version": Rollout,
}


def walked(changes: dict[str, Any], event: dict[str, Any] = APPROVED) -> tuple[str, Walk]:
    walk = Walk(definition("release"), GOOD | changes, event)
    end = walk.run()
    assert faults(walk) == []
    for name, kind in EVENTS.items():
        for given in walk.given.get(name, []):
            kind.model_validate_json(json.dumps(given["Payload"]))
    return end, walk


def recorded(walk: Walk) -> dict[str, Any]:
    """The one record."""
    (request,) = [each for name, given in walk.given.items() if name.startswith("Record") for each in given]
    assert request["Key"] == "artifacts/audit/2026-03-02/execution-an-execution.json"
    content: dict[str, Any] = json.loads(request["Body"])
    assert content["key"] == (walk.input.get("key") or "an-execution")
    return content


def told(walk: Walk) -> dict[str, Any]:
    """The one message."""
    (request,) = [each for name, given in walk.given.items() if name.startswith(("Tell", "Page")) for each in given]
    found: dict[str, Any] = request
    return found


def undone(walk: Walk) -> dict[str, Any]:
    """What the roll-back of a release was asked for with."""
    (request,) = walk.given["Take the version back"]
    payload: dict[str, Any] = request["Payload"]
    assert payload["release"] == {
        "key": KEY,
        "at": AT,
        "execution": "an-execution",
        "version": VERSION,
        "package": PACKAGE,
    }
    assert payload["key"] == KEY
    return payload


def test_a_good_release_ends_promoted_after_the_bake_and_is_told_once() -> None:
    end, walk = walked({"Look at the rollout": in_turn(looked("progressing"), looked("progressing"), looked("done"))})

    assert end == "Released"
    assert walk.waited == 3 * 10 + FLOW.bake_seconds
    (deploy,) = walk.given["Deploy the version"]
    assert deploy["Payload"] == {
        "key": KEY,
        "at": AT,
        "by": "arn:aws:sts::123456789012:assumed-role/ann",
        "reason": "accuracy 0.91",
        "execution": "an-execution",
        "version": VERSION,
        "package": PACKAGE,
    }
    (promotion,) = walk.given["Promote the version"]
    assert set(promotion["Payload"]["evidence"]) == {"rollout", "smoke_test", "bake"}
    record = recorded(walk)
    assert (record["outcome"], record["from_version"]) == ("promoted", OLD)
    assert told(walk)["Subject"] == f"mlops-dev-release: {VERSION} is the champion"
    assert OLD in told(walk)["Message"]
    assert "Take the version back" not in walk.given


def test_the_pods_are_asked_about_a_basket_of_the_contract() -> None:
    _, walk = walked({})

    (asked,) = walk.given["Ask each pod"]
    assert asked["Payload"]["version"] == VERSION
    assert msgspec.convert(asked["Payload"]["basket"], Basket).lines


@pytest.mark.parametrize("status", ["serves_already", "refused", "ended"])
def test_what_needs_no_release_is_recorded_and_told_and_undoes_nothing(status: str) -> None:
    answer = answers({"status": status, "version": VERSION, "from_version": None, "reason": "why"})

    end, walk = walked({"Deploy the version": answer})

    assert end == "Nothing released"
    assert recorded(walk)["outcome"] == status
    assert told(walk)["Message"] == f"{VERSION}: why. none serves."
    assert "Take the version back" not in walk.given


def test_what_another_execution_releases_is_recorded_and_told_by_that_one_alone() -> None:
    answer = answers({"status": "duplicate", "version": VERSION, "from_version": OLD, "reason": "execution one has it"})

    end, walk = walked({"Deploy the version": answer})

    assert end == "Left to the other execution"
    assert (recorded(walk)["outcome"], recorded(walk)["reason"]) == ("duplicate", "execution one has it")
    assert actions(walk) == {"sagemaker:DescribeModelPackage", "lambda:Invoke", "s3:PutObject"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"Look at the rollout": looked("failed", not_ready=[{"pod": "api-1", "reason": "CrashLoopBackOff"}])},
            "the rollout is failed: so many pods; api-1: CrashLoopBackOff",
        ),
        ({"Look at the rollout": looked("superseded")}, "the rollout is superseded: so many pods"),
        ({"Ask each pod": answers({"status": "failed", "reason": "api-1: wrong version"})}, "api-1: wrong version"),
        ({"Read the alarms": in_turn(alarms(), alarms(NAMES[1]))}, f"alarms raised: {NAMES[1]}"),
        ({"Read the alarms": alarms(names=NAMES[:1])}, f"missing: {NAMES[1]}"),
        ({"Read the alarms": {"CompositeAlarms": [], "MetricAlarms": []}}, f"missing: {NAMES[0]}, {NAMES[1]}"),
        (
            {"Promote the version": answers({"status": "refused", "reason": "rejected by now"})},
            "the promotion refused: rejected by now",
        ),
        ({"Deploy the version": TaskError("ForbiddenError", "no access entry")}, "ForbiddenError: no access entry"),
        ({"Look at the rollout": TaskError("UnreachableError")}, "UnreachableError: because"),
        ({"Ask each pod": TaskError("Lambda.Unknown")}, "Lambda.Unknown: because"),
        ({"Read the alarms": TaskError("CloudWatch.CloudWatchException")}, "CloudWatch.CloudWatchException"),
        ({"Promote the version": TaskError("States.Timeout")}, "States.Timeout"),
    ],
)
def test_whatever_fails_the_release_is_undone_recorded_and_told_once(changes: dict[str, Any], why: str) -> None:
    end, walk = walked(changes)

    assert end == "Release failed"
    assert why in undone(walk)["reason"]
    assert undone(walk)["at"] > AT, "alarms are to settle from now on"
    assert walk.given["Look at the old version"][0]["Payload"] == {"version": OLD}
    record = recorded(walk)
    assert (record["outcome"], record["taken"]["to_version"]) == ("rolled_back", OLD)
    assert why in told(walk)["Message"]
    assert f"{OLD} serves" in told(walk)["Message"]


def test_a_rollout_that_never_ends_is_undone_when_its_time_is_over() -> None:
    end, walk = walked({"Look at the rollout": looked("progressing")})

    assert end == "Release failed"
    assert FLOW.rollout_seconds <= 10 * len(walk.given["Look at the rollout"]) <= FLOW.rollout_seconds + 10
    assert "the rollout is progressing" in undone(walk)["reason"]


def test_an_alarm_from_before_the_deployment_is_not_about_this_version() -> None:
    end, _ = walked({"Read the alarms": alarms(*NAMES, since="2026-03-02T10:04:00.000Z")})

    assert end == "Released"


def test_an_alarm_ends_the_bake_at_once() -> None:
    _, walk = walked({"Read the alarms": alarms(NAMES[0])})

    assert len(walk.given["Read the alarms"]) == 1
    assert "Let it serve" not in walk.states


def test_a_package_without_a_version_changes_nothing_and_is_told() -> None:
    end, walk = walked({"Describe the package": {"ModelApprovalStatus": "Approved"}})

    assert end == "Failed"
    assert recorded(walk)["error"]["Error"] == "NoVersion"
    assert PACKAGE in told(walk)["Message"]
    assert "Deploy the version" not in walk.given


def test_an_input_that_asks_for_nothing_is_recorded_as_a_failure() -> None:
    end, walk = walked({}, {})

    assert end == "Failed"
    assert recorded(walk)["error"]["Error"] == "NothingAskedFor"
    assert actions(walk) == {"s3:PutObject", "sns:Publish"}


def test_an_alarm_takes_the_version_back_under_the_events_own_key_and_time() -> None:
    end, walk = walked({"Look at the old version": in_turn(looked("progressing"), looked("done"))}, ALARMED)

    assert end == "Taken back"
    (request,) = walk.given["Take the version back"]
    assert request["Payload"] == {**ALARMED, "evidence": {}}
    assert recorded(walk)["outcome"] == "rolled_back"
    assert told(walk)["Subject"] == f"mlops-dev-release: {VERSION} was taken back"
    assert "Describe the package" not in walk.states


def test_an_alarm_about_nothing_that_runs_is_recorded_and_waits_for_no_pods() -> None:
    end, walk = walked({"Take the version back": taken("nothing")}, ALARMED)

    assert end == "Taken back"
    assert recorded(walk)["outcome"] == "nothing"
    assert told(walk)["Message"].startswith("Nothing was taken back: as it was said")
    assert walk.waited == 0


def test_by_hand_the_execution_is_the_key() -> None:
    end, walk = walked({}, {"version": VERSION, "by": "ann", "reason": "prices look odd"})

    assert end == "Taken back"
    (request,) = walk.given["Take the version back"]
    assert request["Payload"] == {
        "key": "an-execution",
        "at": "2026-03-02T10:00:00.000Z",
        "by": "ann",
        "reason": "prices look odd",
        "evidence": {},
        "version": VERSION,
    }


@pytest.mark.parametrize("event", [APPROVED, ALARMED])
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Take the version back": taken("refused")}, "as it was said"),
        ({"Take the version back": TaskError("ContendedError", "again and again")}, "ContendedError: again and again"),
        ({"Look at the old version": TaskError("ServerError")}, "ServerError: because"),
        ({"Look at the old version": looked("failed")}, f"{OLD} does not serve yet. The rollout is failed"),
        ({"Look at the old version": looked("progressing")}, "The rollout is progressing: so many pods"),
    ],
)
def test_a_roll_back_that_does_not_end_well_pages_a_person_once(
    event: dict[str, Any], changes: dict[str, Any], why: str
) -> None:
    broken = {"Ask each pod": answers({"status": "failed", "reason": "wrong version"})}

    end, walk = walked(broken | changes, event)

    assert end == "A person is needed"
    assert recorded(walk)["outcome"] == "a person is needed"
    assert why in recorded(walk)["trouble"]
    assert told(walk)["Subject"].endswith("ACT NOW: the roll-back needs a person")
    assert why in told(walk)["Message"]


def test_a_promotion_that_cannot_be_recorded_or_told_is_still_a_release() -> None:
    denied = TaskError("S3.AccessDenied")

    end, walk = walked({"Record the release": denied, "Tell of the release": denied})

    assert end == "Released"
    assert "Take the version back" not in walk.given


def test_every_error_that_passes_is_tried_again_and_another_release_is_waited_for_in_minutes() -> None:
    states: dict[str, State] = definition("release")["States"]
    for name in EVENTS:
        waits = {error: each["IntervalSeconds"] for each in states[name]["Retry"] for error in each["ErrorEquals"]}
        assert set(TRANSIENT) - set(waits) <= {"ReleaseUnderWayError"}, name
    patience = states["Deploy the version"]["Retry"][0]
    assert patience["ErrorEquals"] == ["ReleaseUnderWayError"]
    assert patience["IntervalSeconds"] * 2 >= 60


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_machine_and_the_ledger_know_one_limit_and_a_release_fits_into_it(name: str) -> None:
    flow = load_environment(name).flow
    functions = Account(environment(name)).properties("AWS::Lambda::Function", component="pipeline")
    limits = {
        each["FunctionName"]: each["Environment"]["Variables"].get("MLOPS_RELEASE_LIMIT_SECONDS")
        for each in functions.values()
    }
    limit = definition("release", name)["TimeoutSeconds"]

    assert limit == limit_seconds(flow)
    assert limit > 2 * (2 * flow.rollout_seconds + flow.bake_seconds), "another one may have to end first"
    assert {limits[f"mlops-{name}-{each}"] for each in ("deploy", "rollout", "verify", "promote", "roll-back")} == {
        str(limit)
    }


def test_a_function_is_stopped_before_its_task_gives_it_up() -> None:
    functions = Account(environment("dev")).properties("AWS::Lambda::Function", component="pipeline")
    own = {each["FunctionName"]: each["Timeout"] for each in functions.values()}
    for name in EVENTS:
        state = definition("release")["States"][name]
        function = state["Arguments"]["FunctionName"]
        (timeout,) = {limit for title, limit in own.items() if _title(title) in function}
        assert 180 <= timeout < state["TimeoutSeconds"], name


def _title(function: str) -> str:
    """The beginning of a function's logical id, which stands for its ARN here."""
    return "<Functions" + "".join(part.capitalize() for part in function.removeprefix("mlops-dev-").split("-"))
