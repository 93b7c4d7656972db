"""Roles that pods assume by EKS Pod Identity, each bound to one service account of one cluster."""

from aws_cdk import Aws
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct


class WorkloadRole(iam.Role):
    """A role for the pods of ``service_account`` in ``namespace`` of the cluster named ``cluster_name``.

    Only EKS can assume it, only in this account, and only for that service account: EKS states cluster, namespace
    and service account as session tags, and the trust policy compares them.
    """

    def __init__(
        self, scope: Construct, id_: str, *, cluster_name: str, namespace: str, service_account: str, description: str
    ) -> None:
        only_these_pods = {
            "StringEquals": {
                "aws:SourceAccount": Aws.ACCOUNT_ID,
                "aws:RequestTag/eks-cluster-name": cluster_name,
                "aws:RequestTag/kubernetes-namespace": namespace,
                "aws:RequestTag/kubernetes-service-account": service_account,
            }
        }
        eks_pods = iam.ServicePrincipal("pods.eks.amazonaws.com", conditions=only_these_pods)
        super().__init__(scope, id_, assumed_by=eks_pods.with_session_tags(), description=description)
        self.namespace = namespace
        self.service_account = service_account


def associate(cluster: eks.ICluster, role: WorkloadRole) -> eks.CfnPodIdentityAssociation:
    """Give the role to its service account. Pods get it at their start, so whatever starts them depends on this."""
    return eks.CfnPodIdentityAssociation(
        role,
        "Association",
        cluster_name=cluster.cluster_name,
        namespace=role.namespace,
        service_account=role.service_account,
        role_arn=role.role_arn,
    )
