"""The flow: state machines that train and release, the functions that decide in them, and what starts them."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from config.names import ARTIFACTS, AUDIT, LAKE, MODEL_GROUP, RAW, RUNS, TRAINING
from config.settings import EnvironmentSettings
from lambdas.commit_weeks.calls import CALLS as COMMIT_WEEKS
from lambdas.common.calls import EXECUTIONS, PACKAGES, Call
from lambdas.decide.calls import CALLS as DECIDE
from lambdas.register.calls import CALLS as REGISTER
from lambdas.resolve_run.calls import CALLS as RESOLVE_RUN
from ml.use_case import load_use_case
from stacks.base import PlatformStack
from stacks.constructs.functions import Functions, Size
from stacks.constructs.job_roles import JobRole
from stacks.constructs.naming import bucket_name
from stacks.constructs.state_machine import StateMachine
from stacks.constructs.wildcards import allow_pattern
from stacks.data_lake import DataLakeStack
from stacks.flow.training import Parts, training
from stacks.registry import RegistryStack

_USE_CASE: Final = "price_sensitivity"


class PipelineStack(PlatformStack):
    """The training: its state machine, its functions, the roles of its jobs, and what starts it."""

    def __init__(
        self,
        scope: Construct,
        settings: EnvironmentSettings,
        *,
        data_lake: DataLakeStack,
        registry: RegistryStack,
        alerts: sns.ITopic,
        data_key: kms.IKey,
        logs_key: kms.IKey,
    ) -> None:
        super().__init__(scope, "pipeline", settings=settings, description="State machines and their functions")
        self._data_lake = data_lake
        self._registry = registry
        self._data_key = data_key
        self._logs_key = logs_key
        self._alerts = alerts
        self._use_case = load_use_case(_USE_CASE)
        self._functions = Functions(self, logs_key=logs_key)
        self.training = self._training()
        self._start_on_data(self.training)
        if settings.flow.schedule is not None:
            self._start_on_schedule(self.training, settings.flow.schedule)

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
            bucket=bucket_name(self, LAKE),
            topic=self._alerts.topic_arn,
            image=self._registry.jobs_image,
            data_key=self._data_key.key_arn,
            processing_role=processing.role_arn,
            training_role=training_job.role_arn,
            resolve_run=resolve_run.function_arn,
            commit_weeks=commit_weeks.function_arn,
            decide=decide.function_arn,
            register=register.function_arn,
            candidates=tuple(self._use_case.candidates),
        )
        machine.may_invoke(resolve_run, commit_weeks, decide, register)
        machine.may_run("processing", processing)
        machine.may_run("training", training_job)
        machine.may_tell(self._alerts, key=self._logs_key)
        lake.grant_records(machine.role, f"{ARTIFACTS}/{AUDIT}/*/training-*.json", f"{ARTIFACTS}/{RUNS}/*/outcome.json")
        machine.define(training(parts))
        return machine

    def _function(self, name: str, description: str, calls: Sequence[Call], *, size: Size) -> lambda_.Function:
        """Return function ``name``, which may make ``calls`` and no others."""
        settings = self.settings
        function = self._functions.add(
            name,
            description=description,
            size=size,
            environment={
                "MLOPS_BUCKET": bucket_name(self, LAKE),
                "MLOPS_USE_CASE": _USE_CASE,
                "MLOPS_FINGERPRINT": f"{self._registry.jobs_image} {settings.flow.holdout_weeks}",
                "MLOPS_MODEL_GROUP": settings.name(MODEL_GROUP),
                "MLOPS_API_IMAGE": self._registry.api_image,
                "MLOPS_APPROVAL": settings.flow.approval,
            },
        )
        role = function.role
        assert isinstance(role, iam.Role)
        self._data_lake.grant_calls(role, [each for each in calls if each.action.startswith("s3:")], use_case=_USE_CASE)
        for each in calls:
            if each.resource == EXECUTIONS:
                executions = f"arn:{self.partition}:states:{self.region}:{self.account}:execution"
                allow_pattern(
                    role,
                    iam.PolicyStatement(actions=[each.action], resources=[f"{executions}:{settings.name(TRAINING)}:*"]),
                    reason="Executions are named when they start; all of the one state machine are meant.",
                )
            elif each.resource == PACKAGES:
                self._allow_packages(role, each.action)
        return function

    def _allow_packages(self, role: iam.Role, action: str) -> None:
        group = self.settings.name(MODEL_GROUP)
        arn = f"arn:{self.partition}:sagemaker:{self.region}:{self.account}"
        allow_pattern(
            role,
            iam.PolicyStatement(
                actions=[action], resources=[f"{arn}:model-package-group/{group}", f"{arn}:model-package/{group}/*"]
            ),
            reason="Packages are numbered when they are made; all of the one group are meant.",
        )

    def _start_on_data(self, machine: StateMachine) -> None:
        """Start a training for each object below raw/; it waits, and the last one of an upload does the work."""
        rule = self.settings.name("data-arrived")
        source = f"arn:{self.partition}:events:{self.region}:{self.account}:rule/{rule}"
        role = self._starter("DataStartRole", "events", machine, source=source)
        events.CfnRule(
            self,
            "DataArrived",
            name=rule,
            description="A file came below raw/",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [bucket_name(self, LAKE)]},
                    "object": {"key": [{"wildcard": f"{RAW}/*.csv"}, {"wildcard": f"{RAW}/*.csv.gz"}]},
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="training",
                    arn=machine.arn,
                    role_arn=role.role_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={"at": "$.time", "key": "$.detail.object.key"},
                        input_template='{"trigger": "data", "at": <at>, "key": <key>}',
                    ),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=3600, maximum_retry_attempts=20
                    ),
                )
            ],
        )

    def _start_on_schedule(self, machine: StateMachine, cron: str) -> None:
        group = scheduler.CfnScheduleGroup(self, "Schedules", name=self.settings.name(TRAINING))
        schedules = f"arn:{self.partition}:scheduler:{self.region}:{self.account}:schedule-group/{group.name}"
        role = self._starter("ScheduleStartRole", "scheduler", machine, source=schedules)
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[self._logs_key.key_arn]))
        schedule = scheduler.CfnSchedule(
            self,
            "Weekly",
            name=self.settings.name("weekly-training"),
            group_name=group.ref,
            description="A training with whatever is there, should no event have come",
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

    def _starter(self, id_: str, service: str, machine: StateMachine, *, source: str) -> iam.Role:
        """Return the role by which ``source``, a rule or a group of schedules, starts ``machine``."""
        role = iam.Role(
            self,
            id_,
            assumed_by=iam.ServicePrincipal(
                f"{service}.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self.account, "aws:SourceArn": source}},
            ),
            description=f"Starts {machine.name}",
        )
        role.add_to_policy(iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.arn]))
        return role
