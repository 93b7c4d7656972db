"""EventBridge Scheduler: what a schedule does when it fires, as whom, and when it is due."""

import json
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.control import fire_schedule
from rehearsal.emulator.schedules import due
from rehearsal.processes import RehearsalError
from rehearsal.world import World
from tests.rehearsal.events.shared import inputs, machine, messages, queue, role

CRON = "cron(0 3 ? * MON *)"
UPDATE = "arn:aws:scheduler:::aws-sdk:eks:updateNodegroupConfig"


def schedule(world: World, group: str, *, target: str, role_arn: str, given: Any, **more: Any) -> None:
    client = world.client("scheduler")
    client.create_schedule_group(Name=group)
    client.create_schedule(
        Name="one",
        GroupName=group,
        ScheduleExpression=CRON,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": target, "RoleArn": role_arn, "Input": json.dumps(given)},
        **more,
    )


def of_group(world: World, group: str) -> str:
    return f"arn:aws:scheduler:{world.region}:{world.account}:schedule-group/{group}"


def test_a_schedule_starts_its_machine_with_its_input_as_its_role(world: World) -> None:
    arn = machine(world, "weekly")
    starter = role(
        world,
        "weekly-starter",
        service="scheduler",
        source=of_group(world, "weekly"),
        Action="states:StartExecution",
        Resource=arn,
    )
    schedule(world, "weekly", target=arn, role_arn=starter, given={"trigger": "schedule"})

    fire_schedule(world, group="weekly", name="one")

    assert inputs(world, arn) == [{"trigger": "schedule"}]


def test_a_schedule_whose_role_may_not_says_what_is_missing(world: World) -> None:
    arn = machine(world, "forbidden")
    starter = role(world, "forbidden-starter", service="scheduler")
    schedule(world, "forbidden", target=arn, role_arn=starter, given={})

    with pytest.raises(RehearsalError, match=r"AccessDenied.*forbidden-starter.*states:StartExecution"):
        fire_schedule(world, group="forbidden", name="one")
    assert inputs(world, arn) == []


def test_an_encrypted_schedule_needs_its_key(world: World) -> None:
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    arn = machine(world, "encrypted")
    may = ["states:StartExecution", "kms:Decrypt"]
    for name, resources in (("without-key", [arn]), ("with-key", [arn, key])):
        starter = role(world, f"{name}-starter", service="scheduler", Action=may, Resource=resources)
        schedule(world, name, target=arn, role_arn=starter, given={}, KmsKeyArn=key)

    with pytest.raises(RehearsalError, match=r"without-key-starter.*kms:Decrypt"):
        fire_schedule(world, group="without-key", name="one")
    fire_schedule(world, group="with-key", name="one")


def test_a_role_of_another_group_is_refused(world: World) -> None:
    arn = machine(world, "stranger")
    starter = role(
        world,
        "stranger-starter",
        service="scheduler",
        source=of_group(world, "its-own"),
        Action="states:StartExecution",
        Resource=arn,
    )
    schedule(world, "stranger", target=arn, role_arn=starter, given={})

    with pytest.raises(RehearsalError, match="not authorized to perform: sts:AssumeRole"):
        fire_schedule(world, group="stranger", name="one")


def test_a_schedule_that_is_not_there_is_said_so(world: World) -> None:
    with pytest.raises(RehearsalError, match="there is no schedule nothing in group nowhere"):
        fire_schedule(world, group="nowhere", name="nothing")


def test_aws_own_calls_are_made_with_their_members_as_the_api_names_them(world: World) -> None:
    url, arn = queue(world, "of-the-schedule", service="nobody")
    sender = role(world, "sender", service="scheduler", Action="sqs:SendMessage", Resource=arn)
    attributes = {"Kind": {"DataType": "String", "StringValue": "weekly"}}
    given = {"QueueUrl": url, "MessageBody": '{"week": 1}', "MessageAttributes": attributes}
    schedule(world, "sends", target="arn:aws:scheduler:::aws-sdk:sqs:sendMessage", role_arn=sender, given=given)

    fire_schedule(world, group="sends", name="one")

    assert messages(world, url) == [{"week": 1}]


def test_a_node_group_is_resized_by_a_role_that_may_resize_that_one(world: World) -> None:
    eks = world.client("eks")
    network = {"subnetIds": ["subnet-1"]}
    nodes = role(world, "nodes", service="eks")
    eks.create_cluster(name="farm", roleArn=nodes, resourcesVpcConfig=network)
    groups = {}
    for name in ("api", "batch"):
        sizes = {"minSize": 1, "desiredSize": 2, "maxSize": 3}
        made = eks.create_nodegroup(
            clusterName="farm", nodegroupName=name, subnets=["subnet-1"], nodeRole=nodes, scalingConfig=sizes
        )
        groups[name] = made["nodegroup"]["nodegroupArn"]
    resizer = role(world, "resizer", service="scheduler", Action="eks:UpdateNodegroupConfig", Resource=groups["api"])
    asleep = {"MinSize": 0, "DesiredSize": 0, "MaxSize": 1}
    for name in groups:
        given = {"ClusterName": "farm", "NodegroupName": name, "ScalingConfig": asleep}
        schedule(world, f"stop-{name}", target=UPDATE, role_arn=resizer, given=given)

    fire_schedule(world, group="stop-api", name="one")
    with pytest.raises(RehearsalError, match=r"resizer.*not authorized to perform: eks:UpdateNodegroupConfig"):
        fire_schedule(world, group="stop-batch", name="one")

    described = eks.describe_nodegroup(clusterName="farm", nodegroupName="api")["nodegroup"]
    assert described["scalingConfig"] == {"minSize": 0, "desiredSize": 0, "maxSize": 1}
    with pytest.raises(ClientError, match="do not go together"):
        eks.update_nodegroup_config(clusterName="farm", nodegroupName="api", scalingConfig={"minSize": 2})


def test_a_member_that_the_api_does_not_know_is_refused(world: World) -> None:
    reader = role(world, "misspelt", service="scheduler", Action="eks:UpdateNodegroupConfig", Resource="*")
    schedule(world, "misspelt", target=UPDATE, role_arn=reader, given={"Cluster": "none"})

    with pytest.raises(RehearsalError, match="Cluster is none of ClusterName, NodegroupName"):
        fire_schedule(world, group="misspelt", name="one")


@pytest.mark.parametrize(
    ("zone", "time", "expected"),
    [
        ("UTC", "2026-11-23T03:00:00+00:00", True),
        ("UTC", "2026-11-23T02:59:59+00:00", False),
        ("Asia/Singapore", "2026-11-22T19:00:00+00:00", True),
        ("Asia/Singapore", "2026-11-22T18:59:59+00:00", False),
        ("America/New_York", "2026-11-23T08:00:00+00:00", True),
        ("America/New_York", "2026-11-23T03:00:00+00:00", False),
    ],
)
def test_a_cron_is_due_by_the_clock_of_its_zone(zone: str, time: str, expected: bool) -> None:
    before = datetime.fromisoformat("2026-11-22T12:00:00+00:00").timestamp()
    weekly = {"ScheduleExpression": CRON, "ScheduleExpressionTimezone": zone}

    assert due(weekly, before=before, now=datetime.fromisoformat(time).timestamp()) is expected
