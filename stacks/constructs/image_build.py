"""Images built in CodeBuild from this repository, so that whoever deploys needs no Docker."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.base import PlatformStack
from stacks.constructs.log_group import EncryptedLogGroup
from stacks.constructs.wildcards import allow_pattern

ROOT: Final = Path(__file__).parents[2]
_TAG_LENGTH: Final = 16
_MINUTES: Final = 30
# What the app is told of the commit it is synthesized at, by ``-c revision=``; of a changed working tree there is none.
REVISION: Final = "revision"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
# Whether a tag is there is asked first: a build that is started twice, or again after a roll-back, does no harm.
# A commit's tag is put on the image that is there, be it built at an earlier commit.
_BUILD_SPEC: Final = {
    "version": 0.2,
    "phases": {
        "build": {
            "on-failure": "ABORT",
            "commands": [
                """\
set -e
there() { aws ecr describe-images --repository-name "$REPOSITORY" --image-ids "imageTag=$1" >/dev/null 2>&1; }
if there "$TAG"; then
  echo "$IMAGE is there"
else
  aws ecr get-login-password | docker login --username AWS --password-stdin "${IMAGE%%/*}"
  docker build --file "$DOCKERFILE" --tag "$IMAGE" --build-arg "REVISION=${REVISION:-unknown}" $ARGUMENTS .
  docker push "$IMAGE"
fi
if [ -n "$REVISION" ] && ! there "$REVISION"; then
  manifest=$(aws ecr batch-get-image --repository-name "$REPOSITORY" --image-ids "imageTag=$TAG" \
    --query 'images[0].imageManifest' --output text)
  aws ecr put-image --repository-name "$REPOSITORY" --image-tag "$REVISION" --image-manifest "$manifest" >/dev/null
