"""The VPC: what is public, what is let in, how services are reached, and what is logged."""

import json
from typing import Any

import pytest

from config.settings import load_environment
from stacks.constructs.services_called import S3, SERVICES_CALLED
from tests.stacks.assembly import ENVIRONMENTS, environment

environments = pytest.mark.parametrize("name", ENVIRONMENTS)
WORLD = ("0.0.0.0/0", "::/0")


def network(name: str, kind: str) -> dict[str, dict[str, Any]]:
    return environment(name).resources(f"AWS::EC2::{kind}", component="network")


def public_subnets(name: str) -> set[str]:
    """Subnets whose route table leads to the internet gateway."""
    tables = {
        route["Properties"]["RouteTableId"]["Ref"]
        for route in network(name, "Route").values()
        if "GatewayId" in route["Properties"]
    }
    return {
        association["Properties"]["SubnetId"]["Ref"]
        for association in network(name, "SubnetRouteTableAssociation").values()
        if association["Properties"]["RouteTableId"]["Ref"] in tables
    }


def private_subnets(name: str) -> set[str]:
    return set(network(name, "Subnet")) - public_subnets(name)


def endpoints(name: str) -> dict[str, dict[str, Any]]:
    """Properties of the endpoints by service."""
    found = [endpoint["Properties"] for endpoint in network(name, "VPCEndpoint").values()]
    return {service_name(properties): properties for properties in found}


def service_name(properties: dict[str, Any]) -> str:
    """``ecr.api`` of ``com.amazonaws.<region>.ecr.api``."""
    name = properties["ServiceName"]
    text = name if isinstance(name, str) else "".join(part for part in name["Fn::Join"][1] if isinstance(part, str))
    return text.removeprefix("com.amazonaws.").removeprefix("ap-southeast-1").lstrip(".")


@environments
def test_each_zone_has_a_public_and_a_private_subnet(name: str) -> None:
    subnets = network(name, "Subnet")
    zones = {f"ap-southeast-1{letter}" for letter in load_environment(name).network.zones}

    for group in (public_subnets(name), private_subnets(name)):
        assert {subnets[subnet]["Properties"]["AvailabilityZone"] for subnet in group} == zones


@environments
def test_subnets_are_marked_for_the_load_balancer_controller(name: str) -> None:
    for logical, subnet in network(name, "Subnet").items():
        tags = {tag["Key"]: tag["Value"] for tag in subnet["Properties"]["Tags"]}
        public = logical in public_subnets(name)
        assert tags.get("kubernetes.io/role/elb") == ("1" if public else None)
        assert tags.get("kubernetes.io/role/internal-elb") == (None if public else "1")


@environments
def test_public_subnets_hold_the_egress_and_nothing_else_of_ours(name: str) -> None:
    inside = set()
    for component in ("network", "eks", "registry", "data-lake", "monitoring", "security"):
        for logical, resource in environment(name).template(component)["Resources"].items():
            if resource["Type"].endswith(("::Subnet", "::SubnetRouteTableAssociation")):
                continue
            if any(f'"{subnet}"' in json.dumps(resource["Properties"]) for subnet in public_subnets(name)):
                inside.add((resource["Type"], logical))
    # Other stacks name subnets by their exports.
    exported = [f"ExportsOutputRef{subnet}" for subnet in public_subnets(name)]
    others = json.dumps([environment(name).template(c) for c in ("eks", "registry", "data-lake", "monitoring")])

    assert {kind for kind, _ in inside} <= {"AWS::EC2::Instance", "AWS::EC2::NatGateway"}
    assert len(inside) == load_environment(name).network.nat_count
    assert not any(export in others for export in exported)


@environments
def test_no_security_group_lets_the_world_in(name: str) -> None:
    rules = [
        (logical, rule)
        for logical, group in environment(name).resources("AWS::EC2::SecurityGroup").items()
        for rule in group["Properties"].get("SecurityGroupIngress", [])
    ]
    rules += [
        (logical, rule["Properties"])
        for logical, rule in environment(name).resources("AWS::EC2::SecurityGroupIngress").items()
    ]
    assert [logical for logical, rule in rules if rule.get("CidrIp") in WORLD or rule.get("CidrIpv6") in WORLD] == []


@environments
def test_every_service_that_private_subnets_call_is_reached(name: str) -> None:
    """By an endpoint in each private subnet or route table, or by a default route that leaves through the egress."""
    tables = {
        association["Properties"]["SubnetId"]["Ref"]: association["Properties"]["RouteTableId"]["Ref"]
        for association in network(name, "SubnetRouteTableAssociation").values()
    }
    egress = {
        route["Properties"]["RouteTableId"]["Ref"]
        for route in network(name, "Route").values()
        if route["Properties"].get("DestinationCidrBlock") == "0.0.0.0/0"
        and {"NatGatewayId", "InstanceId"} & set(route["Properties"])
    }
    doors = endpoints(name)
    zones = {subnet["Properties"]["AvailabilityZone"] for subnet in network(name, "Subnet").values()}

    for service in SERVICES_CALLED:
        door = doors.get(service.name)
        for subnet in private_subnets(name):
            if door is None:
                assert tables[subnet] in egress, f"{service.name} is not reached from {subnet}"
            elif door["VpcEndpointType"] == "Gateway":
                assert {"Ref": tables[subnet]} in door["RouteTableIds"]
        if door is not None and door["VpcEndpointType"] == "Interface":
            places = {each["Ref"] for each in door["SubnetIds"]}
            assert places <= private_subnets(name)
            assert {network(name, "Subnet")[place]["Properties"]["AvailabilityZone"] for place in places} == zones


