"""The control plane: reached from inside the VPC, logging all it can, its secrets under our key."""

from collections.abc import Callable
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk.lambda_layer_kubectl_v36 import KubectlV36Layer
from constructs import Construct

from config.document import ConfigError
from config.settings import EnvironmentSettings
from stacks.acknowledge import acknowledge
from stacks.constructs.kubectl import Kubectl
from stacks.constructs.log_group import EncryptedLogGroup
from stacks.constructs.naming import pin

# kubectl follows the cluster's minor version and is a package of its own: a new version is added here and there.
_KUBECTL: dict[str, Callable[[Construct, str], lambda_.ILayerVersion]] = {"1.36": KubectlV36Layer}


class ControlPlane(Construct):
    """The cluster ``settings.name("eks")`` without nodes."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: EnvironmentSettings,
        vpc: ec2.IVpc,
        secrets_key: kms.IKey,
        logs_key: kms.IKey,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, id_)
        self.name = settings.name("eks")
        layer = _kubectl_layer(settings.eks.version)
        # EKS would make this group itself: without key, without retention, and it would outlive the cluster.
        control_plane_logs = EncryptedLogGroup(
            self,
            "ControlPlaneLogs",
            name=f"/aws/eks/{self.name}/cluster",
            key=logs_key,
            days=settings.eks.log_days,
            removal_policy=removal_policy,
        )
        kubectl = Kubectl(self, "Kubectl", settings=settings, cluster_name=self.name)
        cluster = eks.Cluster(
            self,
            "Cluster",
            cluster_name=self.name,
            version=eks.KubernetesVersion.of(settings.eks.version),
            role=self._role(),
            vpc=vpc,
            vpc_subnets=[ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)],
            endpoint_access=_endpoint(settings.eks.public_access_cidrs),
            cluster_logging=[
                eks.ClusterLoggingTypes.API,
                eks.ClusterLoggingTypes.AUDIT,
                eks.ClusterLoggingTypes.AUTHENTICATOR,
                eks.ClusterLoggingTypes.CONTROLLER_MANAGER,
                eks.ClusterLoggingTypes.SCHEDULER,
            ],
            secrets_encryption_key=secrets_key,
            default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
            default_capacity=0,
            # Networking comes as add-ons, and nobody is an administrator without an access entry that says so.
            bootstrap_self_managed_addons=False,
            bootstrap_cluster_creator_admin_permissions=False,
            kubectl_provider_options=eks.KubectlProviderOptions(
                kubectl_layer=layer(self, "KubectlLayer"), role=kubectl.role.without_policy_updates()
            ),
        )
        pin(cluster, "Cluster")
        cast("eks.CfnCluster", cluster.node.default_child).node.add_dependency(control_plane_logs)
        kubectl.secure(cluster, logs_key=logs_key, removal_policy=removal_policy)
        _let_in(cluster, settings.eks.admin_role_arns)
        self.cluster = cast("eks.ICluster", cluster)

    def _role(self) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("eks.amazonaws.com"),
            description="The control plane",
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AmazonEKSClusterPolicy")],
        )
        acknowledge(
            role,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonEKSClusterPolicy]",
            "EKS requires this policy of a cluster's role and changes it as Kubernetes changes.",
        )
        return role


def _let_in(cluster: eks.Cluster, admin_role_arns: tuple[str, ...]) -> None:
    administration = eks.AccessPolicy.from_access_policy_name(
        "AmazonEKSClusterAdminPolicy", access_scope_type=eks.AccessScopeType.CLUSTER
    )
    for arn in admin_role_arns:
        cluster.grant_access(f"Admin{arn.rsplit('/', 1)[-1]}", arn, [administration])


def _kubectl_layer(version: str) -> Callable[[Construct, str], lambda_.ILayerVersion]:
    try:
        return _KUBECTL[version]
    except KeyError:
        known = ", ".join(_KUBECTL)
        raise ConfigError(
            f"eks.version: there is no kubectl for {version} here, only for {known}; "
            "add its package to the cdk group in pyproject.toml and to stacks/constructs/control_plane.py"
        ) from None


def _endpoint(public_access_cidrs: tuple[str, ...]) -> eks.EndpointAccess:
    if public_access_cidrs:
        return eks.EndpointAccess.PUBLIC_AND_PRIVATE.only_from(*public_access_cidrs)
    return eks.EndpointAccess.PRIVATE
