"""Logical ids that last, and names that stacks must agree on before the resource exists."""

from typing import cast

import aws_cdk as cdk
from constructs import IConstruct

from config.names import LAKE
from stacks.base import PlatformStack


def pin(construct: IConstruct, logical_id: str) -> None:
    """Give a construct's resource a logical id that stays when the code around it moves, and with it the data."""
    cast("cdk.CfnResource", construct.node.default_child).override_logical_id(logical_id)


def bucket_name(stack: PlatformStack, component: str) -> str:
    """Return a bucket's name: unique over accounts and regions, as S3 wants it."""
    return f"{stack.settings.name(component)}-{stack.account}-{stack.region}"


def lake_bucket_arn(stack: PlatformStack) -> str:
    """Return the lake's ARN, for stacks that come before it."""
    return f"arn:{stack.partition}:s3:::{bucket_name(stack, LAKE)}"
