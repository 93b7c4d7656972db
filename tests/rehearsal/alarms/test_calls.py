"""Alarms by AWS's API: made, raised, told of and read back, in an emulator."""

import inspect
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.services import cloudwatch

from rehearsal.world import World
from tests.rehearsal.events.shared import messages, policy, queue, until

RULE = {
    "MetricName": "Latency",
    "Namespace": "Shop",
    "Dimensions": [{"Name": "Environment", "Value": "dev"}],
    "ExtendedStatistic": "p95",
    "Period": 60,
    "EvaluationPeriods": 2,
    "DatapointsToAlarm": 1,
    "Threshold": 5,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


def topic(world: World, name: str, *, key: str | None = None) -> tuple[str, str]:
    """Make a topic that CloudWatch may publish to, and a queue that hears it: its ARN, the queue's address."""
    sns = world.client("sns")
    arn: str = sns.create_topic(Name=name, Attributes={"KmsMasterKeyId": key} if key else {})["TopicArn"]
    publishes = {"Action": "sns:Publish", "Resource": arn}
    statements = [
        {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, **publishes},
        {"Effect": "Deny", "Principal": "*", **publishes, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)
    url, heard = queue(world, f"hears-{name}", service="sns")
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=heard)
    return arn, url


def key(world: World, *services: str) -> str:
    """Make a key that services may use."""
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{world.account}:root"}, "Action": "kms:*"}
    theirs = {
        "Effect": "Allow",
        "Principal": {"Service": [f"{each}.amazonaws.com" for each in services]},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": "arn:aws:sns:*:*:alerts"}},
    }
    statements = [{**each, "Resource": "*"} for each in ([own, theirs] if services else [own])]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    arn: str = world.client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"]
    return arn


def state(world: World, name: str) -> Callable[[], Any]:
    def look() -> str:
        found = world.client("cloudwatch").describe_alarms(
            AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        value: str = (found["MetricAlarms"] or found["CompositeAlarms"])[0]["StateValue"]
        return value

    return look


def test_an_alarm_is_raised_told_of_and_over(world: World) -> None:
    cloudwatch, events = world.client("cloudwatch"), world.client("events")
    alerts, told = topic(world, "alerts", key=key(world, "cloudwatch"))
    url, changes = queue(world, "changes", service="events")
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": ["slow"], "state": {"value": ["ALARM"]}}}
    events.put_rule(Name="changes", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="changes", Targets=[{"Id": "queue", "Arn": changes}])
    cloudwatch.put_metric_alarm(AlarmName="slow", AlarmActions=[alerts], OKActions=[alerts], **RULE)
    cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule='ALARM("slow") AND NOT ALARM(slow) OR ALARM("slow")')
    until(lambda: state(world, "slow")() == "OK")

    data = {"MetricName": "Latency", "Dimensions": RULE["Dimensions"], "Values": [1.0, 9.0], "Counts": [90, 10]}
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[data])

    (event,) = until(lambda: messages(world, url))
    detail = event["detail"]
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == [f"arn:aws:cloudwatch:{world.region}:{world.account}:alarm:slow"]
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("OK", "ALARM")
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [9.0]
    (metric,) = detail["configuration"]["metrics"]
    assert metric["metricStat"] == {
        "metric": {"namespace": "Shop", "name": "Latency", "dimensions": {"Environment": "dev"}},
        "period": 60,
        "stat": "p95",
    }
    assert state(world, "any")() == "ALARM"
    until(lambda: state(world, "any")() == "OK")
    subjects = [each["Subject"] for each in until(lambda: messages(world, told))]
    assert 'ALARM: "slow" in Asia Pacific (Singapore)' in subjects
    history = cloudwatch.describe_alarm_history(AlarmName="slow", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [each["HistorySummary"] for each in history if each["HistoryItemType"] == "StateUpdate"] == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


@pytest.mark.parametrize(
    ("name", "encrypted", "says"),
    [("open", False, "does not allow cloudwatch"), ("sealed", True, r"key .* does not allow cloudwatch")],
)
def test_a_topic_that_cloudwatch_may_not_use_hears_nothing_and_the_history_says_so(
    world: World, name: str, encrypted: bool, says: str
) -> None:
    cloudwatch, sns = world.client("cloudwatch"), world.client("sns")
    arn, url = topic(world, name, key=key(world) if encrypted else None)
    if not encrypted:
        others = policy(Principal={"AWS": world.account}, Action="sns:Publish", Resource=arn)
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=others)
    cloudwatch.put_metric_alarm(AlarmName=name, AlarmActions=[arn], **{**RULE, "Namespace": "Nothing"})

    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a try")

    (item,) = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")["AlarmHistoryItems"]
    assert item["HistorySummary"].startswith(f"Failed to execute action {arn}")
    assert re.search(says, item["HistorySummary"])
    assert messages(world, url) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ExtendedStatistic": "tm90"}, "Stat tm90: not emulated"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "GreaterThanUpperThreshold: not emulated"),
        ({"DatapointsToAlarm": 3}, "DatapointsToAlarm must be at most EvaluationPeriods"),
        ({"Period": 45}, "Period 45: must be 10, 20, 30 or a multiple of 60"),
        ({"Period": 86_400, "EvaluationPeriods": 8}, "cannot be checked across more than a day"),
        ({"TreatMissingData": "good"}, "'good' is not a valid Missing"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "only 'evaluate' is emulated"),
        ({"AlarmActions": ["arn:aws:automate:ap-southeast-1:ec2:stop"]}, "only SNS topics"),
    ],
)
def test_what_is_wrong_or_not_emulated_is_refused(world: World, change: dict[str, Any], says: str) -> None:
    with pytest.raises(ClientError, match=says):
        world.client("cloudwatch").put_metric_alarm(AlarmName="refused", **{**RULE, **change})


def test_an_expression_with_an_unknown_function_is_refused(world: World) -> None:
    metric = {"Namespace": "Shop", "MetricName": "Latency"}
    queries = [
        {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m)"},
    ]
    rule = {key: RULE[key] for key in ("EvaluationPeriods", "Threshold", "ComparisonOperator")}

    with pytest.raises(ClientError, match="ANOMALY_DETECTION_BAND is not known here"):
        world.client("cloudwatch").put_metric_alarm(AlarmName="refused", Metrics=queries, **rule)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('ALARM("nothing")', "do not exist"),
        ("ALARM(", "Unsupported token"),
    ],
)
def test_a_composite_alarm_over_nothing_is_refused(world: World, rule: str, says: str) -> None:
    with pytest.raises(ClientError, match=says):
        world.client("cloudwatch").put_composite_alarm(AlarmName="refused", AlarmRule=rule)


def test_an_alarm_that_another_needs_is_not_deleted(world: World) -> None:
    cloudwatch = world.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="needed", **RULE)
    cloudwatch.put_composite_alarm(AlarmName="needs", AlarmRule="ALARM(needed)")

    with pytest.raises(ClientError, match="composite alarm"):
        cloudwatch.delete_alarms(AlarmNames=["needed"])
    cloudwatch.delete_alarms(AlarmNames=["needs"])
    cloudwatch.delete_alarms(AlarmNames=["needed"])
    assert cloudwatch.describe_alarms(AlarmNames=["needed"])["MetricAlarms"] == []


def test_what_is_switched_off_of_the_emulators_own_is_where_it_was() -> None:
    assert "_evaluate_all_alarms()" in inspect.getsource(cloudwatch._put_metric_data)
    assert "_evict_old_metrics()" in inspect.getsource(cloudwatch.handle_request)
