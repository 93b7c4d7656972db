"""What settings may ask for and no environment of ours does: an unknown region, administrators, addresses, emails."""

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from config.settings import EnvironmentSettings, load_environment
from stacks.base import PlatformStack
from stacks.platform import build_platform
from tests.stacks.assembly import FLAGS, Assembly, environment

ADMINISTRATOR = "arn:aws:iam::123456789012:role/Administrator"
OFFICE = "203.0.113.0/24"


def settings() -> EnvironmentSettings:
    dev = load_environment("dev").model_dump()
    dev["eks"] |= {"admin_role_arns": [ADMINISTRATOR], "public_access_cidrs": [OFFICE]}
    return EnvironmentSettings.model_validate(dev | {"region": None, "alert_emails": ["team@example.com"]})


@functools.cache
def other() -> Assembly:
    """The platform with these settings, and a later stack that is let into the cluster."""
    with tempfile.TemporaryDirectory() as folder:
        assembly = synthesized(Path(folder))
        assert assembly.templates, "read while they are there"
    return assembly


def synthesized(folder: Path) -> Assembly:
    context = {**FLAGS, "aws:cdk:disable-asset-staging": True}
    app = cdk.App(
        context=context, outdir=str(folder), analytics_reporting=False, builtin_cloud_formation_validation=False
    )
    chosen = settings()
    platform = build_platform(app, chosen)
    later = PlatformStack(app, "deployer", settings=chosen, description="Comes after the cluster")
    role = iam.Role(later, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    group = ec2.SecurityGroup(later, "Group", vpc=platform.network.vpc)
    platform.eks.let_in_deployers(later, {"Deployer": role}, security_group=group)
    app.synth()
    return Assembly(folder)


def of(kind: str, component: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in other().resources(kind, component=component).values()]


def test_without_a_region_the_zones_are_those_of_the_deployment() -> None:
    zones = [subnet["AvailabilityZone"] for subnet in of("AWS::EC2::Subnet", "network")]

    assert {json.dumps(zone) for zone in zones} == {
        json.dumps({"Fn::Select": [index, {"Fn::GetAZs": ""}]}) for index in (0, 1)
    }


def test_a_public_endpoint_is_open_to_the_addresses_of_the_settings_alone() -> None:
    (cluster,) = of("AWS::EKS::Cluster", "eks")

    assert cluster["ResourcesVpcConfig"]["PublicAccessCidrs"] == [OFFICE]
    assert cluster["ResourcesVpcConfig"]["EndpointPrivateAccess"] is True


def test_administrators_of_the_settings_get_an_access_entry() -> None:
    (entry,) = (each for each in of("AWS::EKS::AccessEntry", "eks") if each["PrincipalArn"] == ADMINISTRATOR)

    assert "AmazonEKSClusterAdminPolicy" in json.dumps(entry["AccessPolicies"])


def test_the_team_is_told_by_email() -> None:
    (subscription,) = of("AWS::SNS::Subscription", "monitoring")

    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "team@example.com")


def test_a_later_stack_is_let_in_as_a_deployer_and_the_clusters_stack_does_not_know_it() -> None:
    (entry,) = of("AWS::EKS::AccessEntry", "deployer")
    rules = of("AWS::EC2::SecurityGroupIngress", "deployer")

    assert entry["KubernetesGroups"] == ["mlops-deployers"]
    assert "AccessPolicies" not in entry, "the manifests say what the group may do"
    assert sorted((each["FromPort"], each["ToPort"]) for each in rules) == [(443, 443), (8080, 8080)]
    assert all("SourceSecurityGroupId" in each and "CidrIp" not in each for each in rules)
    known = {logical for logical in environment("dev").template("eks")["Resources"] if "Admin" not in logical}
    assert {logical for logical in other().template("eks")["Resources"] if "Admin" not in logical} == known
