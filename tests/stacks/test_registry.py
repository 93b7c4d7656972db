"""Repositories, the image of the jobs, and the model package group."""

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from config.settings import RegistrySettings, load_environment
from stacks.registry import RegistryStack
from stacks.security import SecurityStack
from tests.stacks.assembly import ENVIRONMENTS, ROOT, Assembly, environment
from tests.stacks.policies import ACCOUNT, REGION, Account, allows

environments = pytest.mark.parametrize("name", ENVIRONMENTS)
ASSETS = f"arn:aws:s3:::cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
TRAINING = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/mlops-dev-training"


def registry(name: str = "dev") -> Account:
    return Account(environment(name))


def project(name: str = "dev") -> dict[str, Any]:
    (found,) = registry(name).properties("AWS::CodeBuild::Project", component="registry").values()
    return found


def variables() -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in project()["Environment"]["EnvironmentVariables"]}


@environments
def test_repositories_keep_tags_fixed_images_scanned_and_layers_encrypted(name: str) -> None:
    found = registry(name).properties("AWS::ECR::Repository", component="registry")

    assert sorted(each["RepositoryName"] for each in found.values()) == [f"mlops-{name}-api", f"mlops-{name}-training"]
    for logical, repository in found.items():
        assert repository["ImageTagMutability"] == "IMMUTABLE", logical
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}, logical
        assert repository["EncryptionConfiguration"]["EncryptionType"] == "KMS", logical
        assert repository["EncryptionConfiguration"]["KmsKey"].endswith("key/DataKey"), logical
        assert "RepositoryPolicyText" not in repository, f"{logical}: nobody from outside of the account"


@environments
def test_repositories_forget_what_nobody_can_name_and_keep_enough_to_roll_back(name: str) -> None:
    settings = load_environment(name).registry
    for repository in registry(name).properties("AWS::ECR::Repository", component="registry").values():
        rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
        untagged, counted = sorted((each["selection"] for each in rules), key=lambda each: each["tagStatus"] == "any")

        assert (untagged["tagStatus"], untagged["countNumber"]) == ("untagged", settings.untagged_days)
        assert (counted["countType"], counted["countNumber"]) == ("imageCountMoreThan", settings.images_kept)


@environments
def test_model_versions_have_a_group_of_their_own_per_environment(name: str) -> None:
    (group,) = registry(name).properties("AWS::SageMaker::ModelPackageGroup", component="registry").values()

    assert group["ModelPackageGroupName"] == f"mlops-{name}-models"


def test_the_jobs_image_goes_to_its_repository_under_a_tag_that_names_its_source() -> None:
    source = re.fullmatch(r".+/([0-9a-f]{64})\.zip", project()["Source"]["Location"])

    assert source, project()["Source"]["Location"]
    assert source[1].startswith(variables()["TAG"])
    assert variables()["IMAGE"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/mlops-dev-training:{variables()['TAG']}"
    assert (ROOT / variables()["DOCKERFILE"]).is_file()


def test_equal_sources_give_equal_tags_in_every_environment() -> None:
    locations = {project(name)["Source"]["Location"].split("/")[-1] for name in ENVIRONMENTS}

    assert len(locations) == 1


def test_a_deployment_starts_the_build_and_so_does_that_of_a_later_stack() -> None:
    """A rule takes a moment to work: of its own stack's first deployment it may not hear."""
    (rule,) = registry().properties("AWS::Events::Rule", component="registry").values()
    stacks = [each["prefix"].split("/")[1] for each in rule["EventPattern"]["detail"]["stack-id"]]
    statuses = rule["EventPattern"]["detail"]["status-details"]["status"]
    order = [
        artifact["properties"]["stackName"]
        for artifact in environment("dev").manifests[0]["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    ]

    assert stacks == ["mlops-dev-registry", "mlops-dev-eks"]
    assert set(stacks) <= set(order)
    assert {"CREATE_COMPLETE", "UPDATE_COMPLETE"} <= set(statuses)
    assert not [status for status in statuses if not status.endswith("_COMPLETE")]
    assert project()["ConcurrentBuildLimit"] == 1


def test_a_build_reads_its_source_and_pushes_to_its_repository_and_no_more() -> None:
    role = registry().of_role("JobsImageRole", component="registry")
    source = f"{ASSETS}/{project()['Source']['Location'].split('/')[-1]}"

    assert allows(role, "s3:GetObject", source)
    assert allows(role, "ecr:PutImage", TRAINING)
    assert not allows(role, "s3:GetObject", f"{ASSETS}/another.zip")
    assert not allows(role, "s3:PutObject", source)
    assert not allows(role, "ecr:PutImage", TRAINING.replace("training", "api"))
    assert not allows(role, "ecr:BatchDeleteImage", TRAINING)
    assert not allows(role, "sagemaker:CreateModelPackage", "*")


def test_an_image_of_ones_own_takes_the_place_of_the_build(tmp_path: Path) -> None:
    settings = load_environment("dev")
    own = settings.registry.model_copy(update={"jobs_image": "localhost:5000/jobs:1"})
    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False, builtin_cloud_formation_validation=False)
    security = SecurityStack(app, settings)
    stack = RegistryStack(
        app,
        settings.model_copy(update={"registry": own}),
        key=security.data_key,
        logs_key=security.operations_key,
    )
    app.synth()
    account = Account(Assembly(tmp_path))

    assert stack.jobs_image == "localhost:5000/jobs:1"
    assert account.properties("AWS::ECR::Repository", component="registry") != {}
    assert account.properties("AWS::CodeBuild::Project", component="registry") == {}
    assert account.properties("AWS::Events::Rule", component="registry") == {}


def test_an_image_without_a_tag_is_refused_because_it_would_change_unseen() -> None:
    values = load_environment("dev").registry.model_dump()

    with pytest.raises(ValueError, match="jobs_image"):
        RegistrySettings(**{**values, "jobs_image": "localhost/jobs"})
