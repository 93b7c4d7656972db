"""Log groups that we make before a service would: encrypted, kept for a time, and gone with their stack."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.constructs.naming import pin


class EncryptedLogGroup(logs.LogGroup):
    """A log group ``name``; its logical id is its construct's id, and so never moves."""

    def __init__(
        self, scope: Construct, id_: str, *, name: str, key: kms.IKey, days: int, removal_policy: cdk.RemovalPolicy
    ) -> None:
        super().__init__(scope, id_, log_group_name=name, encryption_key=key, removal_policy=removal_policy)
        # Any number of days that the settings accept; CDK's enumeration has no way from a number.
        cast("logs.CfnLogGroup", self.node.default_child).retention_in_days = days
        pin(self, id_)
