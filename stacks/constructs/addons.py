"""EKS add-ons, and the order in which a cluster needs them."""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from stacks.acknowledge import acknowledge
from stacks.constructs.workload_role import WorkloadRole

_LOGS = ("application", "dataplane", "host")
_INSIGHTS_LOG = "performance"


def container_logs(*, insights: bool) -> tuple[str, ...]:
    """Return the log groups of the CloudWatch add-on: made by us first, or it would make them without key and end."""
    return (*_LOGS, _INSIGHTS_LOG) if insights else _LOGS


class Addons(Construct):
    """Networking before the nodes, everything that needs a node to run on after them."""

    def __init__(
        self, scope: Construct, id_: str, *, cluster: eks.ICluster, cluster_name: str, replicas: int, insights: bool
    ) -> None:
        super().__init__(scope, id_)
        self._cluster = cluster
        self._cluster_name = cluster_name
        self.before_nodes: list[IConstruct] = [
            self._add("eks-pod-identity-agent"),
            self._add("kube-proxy"),
            self._add(
                "vpc-cni",
                {"enableNetworkPolicy": "true"},
                self._role("VpcCniRole", "kube-system", "aws-node", "AmazonEKS_CNI_Policy"),
            ),
        ]
        self.observability = self._add(
            "amazon-cloudwatch-observability",
            _agent(insights=insights),
            self._role("CloudWatchAgentRole", "amazon-cloudwatch", "cloudwatch-agent", "CloudWatchAgentServerPolicy"),
        )
        self.after_nodes: list[IConstruct] = [
            self._add("coredns", {"replicaCount": replicas}),
            self._add("metrics-server", {"replicas": replicas}),
            self.observability,
        ]

    def order(self, nodes: Sequence[IConstruct]) -> None:
        """Let ``nodes`` wait for what they need to become ready, and the other add-ons for nodes to run on."""
        for group in nodes:
            group.node.add_dependency(*self.before_nodes)
        for addon in self.after_nodes:
            addon.node.add_dependency(*nodes)

    def _add(
        self, name: str, configuration: dict[str, Any] | None = None, role: WorkloadRole | None = None
    ) -> eks.CfnAddon:
        association = eks.CfnAddon.PodIdentityAssociationProperty
        return eks.CfnAddon(
            self,
            "".join(part.capitalize() for part in name.split("-")),
            addon_name=name,
            cluster_name=self._cluster.cluster_name,
            configuration_values=json.dumps(configuration) if configuration else None,
            pod_identity_associations=[association(role_arn=role.role_arn, service_account=role.service_account)]
            if role
            else None,
            resolve_conflicts="OVERWRITE",
        )

    def _role(self, id_: str, namespace: str, service_account: str, policy: str) -> WorkloadRole:
        role = WorkloadRole(
            self,
            id_,
            cluster_name=self._cluster_name,
            namespace=namespace,
            service_account=service_account,
            description=f"Pods of {namespace}/{service_account}",
        )
        role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(policy))
        acknowledge(
            role,
            f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]",
            "AWS keeps this policy in step with the add-on, which it updates; it is not full access.",
        )
        return role


def _agent(*, insights: bool) -> dict[str, Any]:
    """Return the agent's settings. Embedded metrics are on: the API sends its own to the agent."""
    collected: dict[str, Any] = {"emf": {}}
    if insights:
        # The basic level: the enhanced one is paid for by the observation.
        collected["kubernetes"] = {"enhanced_container_insights": False}
    return {"agent": {"config": {"logs": {"metrics_collected": collected}}}}
