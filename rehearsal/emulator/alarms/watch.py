"""All alarms: looked at when it is time, and changed."""

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from rehearsal.emulator.alarms.changes import Alarm, act, arn, change, record
from rehearsal.emulator.alarms.definitions import AlarmError, Definition, check, define
from rehearsal.emulator.alarms.evaluation import State, Verdict, judge
from rehearsal.emulator.alarms.notices import instant, topic_arn
from rehearsal.emulator.alarms.suppression import Suppression

_logger: Final = logging.getLogger("alarms")
_ACTIONS: Final = ("AlarmActions", "OKActions", "InsufficientDataActions")
_UNCHECKED: Final = "Unchecked: Initial alarm creation"
_LONGEST_NAME: Final = 255


class Watch:
    """The alarms of the emulator: those that ministack keeps, by CloudWatch's rules.

    A period, and a period of suppression, takes a ``speed``-th of its time.
    """

    def __init__(self, *, speed: float) -> None:
        self._speed = speed
        # Requests come in the emulator's loop, looks in a thread of their own.
        self._lock = threading.RLock()
        self._definitions: dict[str, Definition] = {}
        self._looked: dict[str, float] = {}
        self._held_back: dict[str, Suppression] = {}

    def put_metric_alarm(self, request: Mapping[str, Any], *, now: float) -> Alarm:
        """Make a metric alarm, or change one, which leaves it in the state that it is in.

        Raises:
            AlarmError: what is wrong with the request.

        """
        definition = define(request)
        with self._lock:
            alarm = self._put(cloudwatch._alarms, request, now=now)
            self._definitions[alarm["AlarmArn"]] = definition
            self._looked[alarm["AlarmArn"]] = now
            return alarm

    def put_composite_alarm(self, request: Mapping[str, Any], *, now: float) -> Alarm:
        """Make a composite alarm, or change one, and bring it into the state that its rule says.

        Raises:
            AlarmError: what is wrong with the request, or which alarm it names is not there.

        """
        check(request, "PutCompositeAlarm")
        with self._lock:
            self._check_references(request)
            alarm = self._put(cloudwatch._composite_alarms, request, now=now)
            self._held_back.pop(alarm["AlarmArn"], None)
            if "ActionsSuppressor" in request:
                self._held_back[alarm["AlarmArn"]] = Suppression(
                    wait=request["ActionsSuppressorWaitPeriod"] / self._speed,
                    extension=request["ActionsSuppressorExtensionPeriod"] / self._speed,
                    told=State(alarm["StateValue"]),
                )
            self._reconsider(alarm, None, now=now)
            return alarm

    def set_state(self, name: str, state: State, reason: str, data: Any, *, now: float) -> None:
        """Put an alarm into a state until it is looked at next.

        Raises:
            KeyError: there is no alarm of that name.

        """
        with self._lock:
            self._change(_alarm(name), state, reason, data, now=now)

    def look(self, *, now: float) -> None:
        """Look at each metric alarm whose time has come, and at what is held back."""
        with self._lock:
            for kept, look in ((cloudwatch._alarms, self._look_at), (cloudwatch._composite_alarms, self._release)):
                for (account, region, name), alarm in list(kept._data.items()):
                    try:
                        with request_scope(account, region):
                            look(alarm, now=now)
                    except Exception:  # one alarm's trouble must not be all others'
                        _logger.exception("alarm %s could not be looked at", name)

    def _put(self, kept: Any, request: Mapping[str, Any], *, now: float) -> Alarm:
        name = request["AlarmName"]
        other = cloudwatch._composite_alarms if kept is cloudwatch._alarms else cloudwatch._alarms
        if name in other:
            raise AlarmError(f"an alarm named {name} of the other type exists")
        for each in (action for field in _ACTIONS for action in request.get(field, [])):
            if not topic_arn(each):
                raise AlarmError(f"action {each}: only SNS topics of this account and region are emulated")
        before = kept.get(name)
        states = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp")
        initial = {
            "StateValue": str(State.INSUFFICIENT_DATA),
            "StateReason": _UNCHECKED,
            "StateUpdatedTimestamp": now,
            "StateTransitionedTimestamp": now,
        }
        alarm = {
            "ActionsEnabled": True,
            **{key: [] for key in _ACTIONS},
            **{key: value for key, value in request.items() if key != "Tags"},
            "AlarmArn": arn(name),
            "AlarmConfigurationUpdatedTimestamp": now,
            **({key: before[key] for key in states if key in before} if before else initial),
        }
        kept[name] = alarm
        if before is None and request.get("Tags"):
            cloudwatch._resource_tags[alarm["AlarmArn"]] = {each["Key"]: each["Value"] for each in request["Tags"]}
        done = "updated" if before else "created"
        data = {"version": "1.0", "type": "Update" if before else "Create"}
        record(alarm, "ConfigurationUpdate", f'Alarm "{name}" {done}', data, now=now)
        return alarm

    def _check_references(self, request: Mapping[str, Any]) -> None:
        try:
            named = cloudwatch._rule_refs(cloudwatch._parse_alarm_rule(request["AlarmRule"]))
        except ValueError as error:
            raise AlarmError(str(error)) from error
        if "ActionsSuppressor" in request:
            named = [*named, request["ActionsSuppressor"]]
            for each in ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"):
                if each not in request:
                    raise AlarmError(f"{each} is required with ActionsSuppressor")
        missing = [each for each in named if cloudwatch._rule_alarm_state(each) is None]
        if missing:
            raise AlarmError(f"Could not save the composite alarm as alarms {missing} do not exist")

    def _look_at(self, alarm: Alarm, *, now: float) -> None:
        definition = self._definitions.get(alarm["AlarmArn"])
        if definition is None:
            return
        every = definition.every / self._speed
        end = now // every * every
        if end <= self._looked[alarm["AlarmArn"]]:
            return
        self._looked[alarm["AlarmArn"]] = now
        points = definition.points(end=end, speed=self._speed)
        width = definition.period / self._speed
        starts = [end - (len(points) - at) * width for at in range(len(points))]
        times = [f"{datetime.fromtimestamp(each, tz=UTC):%d/%m/%y %H:%M:%S}" for each in starts]
        verdict = judge(points, definition.rule, times=times)
        if verdict.state and verdict.state != alarm["StateValue"]:
            data = _reason_data(definition, verdict, points, starts, now=now)
            self._change(alarm, verdict.state, verdict.reason, data, now=now)

    def _change(self, alarm: Alarm, state: State, reason: str, data: Any, *, now: float) -> None:
        if alarm["StateValue"] == state:
            return
        before = change(alarm, state, reason, data, now=now)
        held_back = self._held_back.get(alarm["AlarmArn"])
        if held_back is None:
            act(alarm, before, now=now)
        else:
            held_back.changed(state, now=now)
            self._release(alarm, now=now)
        for parent in cloudwatch._composite_alarms.values():
            if alarm["AlarmName"] in cloudwatch._composite_children(parent):
                self._reconsider(parent, alarm, now=now)

    def _reconsider(self, composite: Alarm, child: Alarm | None, *, now: float) -> None:
        """Bring a composite alarm into the state that its rule says, after a change of ``child`` or of its own."""
        state = State(cloudwatch._composite_rule_state(composite))
        if state == composite["StateValue"]:
            return
        reason = f"{composite['AlarmArn']} was created or updated and its alarm rule evaluates to {state}"
        if child is not None:
            at = datetime.fromtimestamp(child["StateUpdatedTimestamp"], tz=UTC)
            moment = f"{at:%A %d %B, %Y %H:%M:%S} UTC"
            reason = f"{child['AlarmArn']} transitioned to {child['StateValue']} at {moment}"
        triggering = [
            {
                "arn": each["AlarmArn"],
                "state": {"value": each["StateValue"], "timestamp": instant(each["StateUpdatedTimestamp"])},
            }
            for each in map(_alarm, cloudwatch._matching_children(composite, state))
        ]
        self._change(composite, state, reason, {"triggeringAlarms": triggering}, now=now)

    def _release(self, composite: Alarm, *, now: float) -> None:
        """Run the actions that nothing holds back any more."""
        held_back = self._held_back.get(composite["AlarmArn"])
        if held_back is None:
            return
        held_back.suppressor(
            raised=cloudwatch._rule_alarm_state(composite["ActionsSuppressor"]) == State.ALARM, now=now
        )
        before = held_back.told
        state = held_back.release(now=now)
        if state is not None:
            act(composite, before or State.INSUFFICIENT_DATA, now=now)
        by = held_back.by(now=now)
        composite["ActionsSuppressedBy"] = by
        composite["ActionsSuppressedReason"] = f"Actions suppressed by {by}" if by else None


def _alarm(name: str) -> Alarm:
    found: Alarm | None = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
    if found is None:
        raise KeyError(name)
    return found


def _reason_data(
    definition: Definition, verdict: Verdict, points: Any, starts: list[float], *, now: float
) -> dict[str, Any]:
    """The figures behind a change, as StateReasonData has them."""
    recent = [points[at] for at in verdict.used]
    data: dict[str, Any] = {
        "version": "1.0",
        "queryDate": instant(now),
        "period": definition.period,
        "recentDatapoints": recent,
        "threshold": definition.rule.threshold,
        "evaluatedDatapoints": [
            {"timestamp": instant(starts[at]), "value": points[at]} for at in reversed(verdict.used)
        ],
    }
    if verdict.used:
        data["startDate"] = instant(starts[verdict.used[0]])
    if definition.stat:
        data["statistic"] = definition.stat
    return data
