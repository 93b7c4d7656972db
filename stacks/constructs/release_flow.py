"""Release, roll-back and approval: their state machines, functions, network and what starts them."""

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from config.names import (
    ALARM_MODEL,
    ALARM_SERVICE,
    ALARM_SETTLE_SECONDS,
    APPROVAL,
    ARTIFACTS,
    AUDIT,
    LAKE,
    MODEL_GROUP,
    RELEASE,
    SERVING_PORT,
    ModelStatus,
)
from lambdas.common.calls import Call
from lambdas.deploy.calls import CALLS as DEPLOY
from lambdas.promote.calls import CALLS as PROMOTE
from lambdas.roll_back.calls import CALLS as ROLL_BACK
from lambdas.rollout.calls import CALLS as ROLLOUT
from lambdas.verify.calls import CALLS as VERIFY
from ml.serving.examples import EXAMPLE
from stacks.base import PlatformStack
from stacks.constructs.flow_functions import FlowFunctions, allow_packages
from stacks.constructs.functions import Size
from stacks.constructs.naming import bucket_name
from stacks.constructs.state_machine import StateMachine
from stacks.constructs.triggers import StartOnEvent
from stacks.data_lake import DataLakeStack
from stacks.eks import EksStack
from stacks.flow import approval, release
from stacks.security import SecurityStack

_FUNCTIONS: Final[dict[str, tuple[str, Sequence[Call]]]] = {
    "deploy": ("Begins a release and lets the Deployment ask for its version", DEPLOY),
    "rollout": ("Says how far a rollout is", ROLLOUT),
    "verify": ("Asks each new pod for a prediction", VERIFY),
    "promote": ("Makes a version the champion", PROMOTE),
    "roll_back": ("Takes a version back", ROLL_BACK),
}
_SIZE: Final = Size(seconds=release.FUNCTION_SECONDS)


