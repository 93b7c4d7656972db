"""A bucket as this platform wants all of them."""

from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from stacks.base import PlatformStack
from stacks.constructs.naming import bucket_name, pin

_ABANDONED_UPLOAD_DAYS = 3
_EMPTIER = "Custom::S3AutoDeleteObjectsCustomResourceProvider"


class PlatformBucket(s3.Bucket):
    """Private, TLS only, encrypted, owned by its account, its accesses logged; its fate is the stack's.

    Without a ``key`` S3's own encrypts. Options are those of ``s3.Bucket``.
    """

    def __init__(
        self,
        stack: PlatformStack,
        logical_id: str,
        *,
        component: str,
        key: kms.IKey | None = None,
        access_logs: s3.IBucket | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            stack,
            logical_id,
            bucket_name=bucket_name(stack, component),
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            # One call to KMS per bucket and hour rather than one per object.
            bucket_key_enabled=True if key else None,
            removal_policy=stack.removal_policy,
            auto_delete_objects=stack.removal_policy == cdk.RemovalPolicy.DESTROY,
            **options,
        )
        if stack.removal_policy == cdk.RemovalPolicy.DESTROY:
            leave_no_log(stack)
        pin(self, logical_id)
        self.add_lifecycle_rule(
            id="abandoned-uploads", abort_incomplete_multipart_upload_after=cdk.Duration.days(_ABANDONED_UPLOAD_DAYS)
        )
        if access_logs is not None:
            # Not the construct's own option: that would add this bucket to the policy of the log bucket, whose
            # stack comes first.
            resource = cast("s3.CfnBucket", self.node.default_child)
            resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=access_logs.bucket_name, log_file_prefix=f"{component}/"
            )


class AccessLogsBucket(PlatformBucket):
    """Where S3 writes who accessed the buckets of this environment.

    S3 delivers access logs to buckets with its own encryption only: a customer key would silently lose them.
    """

    def __init__(self, stack: PlatformStack, logical_id: str) -> None:
        super().__init__(
            stack,
            logical_id,
            component="access-logs",
            lifecycle_rules=[
                s3.LifecycleRule(id="expiry", expiration=cdk.Duration.days(stack.settings.lake.access_log_days))
            ],
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AccessLogsOfThisEnvironment",
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[self.arn_for_objects("*")],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": f"arn:{stack.partition}:s3:::{stack.settings.name('*')}"},
                },
            )
        )


def leave_no_log(stack: cdk.Stack) -> None:
    """Keep CDK's function that empties the stack's buckets from writing a log.

    Lambda would make the log group itself, so that it outlived the stack; what goes wrong is told to CloudFormation.
    """
    role = cast("cdk.CfnResource", stack.node.find_child(_EMPTIER).node.find_child("Role"))
    role.add_property_deletion_override("ManagedPolicyArns")