@environments
def test_the_settings_name_no_endpoint_that_nobody_calls(name: str) -> None:
    called = {service.name for service in SERVICES_CALLED}

    assert set(endpoints(name)) == {S3, *load_environment(name).network.interface_endpoints}
    assert set(endpoints(name)) <= called


def test_models_and_data_of_prod_never_leave_by_the_egress() -> None:
    settings = load_environment("prod").network
    by_egress = [s.name for s in SERVICES_CALLED if s.carries_models_or_data and s.path(settings) == "egress"]

    assert by_egress == []
    assert {s.name for s in SERVICES_CALLED if s.carries_models_or_data} <= set(endpoints("prod"))


@environments
def test_a_stolen_key_of_another_account_moves_no_data_through_the_s3_endpoint(name: str) -> None:
    statements = endpoints(name)[S3]["PolicyDocument"]["Statement"]
    account = {"Ref": "AWS::AccountId"}

    for statement in statements:
        if statement["Resource"] == "*":
            ours = {"aws:PrincipalAccount": account, "aws:ResourceAccount": account}
            assert statement["Condition"]["StringEquals"] == ours
        elif "s3:PutObject" in statement["Action"]:
            # Answers of custom resources, at addresses that CloudFormation signs.
            assert "cloudformation-custom-resource-response-" in json.dumps(statement["Resource"])
        else:
            assert statement["Action"] == "s3:GetObject"


@environments
def test_image_layers_and_packages_are_read_through_the_s3_endpoint(name: str) -> None:
    """Nodes could pull no image, and a NAT instance could install nothing, if AWS's own buckets were closed."""
    readable = json.dumps([s["Resource"] for s in endpoints(name)[S3]["PolicyDocument"]["Statement"]])

    assert "-starport-layer-bucket/*" in readable
    assert "prod-registry-k8s-io-*/*" in readable
    assert "al2023-repos-" in readable


def test_endpoints_that_carry_models_or_data_serve_this_account_only() -> None:
    doors = endpoints("prod")
    for service in SERVICES_CALLED:
        if service.actions:
            (statement,) = doors[service.name]["PolicyDocument"]["Statement"]
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}
            assert "*" not in json.dumps(statement["Action"])


def test_endpoints_are_open_to_https_from_the_vpc_only() -> None:
    groups = {
        door["SecurityGroupIds"][0]["Fn::GetAtt"][0]
        for door in endpoints("prod").values()
        if "SecurityGroupIds" in door
    }
    (group,) = groups
    (rule,) = network("prod", "SecurityGroup")[group]["Properties"]["SecurityGroupIngress"]

    assert (rule["CidrIp"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("10.40.0.0/16", "tcp", 443, 443)


def test_dev_leaves_by_one_small_instance_and_prod_by_a_gateway() -> None:
    (instance,) = network("dev", "Instance").values()

    assert instance["Properties"]["InstanceType"] == "t4g.nano"
    assert instance["Properties"]["SourceDestCheck"] is False
    assert "arm64" in json.dumps(environment("dev").template("network")["Parameters"])
    assert network("dev", "NatGateway") == {}
    assert len(network("prod", "NatGateway")) == 1
    assert network("prod", "Instance") == {}


def test_the_nat_instance_serves_the_vpc_only_and_may_do_nothing_itself() -> None:
    template = environment("dev").template("network")["Resources"]
    (instance,) = network("dev", "Instance").values()
    (interface,) = instance["Properties"]["NetworkInterfaces"]
    group = interface["GroupSet"][0]["Fn::GetAtt"][0]
    profile = template[instance["Properties"]["IamInstanceProfile"]["Ref"]]
    (role,) = (each["Ref"] for each in profile["Properties"]["Roles"])

    assert [rule["CidrIp"] for rule in template[group]["Properties"]["SecurityGroupIngress"]] == ["10.20.0.0/16"]
    assert not {"ManagedPolicyArns", "Policies"} & set(template[role]["Properties"])
    attached = [
        logical
        for logical, each in template.items()
        if each["Type"] == "AWS::IAM::Policy" and {"Ref": role} in each["Properties"]["Roles"]
    ]
    assert attached == []


@environments
def test_flow_logs_hold_all_traffic_as_long_as_the_settings_say(name: str) -> None:
    (flow,) = network(name, "FlowLog").values()
    group = environment(name).template("network")["Resources"][flow["Properties"]["LogGroupName"]["Ref"]]

    assert flow["Properties"]["TrafficType"] == "ALL"
    assert flow["Properties"]["ResourceId"] == {"Ref": "Vpc"}
    assert group["Properties"]["LogGroupName"] == f"mlops-{name}-flow-logs"
    assert group["Properties"]["RetentionInDays"] == load_environment(name).network.flow_log_days


@environments
def test_every_log_group_is_encrypted_and_ends(name: str) -> None:
    groups = environment(name).resources("AWS::Logs::LogGroup")

    assert groups
    assert [logical for logical, group in groups.items() if "KmsKeyId" not in group["Properties"]] == []
    assert [logical for logical, group in groups.items() if "RetentionInDays" not in group["Properties"]] == []
