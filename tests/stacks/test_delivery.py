"""The delivery pipeline and GitHub's roles, over stages that hold as little as a stage can."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from config.delivery import load_delivery
from config.names import STACKS
from config.settings import ENVIRONMENTS, EnvironmentSettings, load_environment
from operations.doctor import BOOTSTRAP_VERSION
from stacks.acknowledge import METADATA
from stacks.assembly import add_rules
from stacks.delivery import CDK_CLI, DeliveryStack
from stacks.platform import PlatformStage
from tests.shared import new_folder
from tests.stacks.assembly import FLAGS, ROOT, environment

REPOSITORY = "acme/price-sensitivity"


class SmallStage(PlatformStage):
    """A stage of one stack with one resource: the pipeline is the same, and takes a second to synthesize."""

    def __init__(self, scope: cdk.App, settings: EnvironmentSettings) -> None:
        cdk.Stage.__init__(self, scope, settings.name("stage"))
        self.settings = settings
        place = cdk.Environment(account=settings.account, region=settings.region)
        stack = cdk.Stack(self, "Network", stack_name=settings.name("network"), env=place)
        cdk.CfnResource(stack, "Place", type="AWS::CloudFormation::WaitConditionHandle")


@functools.cache
def synthesized(**place: str | None) -> Path:
    """The folder of a delivery whose rules were checked; ``place`` stands in for account and region."""
    folder = new_folder()
    app = cdk.App(
        context=dict(FLAGS), outdir=str(folder), analytics_reporting=False, builtin_cloud_formation_validation=False
    )
    stages = [SmallStage(app, load_environment(name, **place)) for name in ENVIRONMENTS]
    DeliveryStack(app, load_delivery(repository=REPOSITORY, **place), stages=stages)
    add_rules(app)
    app.synth()
    return folder


@functools.cache
def template() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((synthesized() / "mlops-delivery.template.json").read_text())
    return found


def resources(kind: str) -> dict[str, dict[str, Any]]:
    return {logical: each for logical, each in template()["Resources"].items() if each["Type"] == kind}


def pipeline() -> dict[str, Any]:
    (found,) = resources("AWS::CodePipeline::Pipeline").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def stage(name: str) -> list[dict[str, Any]]:
    (found,) = [each for each in pipeline()["Stages"] if each["Name"] == name]
    return sorted(found["Actions"], key=lambda action: action["RunOrder"])


def role(name: str) -> dict[str, Any]:
    (found,) = [each for each in resources("AWS::IAM::Role").values() if each["Properties"].get("RoleName") == name]
    properties: dict[str, Any] = found["Properties"]
    return properties


def statements(name: str) -> list[dict[str, Any]]:
    (logical,) = [
        key for key, each in resources("AWS::IAM::Role").items() if each["Properties"].get("RoleName") == name
    ]
    return [
        statement
        for policy in resources("AWS::IAM::Policy").values()
        if {"Ref": logical} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(name: str) -> set[str]:
    return {action for statement in statements(name) for action in as_list(statement["Action"])}


def commands() -> Iterator[str]:
    for project in resources("AWS::CodeBuild::Project").values():
        spec = project["Properties"]["Source"]["BuildSpec"]
        if spec.startswith("{"):
            for phase in json.loads(spec)["phases"].values():
                yield from phase["commands"]


def test_the_way_to_production_is_one_way() -> None:
    names = [each["Name"] for each in pipeline()["Stages"]]

    assert names == [
        "Source",
        "Build",
        "UpdatePipeline",
        *(f"mlops-{name}-stage" for name in ENVIRONMENTS),
    ] or names == [
        "Source",
        "Build",
        "UpdatePipeline",
        "Assets",
        *(f"mlops-{name}-stage" for name in ENVIRONMENTS),
    ]


def test_a_person_opens_prod_before_anything_of_it_changes_and_only_prod() -> None:
    first = {name: stage(f"mlops-{name}-stage")[0]["ActionTypeId"] for name in ENVIRONMENTS}

    assert {name for name, kind in first.items() if kind["Category"] == "Approval"} == {"prod"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_environment_is_looked_at_once_it_stands(name: str) -> None:
    last = stage(f"mlops-{name}-stage")[-1]
    (project,) = [
        each["Properties"]
        for logical, each in resources("AWS::CodeBuild::Project").items()
        if last["Configuration"]["ProjectName"] == {"Ref": logical}
    ]

    assert f"make smoke ENV={name}" in project["Source"]["BuildSpec"]


def test_the_pipeline_runs_make_and_cdk_and_nothing_of_its_own() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    ours = [command for command in commands() if not re.match(r"(npm install -g aws-cdk@|cdk -a \. deploy )", command)]

    assert {"make pr", "make synth"} <= set(ours)
    for command in ours:
        words = command.split()
        assert words[0] == "make"
        assert {word for word in words[1:] if "=" not in word} <= targets


def test_people_and_self_update_run_the_same_command_line() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())

    assert package["devDependencies"]["aws-cdk"] == CDK_CLI
    assert lock["packages"]["node_modules/aws-cdk"]["version"] == CDK_CLI
    assert f"npm install -g aws-cdk@{CDK_CLI}" in list(commands())


def test_the_doctor_asks_for_the_bootstrap_that_the_assembly_needs() -> None:
    artifacts = json.loads((synthesized() / "manifest.json").read_text())["artifacts"].values()
    needed = {each["properties"].get("requiresBootstrapStackVersion", 0) for each in artifacts if "properties" in each}

    assert max(needed) == BOOTSTRAP_VERSION


def test_no_logical_id_tells_whose_repository_it_is() -> None:
    assert not [logical for logical in template()["Resources"] if "acme" in logical.lower()]


def test_no_build_runs_privileged() -> None:
    projects = resources("AWS::CodeBuild::Project").values()

    assert not any(project["Properties"]["Environment"]["PrivilegedMode"] for project in projects)


def test_the_source_is_a_connection_that_this_stack_makes() -> None:
    (connection,) = resources("AWS::CodeStarConnections::Connection")
    (source,) = stage("Source")

    assert source["Configuration"]["ConnectionArn"] == {"Fn::GetAtt": [connection, "ConnectionArn"]}
    assert source["Configuration"]["FullRepositoryId"] == REPOSITORY


def test_artifacts_and_build_logs_are_under_the_deliverys_own_key_and_expire() -> None:
    (bucket,) = [each["Properties"] for each in resources("AWS::S3::Bucket").values()]
    (group,) = [each["Properties"] for each in resources("AWS::Logs::LogGroup").values()]
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    key = {"Fn::GetAtt": ["DeliveryKey", "Arn"]}

    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert group["KmsKeyId"] == key
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == load_delivery().artifact_days
    assert group["RetentionInDays"] == load_delivery().log_days
    assert all(
        project["Properties"]["LogsConfig"]["CloudWatchLogs"]["GroupName"] == {"Ref": "BuildLogs"}
        for project in resources("AWS::CodeBuild::Project").values()
    )


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_githubs_role_trusts_only_the_jobs_of_one_repository_and_environment(name: str) -> None:
    (statement,) = role(f"mlops-{name}-github")["AssumeRolePolicyDocument"]["Statement"]
    host = "token.actions.githubusercontent.com"

    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": [f"repo:{REPOSITORY}:environment:{name}"]}
    }


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_githubs_role_becomes_the_bootstrap_roles_and_none_that_does_more(name: str) -> None:
    (assume,) = [each for each in statements(f"mlops-{name}-github") if each["Action"] == "sts:AssumeRole"]
    text = json.dumps(assume["Resource"])

    assert re.findall(r"role/cdk-hnb659fds-([a-z-]+)-role-", text) == ["deploy", "file-publishing", "lookup"]
    assert "*" not in text
    assert "cfn-exec" not in text


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_githubs_role_changes_nothing_itself_but_starting_a_training(name: str) -> None:
    itself = actions(f"mlops-{name}-github") - {"sts:AssumeRole"}

    assert {action for action in itself if not re.match(r"\w+:(Describe|Get|List)", action)} == {
        "states:StartExecution"
    }


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("kind", ["github", "smoke"])
def test_no_environments_role_names_another_environment(kind: str, name: str) -> None:
    text = json.dumps(statements(f"mlops-{name}-{kind}"))

    assert f"mlops-{name}-" in text
    assert not [other for other in ENVIRONMENTS if other != name and f"mlops-{other}" in text]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_smoke_test_reads_settings_and_never_data(name: str) -> None:
    of_environment = [each for each in statements(f"mlops-{name}-smoke") if "Sid" in each]
    allowed = {action for each in of_environment for action in as_list(each["Action"])}

    assert allowed == {
        "cloudformation:DescribeStacks",
        "eks:DescribeCluster",
        "eks:DescribeNodegroup",
        "eks:ListNodegroups",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "sagemaker:DescribeModelPackageGroup",
    }


@pytest.mark.parametrize("create", [True, False])
def test_an_account_that_has_githubs_provider_gets_no_second_one(create: bool) -> None:
    github = load_delivery().github.model_dump() | {"create_provider": create}
    app = cdk.App(context=dict(FLAGS), builtin_cloud_formation_validation=False)
    stages = [SmallStage(app, load_environment("dev"))]
    stack = DeliveryStack(app, load_delivery(github=github), stages=stages)

    made = cdk.assertions.Template.from_stack(stack).find_resources("AWS::IAM::OIDCProvider")

    assert len(made) == create


def test_an_environment_in_another_account_is_looked_at_with_its_lookup_role_and_no_other() -> None:
    app = cdk.App(context=dict(FLAGS), builtin_cloud_formation_validation=False)
    elsewhere = load_environment("stg", account="999999999999", region="eu-west-1")
    settings = load_delivery(account="111122223333", region="eu-west-1")
    stack = DeliveryStack(app, settings, stages=[SmallStage(app, elsewhere)])
    policies = cdk.assertions.Template.from_stack(stack).find_resources("AWS::IAM::Policy")
    (smoke,) = [policy for logical, policy in policies.items() if logical.startswith("StgSmokeRole")]

    assumed = [
        statement["Resource"]
        for statement in smoke["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "sts:AssumeRole"
    ]
    assert assumed == ["arn:aws:iam::999999999999:role/cdk-hnb659fds-lookup-role-999999999999-eu-west-1"]


@pytest.mark.parametrize("place", [{}, {"region": None}], ids=["region", "any region"])
def test_no_finding_is_open_and_every_exception_is_asked_for(place: dict[str, str | None]) -> None:
    report = json.loads((synthesized(**place) / "validation-report.json").read_text())
    metadata = json.loads((synthesized(**place) / "mlops-delivery.metadata.json").read_text())
    used = {
        (found["acknowledgedAt"], found["acknowledgedId"])
        for plugin in report["pluginReports"]
        for found in plugin.get("suppressedViolations", [])
    }
    made = {
        (path.lstrip("/"), entry["data"]["id"])
        for path, entries in metadata.items()
        for entry in entries
        if entry["type"] == METADATA
    }

    assert [plugin["violations"] for plugin in report["pluginReports"] if plugin["violations"]] == []
    assert made
    assert made - used == set()


def test_the_parts_that_the_smoke_test_asks_for_have_these_names() -> None:
    dev = environment("dev")
    (cluster,) = dev.resources("AWS::EKS::Cluster").values()
    (group,) = dev.resources("AWS::SageMaker::ModelPackageGroup").values()
    buckets = json.dumps(dev.resources("AWS::S3::Bucket"))

    assert cluster["Properties"]["Name"] == "mlops-dev-eks"
    assert group["Properties"]["ModelPackageGroupName"] == "mlops-dev-models"
    assert "mlops-dev-lake-" in buckets
    assert set(dev.templates) == {f"mlops-dev-{component}" for component in STACKS}
