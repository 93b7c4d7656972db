"""The flow's functions: each may call what its ``calls.py`` says, and nothing else."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_

from config.names import LAKE, MODEL_GROUP, TRAINING
from lambdas.common.calls import API_KEY, CLUSTER, EXECUTIONS, PACKAGES, Call
from stacks.base import PlatformStack
from stacks.constructs.functions import Functions, Size, allow_network_interfaces
from stacks.constructs.naming import bucket_name
from stacks.constructs.wildcards import allow_pattern
from stacks.data_lake import DataLakeStack
from stacks.eks import EksStack
from stacks.security import SecurityStack


class FlowFunctions:
    """Makes functions in ``stack``."""

    def __init__(
        self,
        stack: PlatformStack,
        *,
        use_case: str,
        data_lake: DataLakeStack,
        eks: EksStack,
        security: SecurityStack,
        logs_key: kms.IKey,
    ) -> None:
        self._stack = stack
        self._use_case = use_case
        self._lake = data_lake
        self._eks = eks
        self._security = security
        self._functions = Functions(stack, logs_key=logs_key)

    def add(
        self,
        name: str,
        description: str,
        calls: Sequence[Call],
        *,
        size: Size,
        environment: Mapping[str, str],
        vpc: ec2.IVpc | None = None,
        security_group: ec2.ISecurityGroup | None = None,
    ) -> lambda_.Function:
        """Return function ``name``, which may make ``calls`` and no others."""
        function = self._functions.add(
            name,
            description=description,
            size=size,
            environment={
                "MLOPS_BUCKET": bucket_name(self._stack, LAKE),
                "MLOPS_USE_CASE": self._use_case,
                **environment,
            },
            vpc=vpc,
            security_group=security_group,
        )
        role = function.role
        assert isinstance(role, iam.Role)
        if vpc is not None:
            allow_network_interfaces(role)
        of_s3 = [each for each in calls if each.action.startswith("s3:")]
        if of_s3:
            self._lake.grant_calls(role, of_s3, use_case=self._use_case)
        for each in calls:
            self._grant(role, each)
        return function

    def _grant(self, role: iam.Role, call: Call) -> None:
        stack = self._stack
        if call.resource == EXECUTIONS:
            executions = f"arn:{stack.partition}:states:{stack.region}:{stack.account}:execution"
            allow_pattern(
                role,
                iam.PolicyStatement(
                    actions=[call.action], resources=[f"{executions}:{stack.settings.name(TRAINING)}:*"]
                ),
                reason="Executions are named when they start; all of the one state machine are meant.",
            )
        elif call.resource == PACKAGES:
            allow_packages(stack, role, call.action)
        elif call.resource == CLUSTER:
            cluster = f"arn:{stack.partition}:eks:{stack.region}:{stack.account}:cluster/{self._eks.cluster_name}"
            role.add_to_policy(iam.PolicyStatement(actions=[call.action], resources=[cluster]))
        elif call.resource == API_KEY:
            self._security.grant_api_key(role)
        elif call.action == "cloudwatch:PutMetricData":
            allow_pattern(
                role,
                iam.PolicyStatement(
                    actions=[call.action],
                    resources=["*"],
                    conditions={"StringEquals": {"cloudwatch:namespace": call.resource}},
                ),
                reason="Metrics are no resources; the condition keeps to the one namespace.",
            )


def allow_packages(stack: PlatformStack, role: iam.Role, *actions: str) -> None:
    """Let ``role`` do ``actions`` on the packages of the environment's model group."""
    group = stack.settings.name(MODEL_GROUP)
    arn = f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}"
    allow_pattern(
        role,
        iam.PolicyStatement(
            actions=list(actions), resources=[f"{arn}:model-package-group/{group}", f"{arn}:model-package/{group}/*"]
        ),
        reason="Packages are numbered when they are made; all of the one group are meant.",
    )
