"""What holds for all stacks of all environments: names, tags, fates on destroy, and no look-ups."""

import json
import re
from typing import Any

import pytest

from tests.stacks.assembly import ENVIRONMENTS, Assembly, environment, synthesize

environments = pytest.mark.parametrize("name", ENVIRONMENTS)
COMPONENTS = ("security", "network", "data-lake", "registry", "eks", "monitoring", "pipeline")
# Properties that give a resource a name of one's own, which must then be unlike every other's in the account.
NAMES: tuple[str, ...] = ("Name", "BucketName", "RoleName", "TopicName", "LogGroupName", "RepositoryName", "GroupName")
NAMES += ("AliasName", "TrailName", "FeatureGroupName", "ModelPackageGroupName", "FunctionName", "ClusterName", "Id")
# Types that hold what cannot be made again, or that go on costing when they are left behind.
STATEFUL = (
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::ECR::Repository",
    "AWS::SecretsManager::Secret",
    "AWS::SageMaker::FeatureGroup",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::Glue::Database",
)


def resources(assembly: Assembly) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (stack, logical, resource)
        for stack, template in assembly.templates.items()
        for logical, resource in template["Resources"].items()
    ]


@environments
def test_the_stacks_are_named_by_prefix_environment_and_component(name: str) -> None:
    assert sorted(environment(name).templates) == sorted(f"mlops-{name}-{component}" for component in COMPONENTS)


@environments
def test_every_taggable_resource_says_whose_it_is(name: str) -> None:
    untagged = []
    for stack, logical, resource in resources(environment(name)):
        if resource["Type"] not in ("AWS::S3::Bucket", "AWS::EC2::VPC", "AWS::EKS::Cluster", "AWS::ECR::Repository"):
            continue
        tags = resource["Properties"].get("Tags", [])
        found = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        expected = {
            "Project": "PriceSensitivityMLOps",
            "Environment": name,
            "Component": stack.removeprefix(f"mlops-{name}-"),
            "Owner": "DataTeam",
            "CostCenter": "ML-Platform",
        }
        if {key: found.get(key) for key in expected} != expected:
            untagged.append(f"{stack}/{logical}: {found}")
    assert untagged == []


@pytest.mark.parametrize("name", ["dev", "stg"])
def test_nothing_stays_when_an_environment_without_production_data_is_destroyed(name: str) -> None:
    staying = [
        f"{stack}/{logical}"
        for stack, logical, resource in resources(environment(name))
        if resource.get("DeletionPolicy", "Delete") != "Delete"
        or resource.get("UpdateReplacePolicy", "Delete") != "Delete"
    ]
    assert staying == []


@pytest.mark.parametrize("name", ["dev", "stg"])
def test_buckets_and_repositories_that_go_are_emptied_first(name: str) -> None:
    assembly = environment(name)
    emptied = json.dumps(list(assembly.resources("Custom::S3AutoDeleteObjects").values()))
    for logical in assembly.resources("AWS::S3::Bucket"):
        assert f'"{logical}"' in emptied, f"{logical} would stop the destruction of its stack"
    for logical, repository in assembly.resources("AWS::ECR::Repository").items():
        assert repository["Properties"].get("EmptyOnDelete") is True, logical


@environments
def test_no_function_leaves_a_log_group_that_its_stack_does_not_know(name: str) -> None:
    """Lambda makes the log group of a function that may do so and has none: nobody deletes that one."""
    assembly = environment(name)
    makers = {
        (stack, logical)
        for stack, logical, role in resources(assembly)
        if role["Type"] == "AWS::IAM::Role"
        and "AWSLambdaBasicExecutionRole" in json.dumps(role["Properties"].get("ManagedPolicyArns", []))
    }
    unlogged = [
        f"{stack}/{logical}"
        for stack, logical, function in resources(assembly)
        if function["Type"] == "AWS::Lambda::Function"
        and "LogGroup" not in function["Properties"].get("LoggingConfig", {})
        and (stack, function["Properties"]["Role"]["Fn::GetAtt"][0]) in makers
    ]
    assert unlogged == []


def test_prod_keeps_its_data_and_keys() -> None:
    lost = [
        f"{stack}/{logical}"
        for stack, logical, resource in resources(environment("prod"))
        if resource["Type"] in STATEFUL and resource.get("DeletionPolicy") != "Retain"
    ]
    assert lost == []


@environments
def test_what_holds_state_has_a_logical_id_that_no_refactoring_changes(name: str) -> None:
    """CDK ends an id that it made itself with a hash of the construct's path: moving it would replace the data."""
    hashed = [
        f"{stack}/{logical}"
        for stack, logical, resource in resources(environment(name))
        if resource["Type"] in STATEFUL and re.search(r"[0-9A-F]{8}$", logical)
    ]
    assert hashed == []


@environments
def test_the_assembly_asks_for_no_lookup(name: str) -> None:
    explicit = synthesize(rules=False, environment=name, account="123456789012", region="eu-west-1")

    for assembly in (environment(name), explicit):
        assert [manifest.get("missing") for manifest in assembly.manifests] == [None] * len(assembly.manifests)


def test_an_explicit_place_is_taken() -> None:
    assembly = synthesize(rules=False, environment="prod", account="123456789012", region="eu-west-1")

    (places,) = {
        artifact["environment"]
        for manifest in assembly.manifests
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert places == "aws://123456789012/eu-west-1"
    zones = {each["Properties"]["AvailabilityZone"] for each in assembly.resources("AWS::EC2::Subnet").values()}
    assert zones == {"eu-west-1a", "eu-west-1b"}


def physical_names(assembly: Assembly) -> list[str]:
    """Type and name of every resource that has a name of its own."""
    found = []
    for _, _, resource in resources(assembly):
        for key in NAMES:
            value = resource.get("Properties", {}).get(key)
            # Names within a parent (a table in its database, an add-on in its cluster) clash with nobody's.
            if value is None or resource["Type"] in ("AWS::Glue::Table", "AWS::EKS::Addon", "AWS::EC2::LaunchTemplate"):
                continue
            if isinstance(value, str) or "Fn::Join" in value or "Fn::Sub" in value:
                found.append(f"{resource['Type']} {key} {json.dumps(value, sort_keys=True)}")
    return found


def test_two_prefixes_and_three_environments_fit_into_one_account() -> None:
    copies = [environment(name) for name in ENVIRONMENTS]
    copies.append(synthesize(rules=False, environment="dev", prefix="other"))
    names = [each for copy in copies for each in physical_names(copy)]

    assert len(names) > 20 * len(copies), "names were found"
    assert sorted({each for each in names if names.count(each) > 1}) == []
