"""What `make smoke` reads after a deployment, and nothing else."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from config.names import CLUSTER, LAKE, MODEL_GROUP
from config.settings import EnvironmentSettings
from stacks.constructs.wildcards import allow_pattern


def grant_smoke_test(role: iam.Role, environment: EnvironmentSettings) -> None:
    """Let ``role`` read the state of one environment's stacks, cluster, lake and model group."""
    stack = cdk.Stack.of(role)
    account, region = environment.account or stack.account, environment.region or stack.region
    cluster = environment.name(CLUSTER)

    def arn(service: str, resource: str) -> str:
        return f"arn:{stack.partition}:{service}:{region}:{account}:{resource}"

    allow_pattern(
        role,
        iam.PolicyStatement(
            sid="ReadStacks",
            actions=["cloudformation:DescribeStacks"],
            resources=[arn("cloudformation", f"stack/{environment.name('*')}/*")],
        ),
        reason="A stack's ARN ends with an identifier that CloudFormation makes up; all of the environment are read.",
    )
    allow_pattern(
        role,
        iam.PolicyStatement(
            sid="ReadNodes",
            actions=["eks:DescribeNodegroup"],
            resources=[arn("eks", f"nodegroup/{cluster}/*/*")],
        ),
        reason="A node group's ARN ends with an identifier that EKS makes up; all groups of the one cluster are read.",
    )
    role.add_to_policy(
        iam.PolicyStatement(
            sid="ReadCluster",
            actions=["eks:DescribeCluster", "eks:ListNodegroups"],
            resources=[arn("eks", f"cluster/{cluster}")],
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            sid="ReadLakeSettings",
            actions=["s3:GetBucketVersioning", "s3:GetEncryptionConfiguration"],
            resources=[f"arn:{stack.partition}:s3:::{environment.name(LAKE)}-{account}-{region}"],
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            sid="ReadModelGroup",
            actions=["sagemaker:DescribeModelPackageGroup"],
            resources=[arn("sagemaker", f"model-package-group/{environment.name(MODEL_GROUP)}")],
        )
    )
