"""EventBridge Scheduler: what a schedule does when its time comes, as its role; and its time, in its time zone.

Targets are state machines and AWS's own calls (``arn:aws:scheduler:::aws-sdk:service:operation``); others are refused
when they fire. A failed call is not tried again, whatever the retry policy says.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from ministack.core.responses import request_scope
from ministack.services import eventbridge, scheduler
from ministack.services.cloudformation import provisioners

from rehearsal.emulator import control, fidelity
from rehearsal.emulator.front import Front
from rehearsal.emulator.grants import role_refusal
from rehearsal.emulator.parameters import model_of
from rehearsal.emulator.roles import AssumeRoleError, Credentials, assume
from rehearsal.emulator.settings import Settings

_SERVICE: Final = "scheduler.amazonaws.com"
_SDK: Final = "arn:aws:scheduler:::aws-sdk:"
# What Scheduler's target ARNs call a service, where botocore has another name for it.
_CLIENTS: Final = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs"}
_LOOK_SECONDS: Final = 1
_logger: Final = logging.getLogger("schedules")
Schedule = Mapping[str, Any]


class ScheduleError(Exception):
    """A schedule could not do what it is for."""


def install(settings: Settings) -> None:
    """Fire schedules as their roles, when they are due or when a driver asks for it."""
    fidelity.emulated("AWS::Scheduler::Schedule", "Targets are state machines and SDK calls; each is called once.")
    front = Front(settings)
    last: dict[tuple[str, str, str], float] = {}
    scheduler._SCHEDULE_TICK_INTERVAL = _LOOK_SECONDS
    scheduler._tick_schedules = lambda: _fire_due(front, last, now=time.time())
    provisioners._RESOURCE_HANDLERS["AWS::Scheduler::Schedule"] = {
        "create": _create,
        "update": _update,
        "delete": provisioners._scheduler_schedule_delete,
    }

    def fire_now(parts: Mapping[str, str], _: Any) -> Mapping[str, Any]:
        schedule = scheduler._schedules.get(f"{parts['group']}/{parts['name']}")
        if schedule is None:
            raise control.ControlError(f"there is no schedule {parts['name']} in group {parts['group']}")
        try:
            return fire(schedule, front)
        except ScheduleError as error:
            raise control.ControlError(str(error)) from error

    control.route("POST", "schedules/(?P<group>[^/]+)/(?P<name>[^/]+)/fire", fire_now)


def fire(schedule: Schedule, front: Front) -> dict[str, Any]:
    """Call what a schedule is for, as its role; return what was answered. Not to be called on the event loop.

    Raises:
        ScheduleError: there is no such role, it does not trust Scheduler for this group, or may not make the call.

    """
    target, name, key = schedule["Target"], schedule["Name"], schedule.get("KmsKeyArn")
    role, group = target["RoleArn"], scheduler._group_arn(schedule["GroupName"])
    refusal = key and role_refusal(role, "kms:Decrypt", key, service=_SERVICE, source=group, session=name)
    if refusal:
        raise ScheduleError(f"schedule {name}: {refusal}")
    try:
        answer = _call(target, assume(role, service=_SERVICE, session=name, source=group), front)
    except (AssumeRoleError, BotoCoreError, ClientError) as error:
        raise ScheduleError(f"schedule {name}: {error}") from error
    return {key: str(value) for key, value in answer.items() if key != "ResponseMetadata"}


def _call(target: Mapping[str, Any], credentials: Credentials, front: Front) -> dict[str, Any]:
    arn, given = target["Arn"], target.get("Input") or "{}"
    if arn.startswith("arn:aws:states:"):
        client = front.client("stepfunctions", credentials)
        started: dict[str, Any] = client.start_execution(stateMachineArn=arn, input=given)
        return started
    if not arn.startswith(_SDK):
        raise ScheduleError(f"target {arn}: not emulated")
    service, _, operation = arn.removeprefix(_SDK).partition(":")
    service = _CLIENTS.get(service, service)
    title = operation[0].upper() + operation[1:]
    shape = model_of(service).operation_model(title).input_shape
    call = getattr(front.client(service, credentials), xform_name(title))
    answer: dict[str, Any] = call(**_named(json.loads(given), shape))
    return answer


def _named(given: Any, shape: Any) -> Any:
    """Return input with its members named as the service's API has them: Scheduler takes them capitalized."""
    kind = shape.type_name
    if kind == "structure" and isinstance(given, dict):
        names = {name[0].upper() + name[1:]: name for name in shape.members}
        unknown = [each for each in given if each not in names]
        if unknown:
            raise ScheduleError(f"input: {', '.join(unknown)} is none of {', '.join(names)}")
        return {names[key]: _named(value, shape.members[names[key]]) for key, value in given.items()}
    if kind == "list" and isinstance(given, list):
        return [_named(each, shape.member) for each in given]
    if kind == "map" and isinstance(given, dict):
        return {key: _named(each, shape.value) for key, each in given.items()}
    return given


