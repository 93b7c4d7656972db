"""Permissions on more than one resource by pattern, each with the reason why nothing narrower exists."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from stacks.acknowledge import acknowledge


def allow_pattern(role: iam.Role, statement: iam.PolicyStatement, *, reason: str) -> None:
    """Add ``statement``, whose resources hold wildcards, to the role, and say why for each of them."""
    role.add_to_policy(statement)
    stack = cdk.Stack.of(role)
    policy = role.node.find_child("DefaultPolicy")
    for resource in statement.resources:
        pattern = as_reported(stack.resolve(resource))
        if "*" in pattern:
            acknowledge(policy, f"AwsSolutions-IAM5[Resource::{pattern}]", reason)


def as_reported(value: Any) -> str:
    """Return a resolved value the way cdk-nag prints it: ``arn:<AWS::Partition>:s3:::name``."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(as_reported(part) for part in parts)
        case _:
            raise TypeError(f"{value}: cdk-nag's form of this is not known")
