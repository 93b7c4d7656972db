"""What tests of the cluster need in the emulated AWS: roles, and the EKS cluster that runs here."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.session import Session

from lambdas.common.eks import token_for
from rehearsal.world import World

Policy = Mapping[str, Any]


def make_role(world: World, name: str, trust: Policy, *allowed: Policy) -> str:
    """Make a role that ``trust`` may assume, allowed what the statements say; return its ARN."""
    iam = world.client("iam")
    statement = {"Action": ["sts:AssumeRole", "sts:TagSession"], **trust}
    iam.create_role(RoleName=name, Path="/teams/", AssumeRolePolicyDocument=document(statement))
    if allowed:
        iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=document(*allowed))
    return f"arn:aws:iam::{world.account}:role/teams/{name}"


def document(*statements: Policy) -> str:
    """Return a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})


def of_administrator(world: World) -> Policy:
    """Return a trust policy's statement for the administrator."""
    return {"Principal": {"AWS": world.client("sts").get_caller_identity()["Arn"]}}


def of_pods(world: World, cluster: str, namespace: str, account: str) -> Policy:
    """Return a trust policy's statement for the pods of one service account, as a careful person writes it."""
    same = {
        "aws:SourceAccount": world.account,
        "aws:RequestTag/eks-cluster-name": cluster,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": account,
    }
    return {"Principal": {"Service": "pods.eks.amazonaws.com"}, "Condition": {"StringEquals": same}}


def make_cluster(world: World, name: str) -> None:
    """Make the EKS cluster, which finds the one that runs here."""
    role = make_role(world, "control-plane", {"Principal": {"Service": "eks.amazonaws.com"}})
    nowhere: dict[str, list[str]] = {"subnetIds": []}
    world.client("eks").create_cluster(name=name, roleArn=role, resourcesVpcConfig=nowhere)


def token_of(world: World, role: str, cluster: str) -> str:
    """Return what a function with the role sends to the cluster as its token."""
    given = world.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    session = Session()
    session.set_credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    session.set_config_variable("region", world.region)
    return token_for(session, cluster)
