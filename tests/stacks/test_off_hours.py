"""Nights: nodes sleep where the settings say so, and the schedules can do no more than that."""

import json
from typing import Any

import pytest

from config import names
from config.settings import load_environment
from tests.stacks.assembly import environment
from tests.stacks.test_eks import eks, statements

sleeping = pytest.mark.parametrize("name", ["dev", "stg"])


def schedules(name: str) -> dict[str, dict[str, Any]]:
    """Schedules by ``stop-api`` and so on."""
    found = eks(name, "AWS::Scheduler::Schedule").values()
    return {schedule["Name"].removeprefix(f"mlops-{name}-"): schedule for schedule in found}


def call(schedule: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What a schedule asks of EKS, and the logical id of the node group that it asks it for."""
    groups: list[str] = []
    text = ""
    for part in schedule["Target"]["Input"]["Fn::Join"][1]:
        if isinstance(part, str):
            text += part
        else:
            groups.append(part["Fn::GetAtt"][0])
            text += "the group"
    (group,) = groups
    return json.loads(text), group


@sleeping
def test_nodes_go_to_zero_at_night_and_come_back_in_the_settings_sizes(name: str) -> None:
    settings = load_environment(name)
    hours = settings.off_hours
    assert hours is not None
    groups = environment(name).resources("AWS::EKS::Nodegroup")
    for workload, sizes in (("api", settings.eks.api), ("batch", settings.eks.batch)):
        stop, start = (schedules(name)[f"{verb}-{workload}"] for verb in ("stop", "start"))
        for schedule, when in ((stop, hours.stop), (start, hours.start)):
            asked, group = call(schedule)
            assert schedule["ScheduleExpression"] == when
            assert schedule["ScheduleExpressionTimezone"] == hours.timezone
            assert schedule.get("State", "ENABLED") == "ENABLED"
            assert json.dumps(schedule["Target"]["Arn"]).endswith('scheduler:::aws-sdk:eks:updateNodegroupConfig"]]}')
            assert asked["ClusterName"] == f"mlops-{name}-eks"
            assert groups[group]["Properties"]["Labels"] == {names.WORKLOAD_LABEL: workload}
        assert call(stop)[0]["ScalingConfig"] == {"MinSize": 0, "DesiredSize": 0, "MaxSize": 1}
        assert call(start)[0]["ScalingConfig"] == {
            "MinSize": sizes.minimum,
            "DesiredSize": sizes.desired,
            "MaxSize": sizes.maximum,
        }


def test_prod_never_sleeps() -> None:
    assert schedules("prod") == {}
    assert eks("prod", "AWS::Scheduler::ScheduleGroup") == {}


@sleeping
def test_schedules_resize_the_two_node_groups_and_can_do_nothing_else(name: str) -> None:
    groups = [{"Fn::GetAtt": [logical, "Arn"]} for logical in eks(name, "AWS::EKS::Nodegroup")]
    resize, decrypt = statements(name, "OffHoursRole")

    assert (resize["Action"], resize["Resource"]) == ("eks:UpdateNodegroupConfig", groups)
    assert decrypt["Action"] == "kms:Decrypt"
    assert decrypt["Resource"] == schedules(name)["stop-api"]["KmsKeyArn"]


@sleeping
def test_only_this_environments_schedules_assume_the_off_hours_role(name: str) -> None:
    (role,) = (role for logical, role in eks(name, "AWS::IAM::Role").items() if logical.startswith("OffHoursRole"))
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    source = json.dumps(trust["Condition"]["StringEquals"]["aws:SourceArn"])

    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert f":schedule-group/mlops-{name}-off-hours" in source
    assert {schedule["GroupName"]["Ref"] for schedule in schedules(name).values()} == set(
        eks(name, "AWS::Scheduler::ScheduleGroup")
    )
