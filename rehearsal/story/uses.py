"""What the story's roles are used for, and how the smallest part of that is done once more."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from config.names import ALARM_SERVICE, APPROVAL, MONITORING, RELEASE, TRAINING
from rehearsal.story.act import UnmetExpectationError
from rehearsal.story.stage import Stage

_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
MACHINES: Final = (TRAINING, RELEASE, APPROVAL, MONITORING)


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a role, by its name, is for.

    ``again`` does it once more and returns None, or how it failed. One that is ``repeatable`` changes nothing when it
    is done as it is; others are only done without a permission. ``needs`` are the actions to try where what it did
    before does not say it.
    """

    role: str
    what: str
    again: Callable[[], str | None]
    repeatable: bool = False
    needs: tuple[str, ...] = ()


def role_name(arn: str) -> str:
    """Return a role's name."""
    return arn.rsplit("/", 1)[-1]


def stacks(stage: Stage) -> Iterator[list[dict[str, Any]]]:
    """Yield the resources of each of the environment's stacks."""
    cloudformation, prefix = stage.client("cloudformation"), stage.settings.name("")
    for page in stage.pages("cloudformation", "list_stacks"):
        for stack in page["StackSummaries"]:
            if stack["StackName"].startswith(prefix) and stack["StackStatus"] != "DELETE_COMPLETE":
                resources = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack["StackName"])
                yield [each for page in resources for each in page["StackResourceSummaries"]]


# ---- functions


def functions(stage: Stage) -> Iterator[Use]:
    """Yield the state machines' functions: each is called with its last event, in a process of its own."""
    events = _last_events(stage)
    for page in stage.pages("lambda", "list_functions"):
        for function in page["Functions"]:
            name = function["FunctionName"]
            if name in events:
                yield Use(
                    role=role_name(function["Role"]),
                    what=f"function {name}",
                    again=_call(stage, name, function["MemorySize"], events[name]),
                    repeatable=True,
                )


def _last_events(stage: Stage) -> dict[str, Any]:
    """Return each function's last event, by its name; of the roll-back, if there was none, one of no effect."""
    found: dict[str, Any] = {stage.settings.name("roll-back"): _alarm_of_the_past(stage)}
    for component in MACHINES:
        for execution in stage.executions(component, since=_EVER):
            found |= calls_of(stage.history(execution))
    return found