class ReleaseFlow:
    """The machines ``release`` and ``approval`` in ``stack``."""

    def __init__(
        self,
        stack: PlatformStack,
        *,
        functions: FlowFunctions,
        vpc: ec2.IVpc,
        data_lake: DataLakeStack,
        eks: EksStack,
        security: SecurityStack,
        alerts: sns.ITopic,
        logs_key: kms.IKey,
    ) -> None:
        self._stack = stack
        self._lake = data_lake
        self._alerts = alerts
        self._logs_key = logs_key
        self._group = self._security_group(vpc)
        environment = {
            "MLOPS_CLUSTER": eks.cluster_name,
            "MLOPS_API_KEY_SECRET": security.api_key.secret_arn,
            "MLOPS_RELEASE_LIMIT_SECONDS": str(release.limit_seconds(stack.settings.flow)),
            "MLOPS_ALARM_SETTLE_SECONDS": str(ALARM_SETTLE_SECONDS),
        }
        made = {
            name: functions.add(
                name,
                description,
                calls,
                size=_SIZE,
                environment=environment,
                vpc=vpc,
                security_group=self._group,
            )
            for name, (description, calls) in _FUNCTIONS.items()
        }
        roles = {"".join(part.capitalize() for part in name.split("_")): _role(each) for name, each in made.items()}
        eks.let_in_deployers(stack, roles, security_group=self._group)
        self.release = self._release(made)
        self.approval = self._approval()
        self._start()

    def _security_group(self, vpc: ec2.IVpc) -> ec2.SecurityGroup:
        """Return the functions' own group: HTTPS, for AWS and the cluster's API, and the pods of the VPC."""
        group = ec2.SecurityGroup(
            self._stack,
            "DeployerGroup",
            vpc=vpc,
            description="Functions of releases: AWS, the cluster API, and pods",
            allow_all_outbound=False,
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS and the cluster API")
        group.add_egress_rule(
            ec2.Peer.ipv4(self._stack.settings.network.cidr), ec2.Port.tcp(SERVING_PORT), "Pods, each by itself"
        )
        return group

    def _release(self, functions: dict[str, lambda_.Function]) -> StateMachine:
        stack, settings = self._stack, self._stack.settings
        machine = self._machine(RELEASE, "execution")
        machine.may_invoke(*functions.values())
        machine.allow_pattern(
            "cloudwatch:DescribeAlarms",
            resources=["*"],
            reason="Composite alarms are described only to who may describe all.",
        )
        allow_packages(stack, machine.role, "sagemaker:DescribeModelPackage")
        parts = release.Parts(
            settings=settings,
            bucket=bucket_name(stack, LAKE),
            topic=self._alerts.topic_arn,
            alarms=self._alarms,
            basket=EXAMPLE,
            **{name: function.function_arn for name, function in functions.items()},
        )
        machine.define(release.release(parts))
        return machine

    def _approval(self) -> StateMachine:
        machine = self._machine(APPROVAL, "approval")
        allow_packages(self._stack, machine.role, "sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage")
        parts = approval.Parts(
            settings=self._stack.settings, bucket=bucket_name(self._stack, LAKE), topic=self._alerts.topic_arn
        )
        machine.define(approval.approval(parts))
        return machine

    def _machine(self, component: str, records: str) -> StateMachine:
        """Return a machine that may tell people, and write audit records called ``records``."""
        machine = StateMachine(self._stack, component, logs_key=self._logs_key)
        machine.may_tell(self._alerts, key=self._logs_key)
        self._lake.grant_records(machine.role, f"{ARTIFACTS}/{AUDIT}/*/{records}-*.json")
        return machine

    @property
    def _alarms(self) -> tuple[str, ...]:
        return tuple(self._stack.settings.name(each) for each in (ALARM_SERVICE, ALARM_MODEL))

    def _start(self) -> None:
        about_a_package = {"key": "$.id", "at": "$.time", "package": "$.detail.ModelPackageArn"}
        with_a_package = '{"key": <key>, "at": <at>, "package": <package>}'
        StartOnEvent(
            self._stack,
            "Approved",
            name="version-approved",
            description="A version was approved: by the gate when it was registered, or by a person",
            machine=self.release,
            pattern=self._package_is(ModelStatus.APPROVED),
            paths=about_a_package,
            template=with_a_package,
        )
        StartOnEvent(
            self._stack,
            "Waits",
            name="version-waits",
            description="A version waits for a person's approval",
            machine=self.approval,
            pattern=self._package_is(ModelStatus.PENDING),
            paths=about_a_package,
            template=with_a_package,
        )
        StartOnEvent(
            self._stack,
            "Alarmed",
            name="version-alarmed",
            description="The service or the model is worse than it may be",
            machine=self.release,
            pattern={
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "detail": {"alarmName": list(self._alarms), "state": {"value": ["ALARM"]}},
            },
            paths={
                "key": "$.id",
                "at": "$.time",
                "alarm": "$.detail.alarmName",
                "reason": "$.detail.state.reason",
            },
            template=(
                '{"key": <key>, "at": <at>, "by": <alarm>, "reason": <reason>, "alarm": {"name": <alarm>, "at": <at>}}'
            ),
        )

    def _package_is(self, status: ModelStatus) -> dict[str, Any]:
        """Return the pattern of a package that came to ``status``; other changes of one that has it are left out.

        An event names the fields that an update changed; that of a new package has changed none.
        """
        changed = "UpdatedModelPackageFields"
        return {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Model Package State Change"],
            "detail": {
                "ModelPackageGroupName": [self._stack.settings.name(MODEL_GROUP)],
                "ModelApprovalStatus": [str(status)],
                "$or": [{changed: ["ModelApprovalStatus"]}, {changed: [{"exists": False}]}],
            },
        }


def _role(function: lambda_.Function) -> iam.IRole:
    assert function.role is not None
    return function.role