def _fire_due(front: Front, last: dict[tuple[str, str, str], float], *, now: float) -> None:
    """Fire each schedule whose time has come since it was fired last, or made."""
    for place, schedule in list(scheduler._schedules._data.items()):
        account, region, _ = place
        before = max(last.get(place, 0.0), schedule["CreationDate"])
        try:
            if schedule.get("State") != "ENABLED" or not due(schedule, before=before, now=now):
                continue
        except ScheduleError as error:
            _logger.warning("%s", error)
            continue
        last[place] = now
        threading.Thread(target=_fire_alone, args=(schedule, front, account, region), daemon=True).start()


def _fire_alone(schedule: Schedule, front: Front, account: str, region: str) -> None:
    try:
        with request_scope(account, region):
            fire(schedule, front)
    except ScheduleError as error:
        _logger.warning("%s", error)


def due(schedule: Schedule, *, before: float, now: float) -> bool:
    """Whether a schedule's time has come after ``before`` and up to ``now``, both in seconds since 1970."""
    for bound, sign in (("StartDate", -1), ("EndDate", 1)):
        limit = scheduler._to_epoch(schedule.get(bound))
        if limit is not None and sign * (now - limit) > 0:
            return False
    expression = schedule["ScheduleExpression"]
    zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    once: float | None = scheduler._at_time_epoch(expression)
    if once is not None:
        once = datetime.fromtimestamp(once, tz=UTC).replace(tzinfo=zone).timestamp()
        return before < once <= now
    seconds: float | None = eventbridge._parse_rate_seconds(expression)
    if seconds is not None:
        return now - before >= seconds
    fields = eventbridge._parse_cron_fields(expression)
    if fields is None:
        raise ScheduleError(f"ScheduleExpression {expression}: cannot be read")
    # ministack reckons in UTC: it is given the zone's wall clock under that name.
    local = datetime.fromtimestamp(before, tz=zone).replace(tzinfo=UTC)
    following = eventbridge._cron_next_fire(fields, local)
    return following is not None and bool(following.replace(tzinfo=zone).timestamp() <= now)


_DONE: Final = 200
_KEPT: Final = (
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "FlexibleTimeWindow",
    "Target",
    "GroupName",
    "State",
    "Description",
    "KmsKeyArn",
    "StartDate",
    "EndDate",
)


def _create(logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    name = properties.get("Name") or provisioners._physical_name(stack, logical_id, max_len=64)
    return _put(scheduler._create_schedule, name, properties)


def _update(physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    if (new.get("Name"), new.get("GroupName")) == (old.get("Name"), old.get("GroupName")):
        return _put(scheduler._update_schedule, physical_id, new)
    made = _create(physical_id, new, stack)
    provisioners._scheduler_schedule_delete(physical_id, old)
    return made


def _put(call: Any, name: str, properties: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    body = {key: properties[key] for key in _KEPT if properties.get(key) is not None}
    status, _, answer = call(name, body)
    if status != _DONE:
        raise ValueError(f"AWS::Scheduler::Schedule {name}: {json.loads(answer)['Message']}")
    return name, {"Arn": json.loads(answer)["ScheduleArn"]}
