"""The flow: state machines that train and release, the functions that decide in them, and what starts them."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from config.names import ARTIFACTS, AUDIT, LAKE, MODEL_GROUP, MONITORING, RAW, RUNS, TRAINING
from config.settings import EnvironmentSettings
from lambdas.commit_weeks.calls import CALLS as COMMIT_WEEKS
from lambdas.common.calls import Call
from lambdas.decide.calls import CALLS as DECIDE
from lambdas.register.calls import CALLS as REGISTER
from lambdas.resolve_run.calls import CALLS as RESOLVE_RUN
from ml.use_case import load_use_case
from stacks.base import PlatformStack
from stacks.constructs.flow_functions import FlowFunctions
from stacks.constructs.functions import Size
from stacks.constructs.job_roles import JobRole
from stacks.constructs.naming import bucket_name
from stacks.constructs.release_flow import ReleaseFlow
from stacks.constructs.state_machine import StateMachine, machine_arn
from stacks.constructs.triggers import StarterRole, StartOnEvent
from stacks.data_lake import DataLakeStack
from stacks.eks import EksStack
from stacks.flow.training import Parts, training
from stacks.model_monitoring import ModelMonitoring
from stacks.network import NetworkStack
from stacks.registry import RegistryStack
from stacks.security import SecurityStack

_USE_CASE: Final = "price_sensitivity"


class PipelineStack(PlatformStack):
    """Training, release, roll-back and approval: their machines, functions and roles, and what starts them."""

    def __init__(
        self,
        scope: Construct,
        settings: EnvironmentSettings,
        *,
        security: SecurityStack,
        network: NetworkStack,
        data_lake: DataLakeStack,
        registry: RegistryStack,
        eks: EksStack,
        alerts: sns.ITopic,
    ) -> None:
        super().__init__(scope, "pipeline", settings=settings, description="State machines and their functions")
        self._data_lake = data_lake
        self._registry = registry
        self._data_key = security.data_key
        self._logs_key = security.operations_key
        self._alerts = alerts
        self._use_case = load_use_case(_USE_CASE)
        self._functions = FlowFunctions(
            self,
            use_case=_USE_CASE,
            data_lake=data_lake,
            eks=eks,
            security=security,
            logs_key=self._logs_key,
        )
        self.training = self._training()
        self._start_on_data(self.training)
        if settings.flow.schedule is not None:
            self._start_on_schedule(
                self.training,
                settings.flow.schedule,
                title="Weekly",
                description="A training with whatever is there, should no event have come",
            )
        self.releases = ReleaseFlow(
            self,
            functions=self._functions,
            vpc=network.vpc,
            data_lake=data_lake,
            eks=eks,
            security=security,
            alerts=alerts,
            logs_key=self._logs_key,
        )
        self.monitoring = ModelMonitoring(
            self,
            functions=self._functions,
            use_case=self._use_case,
            data_lake=data_lake,
            registry=registry,
            alerts=alerts,
            data_key=self._data_key,
            logs_key=self._logs_key,
        ).machine
        self._start_on_schedule(
            self.monitoring,
            settings.flow.monitoring_schedule,
            title="Daily",
            description="A look at the models that serve",
        )

    def _training(self) -> StateMachine:
        settings, lake = self.settings, self._data_lake
        machine = StateMachine(self, TRAINING, logs_key=self._logs_key)
        image, key = self._registry.training_repository, self._data_key
        processing = JobRole(
            self, "Processing", description="Validation, ETL, encoding and evaluation", image=image, key=key
        )
        lake.grant_processing(processing)
        training_job = JobRole(self, "Training", description="Training of one candidate", image=image, key=key)
        lake.grant_training(training_job)
        # Apart from the others: it is the one job that reaches AWS by itself.
        feed_job = JobRole(
            self,
            "Processing",
            title="Feed",
            description="Gold's baskets into the feature store",
            image=image,
            key=key,
        )
        lake.grant_feeding(feed_job)
        resolve_run = self._function(
            "resolve_run", "Names a run by what goes into it and claims it", RESOLVE_RUN, size=Size(seconds=50)
        )
        commit_weeks = self._function(
            "commit_weeks", "Removes what refined weeks have left over", COMMIT_WEEKS, size=Size(seconds=110)
        )
        decide = self._function("decide", "Reads and records the gate's decision", DECIDE, size=Size(seconds=50))
        register = self._function(
            "register",
            "Makes a version of an accepted candidate",
            REGISTER,
            # It holds a whole file of the bundle at a time.
            size=Size(seconds=290, memory_mb=1024),
        )
        parts = Parts(
            settings=settings,
            region=self.region,
            bucket=bucket_name(self, LAKE),
            topic=self._alerts.topic_arn,
            image=self._registry.jobs_image,
            data_key=self._data_key.key_arn,
            feature_group=lake.feature_group,
            processing_role=processing.role_arn,
            feed_role=feed_job.role_arn,
            training_role=training_job.role_arn,
            resolve_run=resolve_run.function_arn,
            commit_weeks=commit_weeks.function_arn,
            decide=decide.function_arn,
            register=register.function_arn,
            monitoring=machine_arn(self, MONITORING),
            candidates=tuple(self._use_case.candidates),
        )
        machine.may_invoke(resolve_run, commit_weeks, decide, register)
        machine.may_run("processing", processing)
        machine.may_run("processing", feed_job)
        machine.may_run("training", training_job)
        machine.may_tell(self._alerts, key=self._logs_key)
        machine.allow("states:StartExecution", resources=[parts.monitoring])
        lake.grant_records(machine.role, f"{ARTIFACTS}/{AUDIT}/*/training-*.json", f"{ARTIFACTS}/{RUNS}/*/outcome.json")
        machine.define(training(parts))
        return machine

    def _function(self, name: str, description: str, calls: Sequence[Call], *, size: Size) -> lambda_.Function:
        """Return function ``name`` of the training."""
        settings = self.settings
        return self._functions.add(
            name,
            description,
            calls,
            size=size,
            environment={
                "MLOPS_FINGERPRINT": f"{self._registry.jobs_image} {settings.flow.holdout_weeks}",
                "MLOPS_MODEL_GROUP": settings.name(MODEL_GROUP),
                "MLOPS_API_IMAGE": self._registry.api_image,
                "MLOPS_APPROVAL": settings.flow.approval,
            },
        )

    def _start_on_data(self, machine: StateMachine) -> None:
        """Start a training for each object below raw/; it waits, and the last one of an upload does the work."""
        StartOnEvent(
            self,
            "DataArrived",
            name="data-arrived",
            description="A file came below raw/",
            machine=machine,
            pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [bucket_name(self, LAKE)]},
                    "object": {"key": [{"wildcard": f"{RAW}/*.csv"}, {"wildcard": f"{RAW}/*.csv.gz"}]},
                },
            },
            paths={"at": "$.time", "key": "$.detail.object.key"},
            template='{"trigger": "data", "at": <at>, "key": <key>}',
        )

    def _start_on_schedule(self, machine: StateMachine, cron: str, *, title: str, description: str) -> None:
        group = scheduler.CfnScheduleGroup(self, f"{title}Schedules", name=machine.name)
        schedules = f"arn:{self.partition}:scheduler:{self.region}:{self.account}:schedule-group/{group.name}"
        role = StarterRole(
            self, f"{title}StartRole", stack=self, service="scheduler", machine=machine, source=schedules
        )
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[self._logs_key.key_arn]))
        schedule = scheduler.CfnSchedule(
            self,
            title,
            name=f"{machine.name}-{title.lower()}",
            group_name=group.ref,
            description=description,
            schedule_expression=cron,
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            kms_key_arn=self._logs_key.key_arn,
            target=scheduler.CfnSchedule.TargetProperty(
                arn=machine.arn,
                role_arn=role.role_arn,
                input=self.to_json_string({"trigger": "schedule"}),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=20
                ),
            ),
        )
        schedule.node.add_dependency(role)
