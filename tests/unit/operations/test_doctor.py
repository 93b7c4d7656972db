import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from config.delivery import load_delivery
from config.settings import EnvironmentSettings, load_environment
from operations.doctor import check_bootstrap, check_credentials, check_settings, check_zones, examine
from operations.finding import Finding, Level, report
from operations.quotas import Clients, check_quotas
from operations.versions import check_versions
from tests.unit.operations.aws import ACCOUNT, REGION, Aws

DEV = load_environment("dev")
IDENTITY = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/somebody", "UserId": "AIDAEXAMPLE"}
VCPUS = {"t3.medium": 2, "t3a.medium": 2, "m5.large": 2, "t4g.nano": 2, "m5a.large": 2, "m4.large": 2}
NETWORK = [{"Key": "aws:cloudformation:stack-name", "Value": "mlops-dev-network"}]


def types_of(settings: EnvironmentSettings) -> list[str]:
    nat = [settings.network.nat_instance_type] if settings.network.egress == "nat_instance" else []
    return sorted({*settings.eks.api.instance_types, *settings.eks.batch.instance_types, *nat})


def prepare(
    aws: Aws,
    settings: EnvironmentSettings = DEV,
    *,
    vpcs: list[dict[str, Any]] | None = None,
    addresses: list[dict[str, Any]] | None = None,
    on_demand: float = 32,
    training: float = 1,
) -> None:
    """An account with nothing in it and room for everything, but for what the test names."""
    aws.answers("ec2", "describe_vpcs", {"Vpcs": vpcs or []})
    gateway = settings.network.egress == "nat_gateway"
    if gateway:
        aws.answers("ec2", "describe_addresses", {"Addresses": addresses or []})
    aws.answers("eks", "list_clusters", {"clusters": []})
    types = [{"InstanceType": each, "VCpuInfo": {"DefaultVCpus": VCPUS[each]}} for each in types_of(settings)]
    aws.answers("ec2", "describe_instance_types", {"InstanceTypes": types}, InstanceTypes=types_of(settings))
    for service, code, value in (
        ("vpc", "L-F678F1CE", 5),
        *([("ec2", "L-0263D0A3", 5)] if gateway else []),
        ("eks", "L-1194D53C", 100),
        ("ec2", "L-1216C47A", on_demand),
        ("ec2", "L-34B43A08", 32),
    ):
        quota = {"Quota": {"Value": value}}
        aws.answers("service-quotas", "get_service_quota", quota, ServiceCode=service, QuotaCode=code)
    jobs = [
        {"QuotaName": "ml.m5.large for spot training job usage", "QuotaCode": "L-AAAA1111", "Value": training},
        {"QuotaName": "ml.m5.large for processing job usage", "QuotaCode": "L-BBBB2222", "Value": 4.0},
    ]
    aws.answers("service-quotas", "list_service_quotas", {"Quotas": jobs}, ServiceCode="sagemaker")


def quotas(aws: Aws, settings: EnvironmentSettings = DEV) -> list[Finding]:
    clients = Clients(ec2=aws.client("ec2"), eks=aws.client("eks"), quotas=aws.client("service-quotas"))
    return list(check_quotas(settings, clients))


def problems(findings: list[Finding]) -> dict[str, Finding]:
    return {each.subject: each for each in findings if each.level is Level.PROBLEM}


def test_an_account_with_room_for_everything_is_well(aws: Aws) -> None:
    prepare(aws)

    assert problems(quotas(aws)) == {}


def test_the_vcpus_are_those_of_node_groups_grown_to_their_limit_and_of_the_egress(aws: Aws) -> None:
    needed = 2 * DEV.eks.api.maximum + 2 * DEV.network.nat_count
    prepare(aws, on_demand=needed - 1)

    found = problems(quotas(aws))

    assert list(found) == ["vCPUs on demand"]
    assert found["vCPUs on demand"].detail == f"needs {needed}, quota {needed - 1}"
    assert f"--quota-code L-1216C47A --desired-value {needed}" in found["vCPUs on demand"].advice


def test_networks_of_others_count_and_our_own_does_not(aws: Aws) -> None:
    prepare(aws, vpcs=[{"VpcId": f"vpc-{number}"} for number in range(4)] + [{"VpcId": "vpc-4", "Tags": NETWORK}])

    assert problems(quotas(aws)) == {}


def test_an_account_full_of_networks_is_a_problem(aws: Aws) -> None:
    prepare(aws, vpcs=[{"VpcId": f"vpc-{number}"} for number in range(5)])

    assert problems(quotas(aws))["VPCs"].detail == "needs 1 beside 5 of others, quota 5"


def test_a_nat_gateway_needs_an_address_and_a_nat_instance_none(aws: Aws) -> None:
    prod = load_environment("prod")
    prepare(aws, prod, addresses=[{"PublicIp": f"203.0.113.{number}"} for number in range(5)])

    assert list(problems(quotas(aws, prod))) == ["elastic addresses"]


def test_a_new_account_that_may_run_no_training_is_told_before_the_first_run(aws: Aws) -> None:
    prepare(aws, training=0)

    (found,) = problems(quotas(aws)).values()
    assert "--service-code sagemaker --quota-code L-AAAA1111 --desired-value 1" in found.advice


