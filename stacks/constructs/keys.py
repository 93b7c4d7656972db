"""Customer keys, and the AWS services that may use them on their own behalf.

Each key's policy hands the account's part to IAM: roles get what their policies say. Services that have no
role here are named with a condition that ties them to this environment's resources.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from stacks.base import PlatformStack
from stacks.constructs.naming import pin


class CustomerKey(kms.Key):
    """A symmetric key, rotated every year, called ``alias/{prefix}-{environment}-{purpose}``."""

    def __init__(self, stack: PlatformStack, purpose: str, *, description: str) -> None:
        logical_id = f"{purpose.capitalize()}Key"
        super().__init__(
            stack,
            logical_id,
            alias=stack.settings.name(purpose),
            description=description,
            enable_key_rotation=True,
            pending_window=cdk.Duration.days(stack.settings.security.key_deletion_days),
            removal_policy=stack.removal_policy,
        )
        pin(self, logical_id)
        self._stack = stack

    def allow_logs(self) -> None:
        """Let CloudWatch Logs encrypt this environment's log groups, wherever a service wants them named."""
        stack = self._stack
        groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:"
        names = stack.settings.name("*")
        self._allow(
            "LogGroups",
            f"logs.{stack.region}.amazonaws.com",
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:DescribeKey",
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": [f"{groups}{names}", f"{groups}/*/{names}"]}},
        )

    def allow_trail(self, trail_arn: str) -> None:
        """Let CloudTrail encrypt what the one trail records."""
        source = {"aws:SourceArn": trail_arn}
        service = "cloudtrail.amazonaws.com"
        self._allow(
            "TrailFiles",
            service,
            "kms:GenerateDataKey",
            conditions={"StringEquals": {**source, "kms:EncryptionContext:aws:cloudtrail:arn": trail_arn}},
        )
        # No encryption context is given with this one.
        self._allow("TrailChecksKey", service, "kms:DescribeKey", conditions={"StringEquals": source})

    def allow_alerts(self) -> None:
        """Let those that raise alerts publish to this environment's encrypted topics.

        Without this an alarm changes its state, and its message is lost unseen.
        """
        stack = self._stack
        topics = f"arn:{stack.partition}:sns:{stack.region}:{stack.account}:{stack.settings.name('*')}"
        to_topics = {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": topics}}
        for name in ("cloudwatch", "budgets"):
            self._allow(
                f"Alerts{name.capitalize()}",
                f"{name}.amazonaws.com",
                "kms:Decrypt",
                "kms:GenerateDataKey",
                conditions={**to_topics, "StringEquals": {"aws:SourceAccount": stack.account}},
            )
        # EventBridge does not tell KMS on whose behalf it publishes; the topic in the context has to do.
        self._allow("AlertsEvents", "events.amazonaws.com", "kms:Decrypt", "kms:GenerateDataKey", conditions=to_topics)

    def _allow(self, sid: str, service: str, *actions: str, conditions: dict[str, Any]) -> None:
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.ServicePrincipal(service)],
                actions=list(actions),
                resources=["*"],
                conditions=conditions,
            )
        )
