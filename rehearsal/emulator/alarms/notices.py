"""What alarms send to SNS topics: CloudWatch's message, if the topic and its key let CloudWatch."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ministack.core.responses import get_account_id, get_region
from ministack.services import sns

from rehearsal.emulator.alarms.evaluation import State
from rehearsal.emulator.grants import topic_refusal

_SERVICE: Final = "cloudwatch.amazonaws.com"
# What CloudWatch calls this region in its messages.
_REGIONS: Final = {"ap-southeast-1": "Asia Pacific (Singapore)", "us-east-1": "US East (N. Virginia)"}


def instant(at: float) -> str:
    """Return a time as CloudWatch's events have it."""
    moment = datetime.fromtimestamp(at, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def topic_arn(action: str) -> bool:
    """Whether an action is one that can be run here: an SNS topic of this account and region."""
    return action.startswith(f"arn:aws:sns:{get_region()}:{get_account_id()}:")


def tell(action: str, alarm: Mapping[str, Any], before: State, *, now: float) -> str | None:
    """Publish the message of an alarm's state to a topic; return what hindered it."""
    refusal = topic_refusal(action, service=_SERVICE, source=alarm["AlarmArn"])
    if refusal:
        return refusal
    region = _REGIONS.get(get_region(), get_region())
    message = json.dumps(_message(alarm, before, region, now=now))
    subject = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {region}'
    sns.publish_internal(action, message, subject[:100])
    return None


def _message(alarm: Mapping[str, Any], before: State, region: str, *, now: float) -> dict[str, Any]:
    names = ("AlarmName", "AlarmDescription", "AlarmArn", "OKActions", "AlarmActions", "InsufficientDataActions")
    common = {
        **{name: alarm.get(name) for name in names},
        "AWSAccountId": get_account_id(),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "OldStateValue": before,
        "StateChangeTime": instant(now),
        "Region": region,
    }
    if "AlarmRule" in alarm:
        children = json.loads(alarm.get("StateReasonData") or "{}").get("triggeringAlarms", [])
        triggering = [
            {"Arn": each["arn"], "State": {"Value": each["state"]["value"], "Timestamp": each["state"]["timestamp"]}}
            for each in children
        ]
        return {**common, "AlarmRule": alarm["AlarmRule"], "TriggeringChildren": triggering}
    rule = (
        "MetricName",
        "Namespace",
        "Statistic",
        "ExtendedStatistic",
        "Unit",
        "Dimensions",
        "Metrics",
        "Period",
        "EvaluationPeriods",
        "DatapointsToAlarm",
        "ComparisonOperator",
        "Threshold",
        "TreatMissingData",
    )
    return {**common, "Trigger": {name: alarm[name] for name in rule if name in alarm}}
