"""What alarms send to SNS topics: CloudWatch's message, if the topic and its key let CloudWatch."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, sns

from rehearsal.emulator.alarms.evaluation import State

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
    topic = sns._topic_by_arn_any_scope(action)
    if topic is None:
        return "Topic does not exist"
    if not sns.topic_policy_allows(action, _SERVICE, alarm["AlarmArn"], get_account_id()):
        return f"Resource: {action} does not allow {_SERVICE} to call SNS:Publish"
    key = topic.get("attributes", {}).get("KmsMasterKeyId")
    if key and not _may_encrypt(key, alarm["AlarmArn"]):
        return f"CloudWatch Alarms does not have authorization to access the SNS topic encryption key {key}."
    region = _REGIONS.get(get_region(), get_region())
    message = json.dumps(_message(alarm, before, region, now=now))
    subject = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {region}'
    sns.publish_internal(action, message, subject[:100])
    return None


def _may_encrypt(key: str, source: str) -> bool:
    """Whether a key's policy lets CloudWatch do what publishing to an encrypted topic needs."""
    found = kms._resolve_key(key)
    policy = (found or {}).get("Policy")
    return found is not None and all(
        evaluate_resource_policy(
            policy,
            EvalContext(
                principal_arn="*",
                principal_type="Service",
                principal_account="",
                action=action,
                resource_arn=found["Arn"],
                region=get_region(),
                service_context={"aws:sourcearn": source, "aws:sourceaccount": get_account_id()},
            ),
            service=_SERVICE,
        ).decision
        == "Allow"
        for action in ("kms:Decrypt", "kms:GenerateDataKey")
    )


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
