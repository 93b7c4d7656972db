"""The Lambdas that install Helm charts: inside the VPC, with a role of our own and logs like all others."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import Aws
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from config.settings import EnvironmentSettings
from stacks.acknowledge import acknowledge
from stacks.constructs.wildcards import as_reported

_INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
# Where CDK's provider keeps its two functions: the one that runs kubectl, and the one that calls it.
_HANDLER = ("Handler",)
_FRAMEWORK = ("Provider", "framework-onEvent")
_FRAMEWORK_POLICIES = ("AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole")


class Kubectl(Construct):
    """The role of CDK's kubectl handler. CDK's own would also read every image registry, which no chart here needs."""

    def __init__(self, scope: Construct, id_: str, *, settings: EnvironmentSettings, cluster_name: str) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._handler_logs = settings.name("kubectl")
        place = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
        own_cluster = f"arn:{Aws.PARTITION}:eks:{place}:cluster/{cluster_name}"
        own_logs = f"arn:{Aws.PARTITION}:logs:{place}:log-group:{self._handler_logs}:*"
        statements = [
            iam.PolicyStatement(actions=["eks:DescribeCluster"], resources=[own_cluster]),
            iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[own_logs]),
            iam.PolicyStatement(actions=list(_INTERFACES), resources=["*"]),
        ]
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Installs Helm charts",
            inline_policies={"Kubectl": iam.PolicyDocument(statements=statements)},
        )
        acknowledge(
            self.role,
            "AwsSolutions-IAM5[Resource::*]",
            "Lambda makes the network interfaces of a function in a VPC, and asks for these without a resource.",
        )
        streams = f"arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:{self._handler_logs}:*"
        acknowledge(self.role, f"AwsSolutions-IAM5[Resource::{streams}]", "All streams of its one log group.")

    def secure(self, cluster: eks.Cluster, *, logs_key: kms.IKey, removal_policy: cdk.RemovalPolicy) -> None:
        """Give the functions' log groups names, key, retention and an end; answer for what CDK grants them."""
        provider = cast("Construct", cluster.kubectl_provider)
        handler, framework = _find(provider, _HANDLER), _find(provider, _FRAMEWORK)
        for function, name, logical_id in (
            (handler, self._handler_logs, "KubectlLogs"),
            (framework, self._settings.name("kubectl-framework"), "KubectlFrameworkLogs"),
        ):
            group = cast("logs.CfnLogGroup", _find(function, ("LogGroup", "Resource")))
            group.override_logical_id(logical_id)
            group.log_group_name = name
            group.kms_key_id = logs_key.key_arn
            group.retention_in_days = self._settings.eks.log_days
            group.apply_removal_policy(removal_policy)
            # The group is no longer called what Lambda would call it, so the function is told.
            resource = cast("lambda_.CfnFunction", function.node.default_child)
            resource.add_property_override("LoggingConfig.LogGroup", group.ref)
        self._answer_for(handler, framework)
        # CDK declares it for a policy that our role does without.
        self.node.try_remove_child("HasEcrPublic")

    def _answer_for(self, handler: Construct, framework: Construct) -> None:
        acknowledge(handler, "AwsSolutions-L1", "CDK chooses the runtime of its own function, and tests it there.")
        arn = as_reported(cdk.Stack.of(self).resolve(cast("lambda_.Function", handler).function_arn))
        role = _find(framework, ("ServiceRole",))
        acknowledge(
            _find(role, ("DefaultPolicy",)),
            f"AwsSolutions-IAM5[Resource::{arn}:*]",
            "CDK lets its framework function call any version of the one handler.",
        )
        for policy in _FRAMEWORK_POLICIES:
            acknowledge(
                role,
                f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/{policy}]",
                "CDK gives these to its framework function: its own logs, and network interfaces in the VPC.",
            )


def _find(construct: Construct, path: tuple[str, ...]) -> Construct:
    for child in path:
        construct = cast("Construct", construct.node.find_child(child))
    return construct
