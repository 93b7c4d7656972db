"""Roles of SageMaker jobs: their image, their log, and the key of their disks; data is granted by the lake."""

from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from stacks.base import PlatformStack
from stacks.constructs.wildcards import allow_pattern


class JobRole(iam.Role):
    """The role of all jobs of one ``kind``, Training or Processing, or of those that ``title`` sets apart."""

    def __init__(
        self,
        stack: PlatformStack,
        kind: str,
        *,
        description: str,
        image: ecr.IRepository,
        key: kms.IKey,
        title: str | None = None,
    ) -> None:
        super().__init__(
            stack,
            f"{title or kind}JobRole",
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
            description=description,
        )
        self.add_to_policy(
            iam.PolicyStatement(
                actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                resources=[image.repository_arn],
            )
        )
        allow_pattern(
            self,
            iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
            reason="A login to the account's registry: the action knows no resource.",
        )
        logs = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:/aws/sagemaker/{kind}Jobs"
        allow_pattern(
            self,
            iam.PolicyStatement(
                actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                resources=[f"{logs}:*"],
            ),
            reason="SageMaker names a stream by job and host; all of the one group are meant.",
        )
        # The disks of the job's machines.
        self.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:CreateGrant"],
                resources=[key.key_arn],
                conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
            )
        )
        self.add_to_policy(iam.PolicyStatement(actions=["kms:DescribeKey"], resources=[key.key_arn]))
