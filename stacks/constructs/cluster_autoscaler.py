"""The cluster autoscaler: nodes follow the pods that wait for one."""

from aws_cdk import Aws
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from config.names import API_WORKLOAD, WORKLOAD_LABEL
from stacks.constructs.wildcards import allow_pattern
from stacks.constructs.workload_role import WorkloadRole, associate

_SERVICE_ACCOUNT = "cluster-autoscaler"
_CHART_VERSION = "9.59.0"
_READS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLaunchConfigurations",
    "autoscaling:DescribeScalingActivities",
    "autoscaling:DescribeTags",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:GetInstanceTypesFromInstanceRequirements",
)


class ClusterAutoscaler(Construct):
    """Chart, role and pod identity. It finds the node groups by the tags that EKS puts on their scaling groups."""

    def __init__(
        self, scope: Construct, id_: str, *, cluster: eks.ICluster, cluster_name: str, image_registry: str
    ) -> None:
        super().__init__(scope, id_)
        role = WorkloadRole(
            self,
            "Role",
            cluster_name=cluster_name,
            namespace="kube-system",
            service_account=_SERVICE_ACCOUNT,
            description="The cluster autoscaler",
        )
        self._let_scale(role, cluster_name)
        chart = eks.HelmChart(
            self,
            "Chart",
            cluster=cluster,
            repository="https://kubernetes.github.io/autoscaler",
            chart="cluster-autoscaler",
            version=_CHART_VERSION,
            release="cluster-autoscaler",
            namespace="kube-system",
            create_namespace=False,
            values={
                "autoDiscovery": {"clusterName": cluster_name},
                "awsRegion": Aws.REGION,
                "image": {"repository": f"{image_registry}/autoscaling/cluster-autoscaler"},
                "fullnameOverride": "cluster-autoscaler",
                "nodeSelector": {WORKLOAD_LABEL: API_WORKLOAD},
                "rbac": {"serviceAccount": {"name": _SERVICE_ACCOUNT}},
                "extraArgs": {"balance-similar-node-groups": True, "skip-nodes-with-system-pods": False},
            },
        )
        chart.node.add_dependency(associate(cluster, role))

    def _let_scale(self, role: WorkloadRole, cluster_name: str) -> None:
        region, account, partition = Aws.REGION, Aws.ACCOUNT_ID, Aws.PARTITION
        allow_pattern(
            role,
            iam.PolicyStatement(actions=list(_READS), resources=["*"]),
            reason="These describe calls know no resources; they change nothing.",
        )
        allow_pattern(
            role,
            iam.PolicyStatement(
                actions=["eks:DescribeNodegroup"],
                resources=[f"arn:{partition}:eks:{region}:{account}:nodegroup/{cluster_name}/*"],
            ),
            reason="Node groups of this cluster only; their names are EKS's.",
        )
        allow_pattern(
            role,
            iam.PolicyStatement(
                actions=["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
                resources=[
                    f"arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/eks-*"
                ],
                conditions={"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster_name}": "owned"}},
            ),
            reason="EKS names these groups; the condition on the tag, which EKS sets, keeps to this cluster's.",
        )
