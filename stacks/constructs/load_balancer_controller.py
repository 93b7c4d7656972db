"""The AWS load balancer controller: an Ingress becomes an Application Load Balancer."""

from collections.abc import Mapping

from aws_cdk import Aws
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from config.names import API_WORKLOAD, WORKLOAD_LABEL
from stacks.constructs.load_balancer_policy import let_manage_load_balancers
from stacks.constructs.workload_role import WorkloadRole, associate

_SERVICE_ACCOUNT = "aws-load-balancer-controller"
_VERSION = "3.2.2"


class LoadBalancerController(Construct):
    """Chart, role and pod identity; ``tags`` are put on every load balancer, so that costs and leftovers show."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        cluster: eks.ICluster,
        cluster_name: str,
        vpc: ec2.IVpc,
        image_registry: str,
        replicas: int,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(scope, id_)
        role = WorkloadRole(
            self,
            "Role",
            cluster_name=cluster_name,
            namespace="kube-system",
            service_account=_SERVICE_ACCOUNT,
            description="The AWS load balancer controller",
        )
        let_manage_load_balancers(role, cluster_name=cluster_name, vpc_id=vpc.vpc_id)
        chart = eks.HelmChart(
            self,
            "Chart",
            cluster=cluster,
            repository="https://aws.github.io/eks-charts",
            chart="aws-load-balancer-controller",
            version=_VERSION,
            release="aws-load-balancer-controller",
            namespace="kube-system",
            create_namespace=False,
            values={
                "clusterName": cluster_name,
                "region": Aws.REGION,
                "vpcId": vpc.vpc_id,
                "replicaCount": replicas,
                "image": {
                    "repository": f"{image_registry}/amazon/aws-load-balancer-controller",
                    "tag": f"v{_VERSION}",
                },
                "serviceAccount": {"create": True, "name": _SERVICE_ACCOUNT},
                "nodeSelector": {WORKLOAD_LABEL: API_WORKLOAD},
                "defaultTags": dict(tags),
                # Only Ingress is used. The webhook for Services would hold up every Service until it runs.
                "enableServiceMutatorWebhook": False,
                "enableShield": False,
                "enableWaf": False,
                "enableWafv2": False,
            },
        )
        chart.node.add_dependency(associate(cluster, role))