def test_a_quota_that_nobody_changed_is_the_default(aws: Aws) -> None:
    aws.answers("ec2", "describe_vpcs", {"Vpcs": []})
    aws.refuses("service-quotas", "get_service_quota", "NoSuchResourceException")
    aws.answers(
        "service-quotas",
        "get_aws_default_service_quota",
        {"Quota": {"Value": 5.0}},
        ServiceCode="vpc",
        QuotaCode="L-F678F1CE",
    )
    clients = Clients(ec2=aws.client("ec2"), eks=aws.client("eks"), quotas=aws.client("service-quotas"))

    assert next(check_quotas(DEV, clients)).detail == "needs 1, quota 5"


def test_an_account_that_was_not_bootstrapped_or_long_ago_is_sent_to_bootstrap(aws: Aws) -> None:
    aws.refuses("ssm", "get_parameter", "ParameterNotFound")
    aws.answers("ssm", "get_parameter", {"Parameter": {"Value": "4"}}, Name="/cdk-bootstrap/hnb659fds/version")
    aws.answers("ssm", "get_parameter", {"Parameter": {"Value": "30"}})

    absent, old, new = (check_bootstrap(aws.client("ssm")) for _ in range(3))

    assert (absent.level, absent.advice) == (Level.PROBLEM, "make bootstrap")
    assert (old.level, old.advice) == (Level.PROBLEM, "make bootstrap")
    assert new.level is Level.OK


def test_credentials_of_another_account_are_a_problem(aws: Aws) -> None:
    aws.answers("sts", "get_caller_identity", IDENTITY)
    aws.answers("sts", "get_caller_identity", IDENTITY)
    elsewhere = load_environment("dev", account="999999999999")

    assert check_credentials(DEV, aws.client("sts")).level is Level.OK
    assert check_credentials(elsewhere, aws.client("sts")).level is Level.PROBLEM


def test_a_zone_that_the_region_does_not_have_is_a_problem(aws: Aws) -> None:
    zones = [{"ZoneName": f"{REGION}{letter}", "State": "available"} for letter in "ac"]
    aws.answers("ec2", "describe_availability_zones", {"AvailabilityZones": zones})

    found = check_zones(DEV, aws.client("ec2"))

    assert (found.level, found.detail) == (Level.PROBLEM, "no zone b here")


def test_the_example_repository_is_complained_about_and_ones_own_is_not() -> None:
    example = next(iter(check_settings(DEV, load_delivery())))
    own = next(iter(check_settings(DEV, load_delivery(repository="acme/mlops"))))

    assert (example.level, own.level) == (Level.WARNING, Level.OK)
    assert "config/delivery.yaml" in example.advice


class NobodysSession:
    """A session on a machine without credentials: it fails as botocore does."""

    region_name = REGION

    def client(self, service: str) -> "NobodysSession":
        assert service == "sts", f"{service} was asked without credentials"
        return self

    def get_caller_identity(self) -> dict[str, str]:
        raise NoCredentialsError


def test_without_credentials_it_still_says_what_it_can_and_fails() -> None:
    found = list(examine(DEV, load_delivery(), NobodysSession()))

    assert problems(found)["credentials"].advice
    assert [each.subject for each in found][-1] == "zones, bootstrap, quotas"
    assert {"Python", "uv", "Node"} <= {each.subject for each in found}


def test_only_problems_make_it_fail(capsys: pytest.CaptureFixture[str]) -> None:
    warning = Finding(level=Level.WARNING, subject="repository", detail="an example", advice="say which is yours")

    assert report([warning]) == 0
    assert report([warning, Finding(level=Level.PROBLEM, subject="uv", detail="not there")]) == 1
    assert "say which is yours" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "schema", "expected"),
    [
        ("2.1148.1", ">=999.0.0", {}),
        ("2.1.0", ">=999.0.0", {"CDK command line": "2.1.0, package.json says 2.1148.1"}),
    ],
)
def test_the_command_line_is_the_pinned_one(
    tmp_path: Path, version: str, schema: str, expected: dict[str, str]
) -> None:
    install(tmp_path, version, schema)

    found = problems(list(check_versions(tmp_path)))

    assert {subject: each.detail for subject, each in found.items()} == expected


def test_a_command_line_too_old_for_the_library_is_a_problem(tmp_path: Path) -> None:
    install(tmp_path, "2.1148.1", ">=2.0.0")

    assert "reads up to 2.0.0" in problems(list(check_versions(tmp_path)))["CDK library"].detail


def test_a_command_line_that_is_not_installed_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"devDependencies": {"aws-cdk": "2.1148.1"}}))

    assert problems(list(check_versions(tmp_path)))["CDK command line"].advice == "make cli"


def install(folder: Path, version: str, schema: str) -> None:
    (folder / "package.json").write_text(json.dumps({"devDependencies": {"aws-cdk": "2.1148.1"}}))
    package = folder / "node_modules" / "aws-cdk" / "package.json"
    package.parent.mkdir(parents=True)
    content = {"version": version, "devDependencies": {"@aws-cdk/cloud-assembly-schema": schema}}
    package.write_text(json.dumps(content))
