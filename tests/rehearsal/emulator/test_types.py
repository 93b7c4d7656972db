"""Resource types of CloudFormation: made by the emulator's own API, accepted, or refused."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.world import World


def test_a_type_that_ministack_lacks_is_there_for_every_caller_and_gone_with_its_stack(world: World) -> None:
    query = {
        "Type": "AWS::Athena::NamedQuery",
        "Properties": {"Database": "lake", "Name": "weeks", "QueryString": "SELECT 1", "WorkGroup": "primary"},
    }
    stack = _deployed(world, "queries", {"Query": query})
    athena = world.client("athena")
    made = stack["Outputs"][0]["OutputValue"]

    assert athena.get_named_query(NamedQueryId=made)["NamedQuery"]["QueryString"] == "SELECT 1"

    _deleted(world, "queries")

    with pytest.raises(ClientError):
        athena.get_named_query(NamedQueryId=made)


def test_a_changed_resource_is_changed_in_its_place_if_its_service_can(world: World) -> None:
    alarm = {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "Properties": {"AlarmName": "either", "AlarmRule": "FALSE", "AlarmDescription": "one"},
    }
    _deployed(world, "alarms", {"Alarm": alarm})
    alarm["Properties"] = {"AlarmName": "either", "AlarmRule": "FALSE", "AlarmDescription": "two"}
    _updated(world, "alarms", {"Alarm": alarm})

    found = world.client("cloudwatch").describe_alarms(AlarmNames=["either"], AlarmTypes=["CompositeAlarm"])
    assert [each["AlarmDescription"] for each in found["CompositeAlarms"]] == ["two"]


def test_a_changed_resource_is_made_anew_if_its_service_can_not(world: World) -> None:
    def query(text: str) -> dict[str, Any]:
        properties = {"Database": "lake", "Name": "changing", "QueryString": text, "WorkGroup": "primary"}
        return {"Query": {"Type": "AWS::Athena::NamedQuery", "Properties": properties}}

    before = _deployed(world, "changing", query("SELECT 1"))["Outputs"][0]["OutputValue"]
    after = _updated(world, "changing", query("SELECT 2"))["Outputs"][0]["OutputValue"]

    athena = world.client("athena")
    assert athena.get_named_query(NamedQueryId=after)["NamedQuery"]["QueryString"] == "SELECT 2"
    with pytest.raises(ClientError):
        athena.get_named_query(NamedQueryId=before)


def test_a_type_that_nobody_knows_is_refused_before_anything_is_made(world: World) -> None:
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::Braket::Hope\]"):
        world.client("cloudformation").create_stack(
            StackName="hope", TemplateBody=json.dumps({"Resources": {"Hope": {"Type": "AWS::Braket::Hope"}}})
        )

    assert _fidelity(world)["AWS::Braket::Hope"]["how"] == "refused"


def test_properties_that_nothing_looks_at_are_counted(world: World) -> None:
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "one", "Colour": "green"}}
    _deployed(world, "groups", {"Group": group})

    assert _fidelity(world)["AWS::EC2::SecurityGroup"]["unread"] == {"Colour": 1}


def test_what_does_nothing_here_is_said_to_be_accepted(world: World) -> None:
    chart = {"Type": "Custom::AWSCDK-EKS-HelmChart", "Properties": {"ServiceToken": "none", "Chart": "autoscaler"}}
    _deployed(world, "charts", {"Chart": chart})

    found = _fidelity(world)["Custom::AWSCDK-EKS-HelmChart"]
    assert (found["how"], found["resources"]) == ("accepted", 1)
    assert "internet" in found["why"]


def test_a_machine_image_that_aws_publishes_has_a_name(world: World) -> None:
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64"

    assert world.client("ssm").get_parameter(Name=name)["Parameter"]["Value"].startswith("ami-")


def test_a_reference_to_a_secret_is_its_arn_and_the_secret_leaves_with_its_stack(world: World) -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "key", "SecretString": "one"}}
    made = _deployed(world, "secrets", {"Secret": secret})["Outputs"][0]["OutputValue"]
    secrets, cloudformation = world.client("secretsmanager"), world.client("cloudformation")

    assert made == secrets.describe_secret(SecretId="key")["ARN"]

    secret["Properties"] = {"Name": "key", "SecretString": "two"}
    template = {"Resources": {"Secret": secret}, "Outputs": {"Made": {"Value": {"Ref": "Secret"}}}}
    cloudformation.update_stack(StackName="secrets", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName="secrets", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    assert secrets.get_secret_value(SecretId=made)["SecretString"] == "two"

    _deleted(world, "secrets")
    with pytest.raises(ClientError):
        secrets.describe_secret(SecretId="key")


def _deployed(world: World, name: str, resources: dict[str, Any]) -> Any:
    cloudformation = world.client("cloudformation")
    template = {"Resources": resources, "Outputs": {"Made": {"Value": {"Ref": next(iter(resources))}}}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    return stack


def _updated(world: World, name: str, resources: dict[str, Any]) -> Any:
    cloudformation = world.client("cloudformation")
    template = {"Resources": resources, "Outputs": {"Made": {"Value": {"Ref": next(iter(resources))}}}}
    cloudformation.update_stack(StackName=name, TemplateBody=json.dumps(template))
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stack.get("StackStatusReason")
    return stack


def _deleted(world: World, name: str) -> None:
    cloudformation = world.client("cloudformation")
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def _fidelity(world: World) -> Any:
    return json.loads((world.folder / "aws" / "fidelity.json").read_text(encoding="utf-8"))["types"]
