"""A change of an alarm's state: in its description, its history, as an event, and by its actions."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge

from rehearsal.emulator.alarms.evaluation import State
from rehearsal.emulator.alarms.notices import instant, tell

METRIC: Final = "MetricAlarm"
COMPOSITE: Final = "CompositeAlarm"
_ACTIONS: Final = {
    State.OK: "OKActions",
    State.ALARM: "AlarmActions",
    State.INSUFFICIENT_DATA: "InsufficientDataActions",
}
_logger: Final = logging.getLogger("alarms")
Alarm = dict[str, Any]


def kind(alarm: Mapping[str, Any]) -> str:
    """Return which of the two types an alarm is of."""
    return COMPOSITE if "AlarmRule" in alarm else METRIC


def change(alarm: Alarm, new: State, reason: str, data: Mapping[str, Any] | None, *, now: float) -> State:
    """Put an alarm into state ``new``, write its history and publish the event; return the state before.

    The actions are not run: whoever calls knows whether they are held back.
    """
    before = _state(alarm)
    alarm.update(
        StateValue=str(new),
        StateReason=reason,
        StateReasonData=json.dumps(data) if data is not None else None,
        StateUpdatedTimestamp=now,
        StateTransitionedTimestamp=now,
    )
    after = _state(alarm)
    record(
        alarm,
        "StateUpdate",
        f"Alarm updated from {before['value']} to {new}",
        {"version": "1.0", "type": kind(alarm), "oldState": _kept(before), "newState": _kept(after)},
        now=now,
    )
    _publish(alarm, before, after)
    return State(before["value"])


def record(alarm: Mapping[str, Any], what: str, summary: str, data: Mapping[str, Any], *, now: float) -> None:
    """Add an item to an alarm's history."""
    cloudwatch._history_entries().append(
        {
            "AlarmName": alarm["AlarmName"],
            "AlarmType": kind(alarm),
            "Timestamp": now,
            "HistoryItemType": what,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data),
        }
    )


def act(alarm: Alarm, before: State, *, now: float) -> None:
    """Run the actions of the state that an alarm is in, and write into its history how that went."""
    state = State(alarm["StateValue"])
    if not alarm.get("ActionsEnabled", True):
        return
    for action in alarm.get(_ACTIONS[state], []):
        failure = tell(action, alarm, before, now=now)
        summary = f"Successfully executed action {action}"
        if failure:
            summary = f'Failed to execute action {action}. Received error: "{failure}"'
            _logger.warning("%s: %s", alarm["AlarmName"], summary)
        data = {"actionState": "Failed" if failure else "Succeeded", "notificationResource": action, "error": failure}
        record(alarm, "Action", summary, data, now=now)


def _state(alarm: Mapping[str, Any]) -> dict[str, Any]:
    state = {"value": alarm["StateValue"], "reason": alarm["StateReason"]}
    if alarm.get("StateReasonData"):
        state["reasonData"] = alarm["StateReasonData"]
    return {**state, "timestamp": instant(alarm["StateUpdatedTimestamp"])}


def _kept(state: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"stateValue": state["value"], "stateReason": state["reason"]}
    return {**kept, **({"stateReasonData": json.loads(state["reasonData"])} if "reasonData" in state else {})}


def _publish(alarm: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Publish "CloudWatch Alarm State Change", as the user guide shows it."""
    detail = {
        "alarmName": alarm["AlarmName"],
        "configuration": _configuration(alarm),
        "previousState": before,
        "state": after,
    }
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Resources": [alarm["AlarmArn"]],
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _configuration(alarm: Mapping[str, Any]) -> dict[str, Any]:
    about = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    if kind(alarm) == METRIC:
        return {**about, "metrics": [_metric(each) for each in _metrics(alarm)]}
    names = ("AlarmRule", "ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    return {**about, **{name[0].lower() + name[1:]: alarm[name] for name in names if name in alarm}}


def _metrics(alarm: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if "Metrics" in alarm:
        found: Sequence[Mapping[str, Any]] = alarm["Metrics"]
        return found
    metric = {each: alarm[each] for each in ("Namespace", "MetricName", "Dimensions") if each in alarm}
    stat = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return [{"Id": "only", "MetricStat": {"Metric": metric, "Period": alarm["Period"], "Stat": stat}}]


def _metric(query: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if "Expression" in query:
        label = {"label": query["Label"]} if "Label" in query else {}
        return {**shown, "expression": query["Expression"], **label}
    metric, stat = query["MetricStat"]["Metric"], query["MetricStat"]
    found = {
        "namespace": metric["Namespace"],
        "name": metric["MetricName"],
        "dimensions": {each["Name"]: each["Value"] for each in metric.get("Dimensions", [])},
    }
    return {**shown, "metricStat": {"metric": found, "period": stat["Period"], "stat": stat["Stat"]}}


def arn(name: str) -> str:
    """Return the ARN of an alarm of the present account and region."""
    return f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"