def calls_of(history: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the last event of each function that an execution called, by the function's name."""
    found = {}
    for each in history:
        details = each.get("taskScheduledEventDetails", {})
        if (details.get("resourceType"), details.get("resource")) == ("lambda", "invoke"):
            called = json.loads(details["parameters"])
            found[called["FunctionName"].split(":")[6]] = called["Payload"]
    return found


def _alarm_of_the_past(stage: Stage) -> dict[str, Any]:
    """Return an event about an alarm from before there was anything to take back."""
    return {
        "key": f"permissions-{uuid.uuid4().hex[:8]}",
        "at": _EVER.isoformat(),
        "by": "the rehearsal",
        "reason": "an alarm from before there was anything to take back",
        "alarm": {"name": stage.settings.name(ALARM_SERVICE), "at": _EVER.isoformat()},
    }


def _call(stage: Stage, name: str, memory: int, event: Any) -> Callable[[], str | None]:
    def again() -> str | None:
        client = stage.client("lambda")
        # A process that has been connected to everything before would not ask for all of it again.
        client.update_function_configuration(FunctionName=name, MemorySize=memory)
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        said = answer["Payload"].read().decode()
        return f"{answer['FunctionError']}: {said}" if "FunctionError" in answer else None

    return again


# ---- state machines


def machines(stage: Stage) -> Iterator[Use]:
    """Yield the state machines: each is started with its last input; of none is there anything left to do."""
    for component in MACHINES:
        described = stage.client("stepfunctions").describe_state_machine(stateMachineArn=stage.machine(component))
        before = stage.executions(component, since=_EVER)
        given = stage.input_of(before[-1]) if before else {"package": stage.champions_package}
        yield Use(
            role=role_name(described["roleArn"]),
            what=f"state machine {described['name']}",
            again=_start(stage, component, given),
            # A look at the models begins a job.
            repeatable=component != MONITORING,
        )


def _start(stage: Stage, component: str, given: Mapping[str, Any]) -> Callable[[], str | None]:
    def again() -> str | None:
        execution = stage.start(component, given)
        if execution["status"] == "SUCCEEDED":
            return None
        stage.told(f"{stage.settings.name(component)} failed")
        return stage.why(execution)

    return again


# ---- jobs


def jobs(stage: Stage) -> Iterator[Use]:
    """Yield the roles of jobs: the last job of each that went well is run again under another name."""
    for kind in ("Processing", "Training"):
        latest: dict[str, dict[str, Any]] = {}
        for description in _descriptions(stage, kind):
            latest.setdefault(role_name(description["RoleArn"]), description)
        for role, description in latest.items():
            yield Use(
                role=role,
                what=f"{kind} job {description[f'{kind}JobName']}",
                again=_run(stage, kind, description),
                # What a training makes has the job's name in its place.
                repeatable=kind == "Processing",
            )


def _descriptions(stage: Stage, kind: str) -> Iterator[dict[str, Any]]:
    """Yield the jobs of a kind that went well, the newest first."""
    sagemaker, low = stage.client("sagemaker"), kind.lower()
    pages = sagemaker.get_paginator(f"list_{low}_jobs").paginate(
        StatusEquals="Completed", SortBy="CreationTime", SortOrder="Descending"
    )
    describe = getattr(sagemaker, f"describe_{low}_job")
    for page in pages:
        for each in page[f"{kind}JobSummaries"]:
            yield describe(**{f"{kind}JobName": each[f"{kind}JobName"]})


def request_of(description: Mapping[str, Any], members: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Return the request, which has ``members``, for the same job as a described one; ``name`` is the name's member."""
    request = {key: value for key, value in description.items() if key in members}
    return {**request, name: f"again-{uuid.uuid4().hex[:12]}"}


def _run(stage: Stage, kind: str, description: Mapping[str, Any]) -> Callable[[], str | None]:
    def again() -> str | None:
        sagemaker, low, name = stage.client("sagemaker"), kind.lower(), f"{kind}JobName"
        members = sagemaker.meta.service_model.operation_model(f"Create{kind}Job").input_shape.members
        request = request_of(description, members, name=name)
        getattr(sagemaker, f"create_{low}_job")(**request)

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = getattr(sagemaker, f"describe_{low}_job")(**{name: request[name]})
            return job if job[f"{kind}JobStatus"] not in {"InProgress", "Stopping"} else None

        job = stage.until(f"job {request[name]} ends", ended)
        return None if job[f"{kind}JobStatus"] == "Completed" else str(job["FailureReason"])

    return again


# ---- the feature store


def feature_groups(stage: Stage) -> Iterator[Use]:
    """Yield the roles that write features to the lake: a record that is there is put again."""
    sagemaker = stage.client("sagemaker")
    for page in stage.pages("sagemaker", "list_feature_groups"):
        for each in page["FeatureGroupSummaries"]:
            group = sagemaker.describe_feature_group(FeatureGroupName=each["FeatureGroupName"])
            if "RoleArn" in group:
                name = group["FeatureGroupName"]
                yield Use(
                    role=role_name(group["RoleArn"]),
                    what=f"feature group {name}",
                    again=_put_record(stage, name, role_name(group["RoleArn"])),
                    repeatable=True,
                )


def _put_record(stage: Stage, group: str, role: str) -> Callable[[], str | None]:
    def again() -> str | None:
        store = stage.client("sagemaker-featurestore-runtime")
        basket = stage.weeks.baskets(0, most=1)[0][0]["BASKET_ID"]
        found = store.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=basket)
        if "Record" not in found:
            raise UnmetExpectationError(f"feature group {group} has no record of basket {basket}")
        began = datetime.now(UTC)
        store.put_record(FeatureGroupName=group, Record=found["Record"])

        def decided() -> dict[str, Any] | None:
            said = stage.decisions(role, since=began)
            return said if "s3:PutObject" in said["allowed"] or said["refused"] else None

        if not stage.until("the record is on its way to the lake", decided)["refused"]:
            return None

        def blocked() -> str | None:
            status = stage.client("sagemaker").describe_feature_group(FeatureGroupName=group)["OfflineStoreStatus"]
            return str(status["BlockedReason"]) if status["Status"] == "Blocked" else None

        return stage.until("the group says that it is blocked", blocked)

    return again
