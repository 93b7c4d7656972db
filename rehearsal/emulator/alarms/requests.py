"""The calls that ministack's CloudWatch answers otherwise: on alarms they go to the watch."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from rehearsal.emulator.alarms.data import metric_data, metric_statistics
from rehearsal.emulator.alarms.definitions import AlarmError, check
from rehearsal.emulator.alarms.evaluation import State
from rehearsal.emulator.alarms.watch import Watch

_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
Answer = tuple[int, dict[str, str], bytes]
_Handler = Callable[[Any, Mapping[str, Any], bool, bool], Answer]


def install(watch: Watch) -> None:
    """Put the watch behind the calls on alarms and templates' metric alarms; let metrics be read as AWS has it."""
    cloudwatch._put_metric_alarm = _handler(lambda request: _done(watch.put_metric_alarm(request, now=time.time())))
    cloudwatch._put_composite_alarm = _handler(
        lambda request: _done(watch.put_composite_alarm(request, now=time.time()))
    )
    cloudwatch._set_alarm_state = _handler(lambda request: _set_state(watch, request))
    cloudwatch._get_metric_data = _handler(metric_data)
    cloudwatch._get_metric_statistics = _handler(metric_statistics)
    # ministack looks at alarms whenever a metric comes, and with each call copies all metrics to forget those of two
    # weeks ago: what another thread publishes at that moment would be lost.
    cloudwatch._evaluate_all_alarms = lambda: None
    cloudwatch._evict_old_metrics = lambda: None

    def put_from_template(name: str, properties: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        alarm = watch.put_metric_alarm(from_template(name, properties), now=time.time())
        cloudwatch.cloudformation_set_metric_alarm_tags(name, properties.get("Tags") or [])
        return name, {"Arn": alarm["AlarmArn"]}

    provisioners._cw_metric_alarm_put = put_from_template


def _done(_: object) -> dict[str, Any]:
    return {}


def _set_state(watch: Watch, request: Mapping[str, Any]) -> dict[str, Any]:
    check(request, "SetAlarmState")
    try:
        watch.set_state(
            request["AlarmName"], State(request["StateValue"]), request["StateReason"], None, now=time.time()
        )
    except ValueError as error:
        raise AlarmError(str(error)) from error
    return {}


def _handler(call: Callable[[Mapping[str, Any]], dict[str, Any]]) -> _Handler:
    def handle(_: Any, request: Mapping[str, Any], is_cbor: bool, is_json: bool) -> Answer:
        def refuse(code: str, message: str, status: int) -> Answer:
            found: Answer = cloudwatch._error(code, message, status, use_json=is_json, use_cbor=is_cbor)
            return found

        if not is_json:
            return refuse("InvalidAction", "This call is taken in AWS's JSON protocol only", _BAD_REQUEST)
        try:
            answer: Answer = cloudwatch._json_ok(call(request))
        except AlarmError as error:
            return refuse("ValidationError", str(error), _BAD_REQUEST)
        except KeyError as error:
            return refuse("ResourceNotFound", f"Alarm {error} not found", _NOT_FOUND)
        return answer

    return handle


_NUMBERS: Final[Mapping[str, Callable[[Any], float]]] = {
    "Threshold": float,
    "Period": int,
    "EvaluationPeriods": int,
    "DatapointsToAlarm": int,
}


def from_template(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request that a template's AWS::CloudWatch::Alarm is: its properties are named as the call's are."""
    request = {
        key: _NUMBERS[key](value) if key in _NUMBERS else value
        for key, value in properties.items()
        if key != "Tags" and value is not None
    }
    return {**request, "AlarmName": name}
