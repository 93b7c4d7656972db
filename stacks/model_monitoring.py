"""The machine that looks at the models, with its functions, the role of its job, and what starts its functions."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from config.names import ARTIFACTS, AUDIT, LAKE, MONITORING, RELEASED, ROLLED_BACK, TRAINING
from lambdas.common.calls import Call
from lambdas.delivery_metrics.calls import CALLS as DELIVERY_METRICS
from lambdas.look_back.calls import CALLS as LOOK_BACK
from lambdas.publish_metrics.calls import CALLS as PUBLISH_METRICS
from ml.use_case import UseCase
from stacks.base import PlatformStack
from stacks.constructs.flow_functions import FlowFunctions
from stacks.constructs.functions import Size
from stacks.constructs.job_roles import JobRole
from stacks.constructs.naming import bucket_name
from stacks.constructs.state_machine import StateMachine, machine_arn
from stacks.data_lake import DataLakeStack
from stacks.flow.monitoring import Parts, monitoring
from stacks.registry import RegistryStack

# Labels come a week later, and the week under way has none yet.
_WEEKS_UNTIL_LABELS: Final = 2


class ModelMonitoring(Construct):
    """Looks at the models; ``machine`` is to be started once a day, and when labels have come."""

    def __init__(
        self,
        stack: PlatformStack,
        *,
        functions: FlowFunctions,
        use_case: UseCase,
        data_lake: DataLakeStack,
        registry: RegistryStack,
        alerts: sns.ITopic,
        data_key: kms.IKey,
        logs_key: kms.IKey,
    ) -> None:
        super().__init__(stack, "ModelMonitoring")
        self._stack = stack
        self._functions = functions
        self.machine = StateMachine(stack, MONITORING, logs_key=logs_key)
        job_role = JobRole(
            stack,
            "Processing",
            title="Monitoring",
            description="The look at the models that serve",
            image=registry.training_repository,
            key=data_key,
        )
        data_lake.grant_monitoring(job_role)
        look_back = self._function(
            "look_back",
            "Lists what a look takes",
            LOOK_BACK,
            # A captured file every five seconds by each pod is half a million in a month, a thousand to a page.
            size=Size(seconds=290, memory_mb=1024),
        )
        publish_metrics = self._function(
            "publish_metrics", "Publishes what a look found", PUBLISH_METRICS, size=Size(seconds=50)
        )
        delivery_metrics = self._function(
            "delivery_metrics", "Publishes how releases go", DELIVERY_METRICS, size=Size(seconds=110)
        )
        self.machine.may_invoke(look_back, publish_metrics, delivery_metrics)
        self.machine.may_run("processing", job_role)
        self.machine.may_tell(alerts, key=logs_key)
        data_lake.grant_records(self.machine.role, f"{ARTIFACTS}/{AUDIT}/*/{MONITORING}-*.json")
        self.machine.define(
            monitoring(
                Parts(
                    settings=stack.settings,
                    bucket=bucket_name(stack, LAKE),
                    topic=alerts.topic_arn,
                    image=registry.jobs_image,
                    data_key=data_key.key_arn,
                    job_role=job_role.role_arn,
                    look_back=look_back.function_arn,
                    publish_metrics=publish_metrics.function_arn,
                    delivery_metrics=delivery_metrics.function_arn,
                    weeks=use_case.monitoring.most_weeks + _WEEKS_UNTIL_LABELS,
                )
            )
        )
        self._measure_on_outcomes(delivery_metrics)

    def _function(self, name: str, description: str, calls: Sequence[Call], *, size: Size) -> lambda_.Function:
        """Return function ``name``."""
        environment = {"MLOPS_ENVIRONMENT": self._stack.settings.environment}
        return self._functions.add(name, description, calls, size=size, environment=environment)

    def _measure_on_outcomes(self, function: lambda_.Function) -> None:
        """Let the delivery figures be right within moments of a release's end and of a training's."""
        stack = self._stack
        keys = [{"wildcard": f"{ARTIFACTS}/{AUDIT}/*/{what}-*.json"} for what in (RELEASED, ROLLED_BACK)]
        self._measure_on(
            "release-ended",
            "The outcome of a release or a roll-back was recorded",
            {
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": [bucket_name(stack, LAKE)]}, "object": {"key": keys}},
            },
            function,
        )
        self._measure_on(
            "training-ended",
            "A training ended well, so data may be fresh again",
            {
                "source": ["aws.states"],
                "detail-type": ["Step Functions Execution Status Change"],
                "detail": {"stateMachineArn": [machine_arn(stack, TRAINING)], "status": ["SUCCEEDED"]},
            },
            function,
        )

    def _measure_on(self, name: str, description: str, pattern: Mapping[str, Any], function: lambda_.Function) -> None:
        stack = self._stack
        title = "".join(part.capitalize() for part in name.split("-"))
        rule = events.CfnRule(
            self,
            title,
            name=stack.settings.name(name),
            description=description,
            event_pattern=pattern,
            targets=[
                events.CfnRule.TargetProperty(
                    id="delivery-metrics",
                    arn=function.function_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={"at": "$.time"}, input_template='{"at": <at>}'
                    ),
                    # The next event, or the next day, publishes the same figures.
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=3600, maximum_retry_attempts=5
                    ),
                )
            ],
        )
        function.add_permission(
            title,
            principal=iam.ServicePrincipal("events.amazonaws.com"),
            source_arn=rule.attr_arn,
        )
