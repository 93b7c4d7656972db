"""A state machine with its role, its log and its traces."""

from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.base import PlatformStack
from stacks.constructs.log_group import EncryptedLogGroup
from stacks.constructs.wildcards import allow_pattern


class StateMachine(Construct):
    """A Standard state machine named ``{prefix}-{environment}-{component}``.

    What it may do is granted to ``role`` by whoever knows its definition, before ``define``.
    """

    def __init__(self, stack: PlatformStack, component: str, *, logs_key: kms.IKey) -> None:
        title = "".join(part.capitalize() for part in component.split("-"))
        super().__init__(stack, f"{title}Machine")
        self._stack = stack
        self._title = title
        self.name = stack.settings.name(component)
        self.arn = machine_arn(stack, component)
        self._log_group = EncryptedLogGroup(
            self,
            f"{title}MachineLog",
            name=f"/aws/vendedlogs/states/{self.name}",
            key=logs_key,
            days=stack.settings.flow.log_days,
            removal_policy=stack.removal_policy,
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": self.arn},
                },
            ),
            description=f"The state machine {self.name}",
        )
        self._may_log_and_trace()

    def allow(self, *actions: str, resources: list[str]) -> None:
        """Let the machine do ``actions`` on ``resources`` without wildcards."""
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources))

    def allow_pattern(self, *actions: str, resources: list[str], reason: str) -> None:
        """Let the machine do ``actions`` on resources by pattern, for a reason."""
        allow_pattern(self.role, iam.PolicyStatement(actions=list(actions), resources=resources), reason=reason)

    def may_invoke(self, *functions: lambda_.IFunction) -> None:
        """Let the machine call ``functions``, as they are now."""
        self.allow("lambda:InvokeFunction", resources=[each.function_arn for each in functions])

    def may_run(self, kind: str, role: iam.IRole) -> None:
        """Let the machine run SageMaker jobs of a ``kind``, ``training`` or ``processing``, as ``role``."""
        stack, title = self._stack, kind.capitalize()
        place = f"{stack.region}:{stack.account}"
        jobs = f"arn:{stack.partition}:sagemaker:{place}:{kind}-job/{stack.settings.name('*')}"
        self.allow_pattern(
            f"sagemaker:Create{title}Job",
            f"sagemaker:Describe{title}Job",
            f"sagemaker:Stop{title}Job",
            resources=[jobs],
            reason="Jobs are named when they start; all of the environment's are meant.",
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            )
        )
        # By this rule, which Step Functions makes, it learns that a job has ended.
        rule = f"arn:{stack.partition}:events:{place}:rule/StepFunctionsGetEventsForSageMaker{title}JobsRule"
        self.allow("events:DescribeRule", "events:PutRule", "events:PutTargets", resources=[rule])

    def may_tell(self, topic: sns.ITopic, *, key: kms.IKey) -> None:
        """Let the machine publish to ``topic``, which is encrypted by ``key``."""
        self.allow("sns:Publish", resources=[topic.topic_arn])
        self.allow("kms:Decrypt", "kms:GenerateDataKey", resources=[key.key_arn])

    def define(self, definition: dict[str, Any]) -> sfn.CfnStateMachine:
        """Make the machine."""
        machine = sfn.CfnStateMachine(
            self,
            self._title,
            state_machine_name=self.name,
            role_arn=self.role.role_arn,
            definition_string=self._stack.to_json_string(definition, 2),
            logging_configuration=sfn.CfnStateMachine.LoggingConfigurationProperty(
                level="ALL",
                include_execution_data=True,
                destinations=[
                    sfn.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=sfn.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=self._log_group.log_group_arn
                        )
                    )
                ],
            ),
            tracing_configuration=sfn.CfnStateMachine.TracingConfigurationProperty(enabled=True),
        )
        machine.override_logical_id(f"{self._title}Machine")
        machine.node.add_dependency(self.role)
        return machine

    def _may_log_and_trace(self) -> None:
        self.allow_pattern(
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
            resources=["*"],
            reason="Deliveries of vended logs and traces belong to no resource; Step Functions asks for these.",
        )


def machine_arn(stack: PlatformStack, component: str) -> str:
    """Return a state machine's ARN, known before it exists."""
    name = stack.settings.name(component)
    return f"arn:{stack.partition}:states:{stack.region}:{stack.account}:stateMachine:{name}"
