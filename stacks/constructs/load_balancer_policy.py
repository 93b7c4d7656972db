"""What the load balancer controller may do: narrower than the policy it is published with.

The controller tags all that it makes with its cluster. So it may make only what carries that tag, and change only
what carries it, in this account and region, and only application load balancers.
"""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from stacks.constructs.wildcards import allow_pattern

Conditions = Mapping[str, Mapping[str, Any]]

_OWNER_TAG = "elbv2.k8s.aws/cluster"
_READS = (
    "acm:DescribeCertificate",
    "acm:ListCertificates",
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeAddresses",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:DescribeVpcs",
    "ec2:GetSecurityGroupsForVpc",
    "elasticloadbalancing:DescribeCapacityReservation",
    "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:DescribeListenerCertificates",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeSSLPolicies",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing:DescribeTrustStores",
)
_CREATES = ("CreateLoadBalancer", "CreateTargetGroup", "CreateListener", "CreateRule")
_CHANGES = (
    "AddListenerCertificates",
    "DeleteListener",
    "DeleteLoadBalancer",
    "DeleteRule",
    "DeleteTargetGroup",
    "DeregisterTargets",
    "ModifyListener",
    "ModifyListenerAttributes",
    "ModifyLoadBalancerAttributes",
    "ModifyRule",
    "ModifyTargetGroup",
    "ModifyTargetGroupAttributes",
    "RegisterTargets",
    "RemoveListenerCertificates",
    "SetIpAddressType",
    "SetRulePriorities",
    "SetSecurityGroups",
    "SetSubnets",
)


def let_manage_load_balancers(role: iam.Role, *, cluster_name: str, vpc_id: str) -> None:
    """Give ``role`` what the controller of ``cluster_name`` needs in the VPC ``vpc_id``."""
    on_request = {"StringEquals": {f"aws:RequestTag/{_OWNER_TAG}": cluster_name}}
    on_resource = {"StringEquals": {f"aws:ResourceTag/{_OWNER_TAG}": cluster_name}}
    service_role = "aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing"
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["iam:CreateServiceLinkedRole"],
            resources=[f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{service_role}"],
            conditions={"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
        )
    )
    allow_pattern(
        role,
        iam.PolicyStatement(actions=list(_READS), resources=["*"]),
        reason="Describe and list calls, most of which know no resources; they change nothing.",
    )
    _let_manage_security_groups(role, cluster_name, vpc_id, on_request=on_request, on_resource=on_resource)
    _let_manage_parts(role, on_request=on_request, on_resource=on_resource)


def _let_manage_parts(role: iam.Role, *, on_request: Conditions, on_resource: Conditions) -> None:
    parts = [
        f"arn:{Aws.PARTITION}:elasticloadbalancing:{Aws.REGION}:{Aws.ACCOUNT_ID}:{part}"
        for part in ("loadbalancer/app/*/*", "targetgroup/*/*", "listener/app/*/*/*", "listener-rule/app/*/*/*/*")
    ]
    tagging_at_birth = {
        "StringEquals": {**on_request["StringEquals"], "elasticloadbalancing:CreateAction": list(_CREATES)}
    }
    # Its own tag is never added to, or taken from, what is there already.
    tagging_later = {**on_resource, "Null": {f"aws:RequestTag/{_OWNER_TAG}": "true"}}
    for verbs, conditions in (
        (_CREATES, on_request),
        (("AddTags",), tagging_at_birth),
        (("AddTags", "RemoveTags"), tagging_later),
        (_CHANGES, on_resource),
    ):
        allow_pattern(
            role,
            iam.PolicyStatement(
                actions=[f"elasticloadbalancing:{verb}" for verb in verbs], resources=parts, conditions=conditions
            ),
            reason="The controller names load balancers and their parts; its cluster's tag is the limit.",
        )


def _let_manage_security_groups(
    role: iam.Role, cluster_name: str, vpc_id: str, *, on_request: Conditions, on_resource: Conditions
) -> None:
    place = f"arn:{Aws.PARTITION}:ec2:{Aws.REGION}:{Aws.ACCOUNT_ID}"
    groups = [f"{place}:security-group/*"]
    rules = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
    role.add_to_policy(iam.PolicyStatement(actions=["ec2:CreateSecurityGroup"], resources=[f"{place}:vpc/{vpc_id}"]))
    # The nodes' group is EKS's: load balancers are let in there.
    on_nodes = {"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{cluster_name}": "owned"}}
    created = {"StringEquals": {**on_request["StringEquals"], "ec2:CreateAction": "CreateSecurityGroup"}}
    tagged_later = {**on_resource, "Null": {f"aws:RequestTag/{_OWNER_TAG}": "true"}}
    for actions, conditions in (
        (["ec2:CreateSecurityGroup"], on_request),
        (["ec2:CreateTags"], created),
        (["ec2:CreateTags", "ec2:DeleteTags"], tagged_later),
        ([*rules, "ec2:DeleteSecurityGroup"], on_resource),
        (rules, on_nodes),
    ):
        allow_pattern(
            role,
            iam.PolicyStatement(actions=actions, resources=groups, conditions=conditions),
            reason="Ids of security groups are EC2's; the tags of this cluster are the limit.",
        )
