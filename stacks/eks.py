"""The cluster that serves the model and runs batch work."""

from collections.abc import Mapping

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from config.names import (
    API_WORKLOAD,
    BATCH_WORKLOAD,
    DEPLOYERS_GROUP,
    ETL_SERVICE_ACCOUNT,
    INFERENCE_SERVICE_ACCOUNT,
    NAMESPACE,
    SERVING_PORT,
    tags_of,
)
from config.settings import EnvironmentSettings
from stacks.base import PlatformStack
from stacks.constructs.addons import Addons, container_logs
from stacks.constructs.cluster_autoscaler import ClusterAutoscaler
from stacks.constructs.control_plane import ControlPlane
from stacks.constructs.load_balancer_controller import LoadBalancerController
from stacks.constructs.log_group import EncryptedLogGroup
from stacks.constructs.node_group import NodeGroup, NodeRole
from stacks.constructs.off_hours import OffHours
from stacks.constructs.workload_role import WorkloadRole, associate


class EksStack(PlatformStack):
    """Control plane, two node groups, add-ons, and the roles that workloads assume by pod identity."""

    inference_role: iam.Role
    etl_role: iam.Role

    def __init__(
        self,
        scope: Construct,
        settings: EnvironmentSettings,
        *,
        vpc: ec2.IVpc,
        secrets_key: kms.IKey,
        logs_key: kms.IKey,
    ) -> None:
        super().__init__(scope, "eks", settings=settings, description="Kubernetes cluster, node groups and add-ons")
        self._plane = ControlPlane(
            self,
            "ControlPlane",
            settings=settings,
            vpc=vpc,
            secrets_key=secrets_key,
            logs_key=logs_key,
            removal_policy=self.removal_policy,
        )
        self.cluster = self._plane.cluster
        role = NodeRole(self, "NodeRole")
        api = NodeGroup(
            self,
            "Api",
            cluster=self.cluster,
            role=role,
            settings=settings.eks.api,
            name=settings.name("nodes-api"),
            workload=API_WORKLOAD,
            spot=False,
        )
        batch = NodeGroup(
            self,
            "Batch",
            cluster=self.cluster,
            role=role,
            settings=settings.eks.batch,
            name=settings.name("nodes-batch"),
            workload=BATCH_WORKLOAD,
            spot=True,
        )
        self._install(vpc, api, batch, logs_key)
        self.inference_role = self._workload("InferenceRole", INFERENCE_SERVICE_ACCOUNT, "The model's API")
        self.etl_role = self._workload("EtlRole", ETL_SERVICE_ACCOUNT, "Scheduled ETL")
        if settings.off_hours is not None:
            OffHours(
                self,
                "OffHours",
                settings=settings,
                hours=settings.off_hours,
                cluster_name=self.cluster_name,
                groups=[api, batch],
                key=logs_key,
            )

    @property
    def cluster_name(self) -> str:
        """The cluster's name, known before it exists."""
        return self._plane.name

    def let_in_deployers(
        self, scope: Construct, roles: Mapping[str, iam.IRole], *, security_group: ec2.ISecurityGroup
    ) -> None:
        """Let ``roles``, each by its name, into the cluster's group of deployers, from behind ``security_group``.

        What the group may do is said by a Role of the manifests, which is narrower than EKS's own access policies. The
        entries and rules belong to ``scope``, whose stack may come after this one.
        """
        for name, role in roles.items():
            eks.CfnAccessEntry(
                scope,
                f"{name}Access",
                cluster_name=self.cluster.cluster_name,
                principal_arn=role.role_arn,
                kubernetes_groups=[DEPLOYERS_GROUP],
            )
        for id_, port, description in (
            ("ClusterApi", 443, "The cluster API"),
            ("Pods", SERVING_PORT, "Pods of the API, each asked by itself"),
        ):
            ec2.CfnSecurityGroupIngress(
                scope,
                id_,
                group_id=self.cluster.cluster_security_group_id,
                source_security_group_id=security_group.security_group_id,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                description=description,
            )

    def _install(self, vpc: ec2.IVpc, api: NodeGroup, batch: NodeGroup, logs_key: kms.IKey) -> None:
        """Install what the cluster itself runs, each when its nodes and log groups are there."""
        images = self.settings.registry
        # One node has no use for two copies of a controller.
        replicas = min(2, max(1, self.settings.eks.api.desired))
        insights = self.settings.eks.container_insights
        addons = Addons(
            self,
            "Addons",
            cluster=self.cluster,
            cluster_name=self.cluster_name,
            replicas=replicas,
            insights=insights,
        )
        for kind in container_logs(insights=insights):
            group = EncryptedLogGroup(
                self,
                f"{kind.capitalize()}Logs",
                name=f"/aws/containerinsights/{self.cluster_name}/{kind}",
                key=logs_key,
                days=self.settings.eks.log_days,
                removal_policy=self.removal_policy,
            )
            addons.observability.node.add_dependency(group)
        addons.order([api.group, batch.group])
        autoscaler = ClusterAutoscaler(
            self,
            "ClusterAutoscaler",
            cluster=self.cluster,
            cluster_name=self.cluster_name,
            image_registry=images.kubernetes_images,
        )
        controller = LoadBalancerController(
            self,
            "LoadBalancerController",
            cluster=self.cluster,
            cluster_name=self.cluster_name,
            vpc=vpc,
            image_registry=images.eks_images.format(region=self.region),
            replicas=replicas,
            tags=tags_of(self.settings.environment, "eks"),
        )
        for chart in (autoscaler, controller):
            chart.node.add_dependency(api.group, *addons.after_nodes)

    def _workload(self, id_: str, service_account: str, description: str) -> WorkloadRole:
        role = WorkloadRole(
            self,
            id_,
            cluster_name=self.cluster_name,
            namespace=NAMESPACE,
            service_account=service_account,
            description=description,
        )
        associate(self.cluster, role)
        return role
