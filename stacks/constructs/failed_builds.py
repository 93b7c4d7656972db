"""Whoever deploys does not wait for the images: a build that fails has to say so itself."""

from collections.abc import Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.base import PlatformStack

# CodeBuild's words for every end but the good one.
_FAILURES = ("FAILED", "FAULT", "STOPPED", "TIMED_OUT")


class FailedBuilds(Construct):
    """Tells ``topic``, encrypted with ``key``, when one of the CodeBuild ``projects`` ends otherwise than well."""

    def __init__(self, stack: PlatformStack, *, projects: Sequence[str], topic: sns.ITopic, key: kms.IKey) -> None:
        super().__init__(stack, "FailedBuilds")
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
            description="Tells of image builds that failed",
        )
        role.add_to_policy(iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn]))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"sns.{stack.region}.amazonaws.com"}},
            )
        )
        events.CfnRule(
            self,
            "Rule",
            name=stack.settings.name("failed-builds"),
            description="An image was not built",
            event_pattern={
                "source": ["aws.codebuild"],
                "detail-type": ["CodeBuild Build State Change"],
                "detail": {"project-name": list(projects), "build-status": list(_FAILURES)},
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="alerts",
                    arn=topic.topic_arn,
                    role_arn=role.role_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={
                            "project": "$.detail.project-name",
                            "status": "$.detail.build-status",
                            "log": "$.detail.additional-information.logs.deep-link",
                        },
                        input_template=(
                            '"The image build <project> ended <status>. What runs goes on with the image it has. '
                            "Once the cause is mended, start the build again in CodeBuild, or deploy again. "
                            'Log: <log>"'
                        ),
                    ),
                )
            ],
        )
