"""Schedules, rules and machines' metrics as templates make them."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from rehearsal.world import World
from tests.rehearsal.events.shared import machine, until

GROUP = "nightly"


def deploy(world: World, name: str, resources: dict[str, Any], *, update: bool = False) -> None:
    cloudformation = world.client("cloudformation")
    call = cloudformation.update_stack if update else cloudformation.create_stack
    call(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    waiter = cloudformation.get_waiter("stack_update_complete" if update else "stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})


def resources(world: World, *, hour: int) -> dict[str, Any]:
    account = f"{world.region}:{world.account}"
    return {
        "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": GROUP}},
        "Schedule": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "Name": "look",
                "GroupName": {"Ref": "Group"},
                "ScheduleExpression": f"cron(0 {hour} * * ? *)",
                "ScheduleExpressionTimezone": "Asia/Singapore",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "KmsKeyArn": f"arn:aws:kms:{account}:key/1",
                "Target": {
                    "Arn": f"arn:aws:states:{account}:stateMachine:look",
                    "RoleArn": f"arn:aws:iam::{world.account}:role/look",
                    "Input": '{"trigger": "schedule"}',
                    "RetryPolicy": {"MaximumRetryAttempts": 20},
                },
            },
        },
    }


def test_a_schedule_is_what_its_template_says_when_made_and_when_changed(world: World) -> None:
    scheduler = world.client("scheduler")

    deploy(world, "schedules", resources(world, hour=3))
    made = scheduler.get_schedule(GroupName=GROUP, Name="look")
    deploy(world, "schedules", resources(world, hour=4), update=True)
    changed = scheduler.get_schedule(GroupName=GROUP, Name="look")

    wanted = resources(world, hour=3)["Schedule"]["Properties"]
    for name in ("ScheduleExpressionTimezone", "KmsKeyArn", "Target", "FlexibleTimeWindow"):
        assert made[name] == changed[name] == wanted[name]
    assert (made["ScheduleExpression"], changed["ScheduleExpression"]) == ("cron(0 3 * * ? *)", "cron(0 4 * * ? *)")
    world.client("cloudformation").delete_stack(StackName="schedules")
    until(lambda: not scheduler.list_schedules(GroupName=GROUP)["Schedules"])


def test_a_schedule_fires_by_itself_when_it_is_due(world: World) -> None:
    """One whose role is missing, which the log says: that it was tried is enough."""
    scheduler = world.client("scheduler")
    now = datetime.now(UTC) + timedelta(seconds=6)
    target = {
        "Arn": f"arn:aws:states:{world.region}:{world.account}:stateMachine:none",
        "RoleArn": f"arn:aws:iam::{world.account}:role/none",
    }
    scheduler.create_schedule(
        Name="soon",
        ScheduleExpression=f"at({now:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )

    log = world.folder / "aws.log"
    until(lambda: "schedule soon: " in log.read_text(encoding="utf-8"))


def test_an_alarm_on_an_expression_is_what_its_template_says(world: World) -> None:
    stat = {"Metric": {"Namespace": "Shop", "MetricName": "Sales"}, "Period": 60, "Stat": "p95"}
    wanted = {
        "Metrics": [
            {"Id": "sales", "MetricStat": stat, "ReturnData": False},
            {"Id": "answer", "Expression": "IF(sales > 0, sales, 0)", "Label": "sales", "ReturnData": True},
        ],
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3,
        "Threshold": 0.5,
        "TreatMissingData": "notBreaching",
    }
    tags = [{"Key": "Owner", "Value": "us"}]
    properties = {"AlarmName": "from-template", "Tags": tags, **wanted}

    deploy(world, "alarms", {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}})

    cloudwatch = world.client("cloudwatch")
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["from-template"])["MetricAlarms"]
    assert {name: alarm[name] for name in wanted} == wanted
    assert tags[0] in cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]


def test_executions_are_counted_and_timed_by_machine(world: World) -> None:
    arn = machine(world, "counted")
    states, cloudwatch = world.client("stepfunctions"), world.client("cloudwatch")
    states.start_execution(stateMachineArn=arn)
    until(lambda: states.list_executions(stateMachineArn=arn, statusFilter="SUCCEEDED")["executions"])

    now = datetime.fromtimestamp(time.time(), tz=UTC)
    names = ("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionTime")
    counted = {
        name: cloudwatch.get_metric_statistics(
            Namespace="AWS/States",
            MetricName=name,
            Dimensions=[{"Name": "StateMachineArn", "Value": arn}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["SampleCount", "Maximum"],
        )["Datapoints"]
        for name in names
    }
    assert [sum(each["SampleCount"] for each in counted[name]) for name in names] == [1, 1, 1]
    # Milliseconds: a machine that only passes may take less than one.
    assert 0 <= counted["ExecutionTime"][0]["Maximum"] < 60_000
