"""Repositories, the image of the jobs, and the model package group."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms

from config.settings import RegistrySettings, load_environment
from operations.synthesis import QUICK
from stacks.constructs.image_build import ImageBuild
from stacks.registry import RegistryStack
from stacks.security import SecurityStack
from tests.stacks.assembly import ENVIRONMENTS, ROOT, Assembly, environment
from tests.stacks.policies import ACCOUNT, REGION, Account, allows

environments = pytest.mark.parametrize("name", ENVIRONMENTS)
ASSETS = f"arn:aws:s3:::cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
REPOSITORIES = {"jobs": "mlops-dev-training", "api": "mlops-dev-api"}

COMMIT = "0123456789abcdef0123456789abcdef01234567"

each_image = pytest.mark.parametrize("image", REPOSITORIES)


def registry(name: str = "dev") -> Account:
    return Account(environment(name))


def project(image: str, *, account: Account | None = None) -> dict[str, Any]:
    found = (account or registry()).properties("AWS::CodeBuild::Project", component="registry").values()
    (one,) = [each for each in found if each["Name"].endswith(f"-{image}-image")]
    return one


def variables(image: str, *, account: Account | None = None) -> dict[str, str]:
    listed = project(image, account=account)["Environment"]["EnvironmentVariables"]
    return {each["Name"]: each["Value"] for each in listed}


def arn(image: str) -> str:
    return f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{REPOSITORIES[image]}"


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


@each_image
def test_an_image_goes_to_its_repository_under_a_tag_that_names_its_source(image: str) -> None:
    names = variables(image)

    assert re.fullmatch(r"[0-9a-f]{16}", names["TAG"])
    assert names["IMAGE"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORIES[image]}:{names['TAG']}"
    assert names["REPOSITORY"] == REPOSITORIES[image]
    assert names["DOCKERFILE"] == f"images/{image}/Dockerfile"
    assert (ROOT / names["DOCKERFILE"]).is_file()


def test_other_sources_or_other_arguments_are_another_tag() -> None:
    assert variables("jobs")["TAG"] != variables("api")["TAG"]
    assert len({tag_given(arguments) for arguments in ({}, {"RUN_AS": "0:0"}, {"RUN_AS": "1:1"})}) == 3


def tag_given(arguments: dict[str, str]) -> str:
    stack = registry_stack(jobs_image="localhost:5000/jobs:1")
    key = kms.Key(stack, "Key")
    repository = stack.training_repository
    return ImageBuild(stack, "jobs", repository=repository, key=key, logs_key=key, after=(), arguments=arguments).tag


@each_image
def test_equal_sources_give_equal_tags_in_every_environment(image: str) -> None:
    tags = {variables(image, account=registry(name))["TAG"] for name in ENVIRONMENTS}

    assert len(tags) == 1


def test_sagemakers_jobs_run_as_the_one_user_that_may_write_there_and_the_api_as_nobody() -> None:
    assert "--build-arg RUN_AS=0:0" in variables("jobs")["ARGUMENTS"]
    assert "RUN_AS" not in variables("api")["ARGUMENTS"]


@each_image
def test_a_deployment_starts_the_build_and_so_does_that_of_a_later_stack(image: str) -> None:
    """A rule takes a moment to work: of its own stack's first deployment it may not hear."""
    rules = registry().properties("AWS::Events::Rule", component="registry").values()
    (rule,) = [each for each in rules if each["Name"] == f"mlops-dev-{image}-image-deployed"]
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
    assert project(image)["ConcurrentBuildLimit"] == 1


@each_image
def test_a_build_reads_its_source_and_pushes_to_its_repository_and_no_more(image: str) -> None:
    role = registry().of_role(f"{image.capitalize()}ImageRole", component="registry")
    source = f"{ASSETS}/{project(image)['Source']['Location'].split('/')[-1]}"
    (another,) = set(REPOSITORIES) - {image}

    assert allows(role, "s3:GetObject", source)
    assert allows(role, "ecr:PutImage", arn(image))
    assert allows(role, "ecr:BatchGetImage", arn(image))
    assert not allows(role, "s3:GetObject", f"{ASSETS}/another.zip")
    assert not allows(role, "s3:PutObject", source)
    assert not allows(role, "ecr:PutImage", arn(another))
    assert not allows(role, "ecr:BatchDeleteImage", arn(image))
    assert not allows(role, "sagemaker:CreateModelPackage", "*")


def registry_stack(folder: Path | None = None, *, revision: str = "", **own: str) -> RegistryStack:
    """The stack with images of one's own, and told of a commit."""
    settings = load_environment("dev")
    app = cdk.App(
        context={**QUICK, "revision": revision},
        outdir=str(folder) if folder else None,
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
    )
    security = SecurityStack(app, settings)
    return RegistryStack(
        app,
        settings.model_copy(update={"registry": settings.registry.model_copy(update=own)}),
        key=security.data_key,
        logs_key=security.operations_key,
    )


def synthesized(stack: RegistryStack) -> Account:
    app = stack.node.root
    assert isinstance(app, cdk.App)
    return Account(Assembly(Path(app.synth().directory)))