fi
"""
            ],
        }
    },
}


class ImageBuild(Construct):
    """Keeps ``repository`` in step with ``images/<name>/Dockerfile`` and the files that it is made of.

    The tag is a hash of those files, which the ``.dockerignore`` beside the Dockerfile lists, and of ``arguments``,
    which the Dockerfile is given; the commit, where the app knows it, becomes a second tag. The build starts when
    one of the stacks ``after`` has been deployed, and the deployment does not wait for it: nothing in it runs the
    image. Rules take a moment to work after they are made, so ``after`` should name a stack that is deployed later
    too.
    """

    def __init__(
        self,
        stack: PlatformStack,
        name: str,
        *,
        repository: ecr.Repository,
        key: kms.IKey,
        logs_key: kms.IKey,
        after: tuple[str, ...],
        arguments: Mapping[str, str],
    ) -> None:
        super().__init__(stack, f"{name.capitalize()}Image")
        dockerfile = f"images/{name}/Dockerfile"
        source = assets.Asset(
            self,
            "Source",
            path=str(ROOT),
            exclude=_ignored(ROOT / f"{dockerfile}.dockerignore"),
            ignore_mode=cdk.IgnoreMode.DOCKER,
        )
        given = " ".join(f"--build-arg {argument}={value}" for argument, value in arguments.items())
        self.tag = hashlib.sha256(f"{source.asset_hash} {given}".encode()).hexdigest()[:_TAG_LENGTH]
        self.uri = repository.repository_uri_for_tag(self.tag)
        self.project_name = stack.settings.name(f"{name}-image")
        revision = str(stack.node.try_get_context(REVISION) or "")
        log_group = EncryptedLogGroup(
            self,
            f"{name.capitalize()}ImageLog",
            name=f"/aws/codebuild/{self.project_name}",
            key=logs_key,
            days=stack.settings.registry.build_log_days,
            removal_policy=stack.removal_policy,
        )
        variables = {
            "IMAGE": self.uri,
            "REPOSITORY": repository.repository_name,
            "TAG": self.tag,
            "DOCKERFILE": dockerfile,
            "ARGUMENTS": given,
            "DOCKER_BUILDKIT": "1",
            # SageMaker takes an image, not an index of an image and its attestations.
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        }
        if _COMMIT.fullmatch(revision):
            variables["REVISION"] = revision
        self.project = codebuild.CfnProject(
            self,
            "Project",
            name=self.project_name,
            description=f"Builds {dockerfile} of this repository",
            service_role=self._role(source, repository=repository, log_group=log_group).role_arn,
            encryption_key=key.key_arn,
            timeout_in_minutes=_MINUTES,
            # A second start waits for the first, finds its image and ends.
            concurrent_build_limit=1,
            source=codebuild.CfnProject.SourceProperty(
                type="S3",
                location=f"{source.s3_bucket_name}/{source.s3_object_key}",
                build_spec=stack.to_json_string(_BUILD_SPEC),
            ),
            artifacts=codebuild.CfnProject.ArtifactsProperty(type="NO_ARTIFACTS"),
            environment=codebuild.CfnProject.EnvironmentProperty(
                type="LINUX_CONTAINER",
                compute_type="BUILD_GENERAL1_SMALL",
                image=codebuild.LinuxBuildImage.AMAZON_LINUX_2023_5.image_id,
                # Docker's daemon runs inside the build.
                privileged_mode=True,
                environment_variables=[
                    codebuild.CfnProject.EnvironmentVariableProperty(name=variable, value=value)
                    for variable, value in variables.items()
                ],
            ),
            logs_config=codebuild.CfnProject.LogsConfigProperty(
                cloud_watch_logs=codebuild.CfnProject.CloudWatchLogsConfigProperty(
                    status="ENABLED", group_name=log_group.log_group_name
                )
            ),
        )
        self._start_after(after, stack=stack)

    def _role(self, source: assets.Asset, *, repository: ecr.Repository, log_group: EncryptedLogGroup) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=_service("codebuild", stack=cdk.Stack.of(self)),
            description="Reads its source, writes its log, pushes to its repository",
        )
        _allow(
            role,
            "s3:GetObject",
            "s3:GetObjectVersion",
            resource=source.bucket.arn_for_objects(source.s3_object_key),
        )
        _allow(role, "logs:CreateLogStream", "logs:PutLogEvents", resource=log_group.log_group_arn)
        _allow(
            role,
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:CompleteLayerUpload",
            "ecr:DescribeImages",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
            resource=repository.repository_arn,
        )
        allow_pattern(
            role,
            iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
            reason="A login to the account's registry: the action knows no resource.",
        )
        return role

    def _start_after(self, components: tuple[str, ...], *, stack: PlatformStack) -> None:
        role = iam.Role(
            self,
            "StartRole",
            assumed_by=_service("events", stack=stack),
            description=f"Starts the build {self.project.name}",
        )
        _allow(role, "codebuild:StartBuild", resource=self.project.attr_arn)
        deployments = f"arn:{stack.partition}:cloudformation:{stack.region}:{stack.account}:stack"
        pattern: dict[str, Any] = {
            "source": ["aws.cloudformation"],
            "detail-type": ["CloudFormation Stack Status Change"],
            "detail": {
                "stack-id": [{"prefix": f"{deployments}/{stack.settings.name(each)}/"} for each in components],
                "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]},
            },
        }
        events.CfnRule(
            self,
            "Deployed",
            name=f"{self.project.name}-deployed",
            description="A deployment may have changed what the image is made of",
            event_pattern=pattern,
            targets=[events.CfnRule.TargetProperty(id="build", arn=self.project.attr_arn, role_arn=role.role_arn)],
        )


def _ignored(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _allow(role: iam.Role, *actions: str, resource: str) -> None:
    role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))


def _service(name: str, *, stack: cdk.Stack) -> iam.ServicePrincipal:
    """Return the principal of a service that acts for this account only."""
    return iam.ServicePrincipal(
        f"{name}.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
    )