def test_images_of_ones_own_take_the_place_of_the_builds(tmp_path: Path) -> None:
    stack = registry_stack(tmp_path, jobs_image="localhost:5000/jobs:1", api_image="localhost:5000/api:2")
    account = synthesized(stack)

    assert (stack.jobs_image, stack.api_image, stack.builds) == ("localhost:5000/jobs:1", "localhost:5000/api:2", ())
    assert account.properties("AWS::ECR::Repository", component="registry") != {}
    assert account.properties("AWS::CodeBuild::Project", component="registry") == {}
    assert account.properties("AWS::Events::Rule", component="registry") == {}


def test_one_of_them_may_be_ones_own_and_the_other_built(tmp_path: Path) -> None:
    stack = registry_stack(tmp_path, jobs_image="localhost:5000/jobs:1")
    account = synthesized(stack)

    assert stack.builds == ("mlops-dev-api-image",)
    assert cdk.Stack.of(stack).resolve(stack.api_image)
    assert project("api", account=account)["Name"] == "mlops-dev-api-image"


@pytest.mark.parametrize("setting", ["jobs_image", "api_image"])
def test_an_image_without_a_tag_is_refused_because_it_would_change_unseen(setting: str) -> None:
    values = load_environment("dev").registry.model_dump()

    with pytest.raises(ValueError, match=setting):
        RegistrySettings(**{**values, setting: "localhost/jobs"})


@pytest.mark.parametrize("revision", ["", "unknown", f"{COMMIT}-dirty", COMMIT[:12]])
def test_what_is_not_a_commit_is_no_tag(tmp_path: Path, revision: str) -> None:
    assert "REVISION" not in variables("api", account=synthesized(registry_stack(tmp_path, revision=revision)))


def test_the_commit_is_told_to_the_build_and_changes_nothing_else(tmp_path: Path) -> None:
    names = variables("api", account=synthesized(registry_stack(tmp_path, revision=COMMIT)))

    assert names == {**variables("api"), "REVISION": COMMIT}


def built(folder: Path, *, there: tuple[str, ...], fails: str = "", **changes: str) -> tuple[int, list[str]]:
    """Run the build's commands where ECR knows the tags ``there``; return the exit code and what was called."""
    calls = folder / "calls"
    calls.touch()
    known = " | ".join(f'"ecr describe-images"*"imageTag={tag}"' for tag in there) or "none"
    for name in ("aws", "docker"):
        program = folder / name
        program.write_text(
            f"""#!/bin/sh
echo "{name} $*" >> "{calls}"
case "$*" in
  "{fails or "no such call"}"*) exit 1 ;;
  {known}) ;;
  "ecr describe-images"*) exit 1 ;;
  "ecr batch-get-image"*) echo '{{"layers": [1, 2]}}' ;;
esac
"""
        )
        program.chmod(0o755)
    environment = {
        "IMAGE": "1.dkr.ecr.nowhere.amazonaws.com/mine:hash",
        "REPOSITORY": "mine",
        "TAG": "hash",
        "DOCKERFILE": "images/api/Dockerfile",
        "ARGUMENTS": "--build-arg RUN_AS=0:0",
        **changes,
    }
    (script,) = json.loads(project("api")["Source"]["BuildSpec"])["phases"]["build"]["commands"]
    done = subprocess.run(
        ["bash", "-c", script], env={"PATH": f"{folder}:{os.environ['PATH']}", **environment}, check=False
    )
    return done.returncode, [
        call for call in calls.read_text().splitlines() if "describe-images" not in call and "login" not in call
    ]


BUILD = (
    "docker build --file images/api/Dockerfile --tag 1.dkr.ecr.nowhere.amazonaws.com/mine:hash "
    f"--build-arg REVISION={COMMIT} --build-arg RUN_AS=0:0 ."
)
PUSH = "docker push 1.dkr.ecr.nowhere.amazonaws.com/mine:hash"
READ = (
    "aws ecr batch-get-image --repository-name mine --image-ids imageTag=hash "
    "--query images[0].imageManifest --output text"
)
TAG = f'aws ecr put-image --repository-name mine --image-tag {COMMIT} --image-manifest {{"layers": [1, 2]}}'


@pytest.mark.parametrize(
    ("there", "calls"),
    [((), [BUILD, PUSH, READ, TAG]), (("hash",), [READ, TAG]), (("hash", COMMIT), [])],
    ids=["new sources", "a new commit of known sources", "nothing new"],
)
def test_an_image_is_built_once_and_tagged_with_each_commit(
    tmp_path: Path, there: tuple[str, ...], calls: list[str]
) -> None:
    assert built(tmp_path, there=there, REVISION=COMMIT) == (0, calls)


def test_without_a_commit_there_is_the_one_tag(tmp_path: Path) -> None:
    assert built(tmp_path, there=()) == (0, [BUILD.replace(COMMIT, "unknown"), PUSH])


def test_a_build_that_fails_pushes_nothing_and_says_so(tmp_path: Path) -> None:
    code, calls = built(tmp_path, there=(), fails="build", REVISION=COMMIT)

    assert (code, calls) == (1, [BUILD])
