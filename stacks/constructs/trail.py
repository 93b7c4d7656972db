"""The audit trail: who did what in the account, and who touched an object of the lake."""

import aws_cdk as cdk
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.base import PlatformStack
from stacks.constructs.bucket import PlatformBucket
from stacks.constructs.keys import CustomerKey
from stacks.constructs.naming import lake_bucket_arn

_SERVICE = "cloudtrail.amazonaws.com"


class AuditTrail(Construct):
    """A trail of all regions with its own bucket: files are signed, encrypted, archived and then expire.

    It goes to S3 only. A copy in CloudWatch Logs would cost more than the trail, and nothing here reads it.
    """

    def __init__(self, stack: PlatformStack, *, key: CustomerKey, access_logs: s3.IBucket) -> None:
        super().__init__(stack, "AuditTrail")
        settings = stack.settings
        name = settings.name("trail")
        arn = f"arn:{stack.partition}:cloudtrail:{stack.region}:{stack.account}:trail/{name}"
        key.allow_trail(arn)
        self.bucket = PlatformBucket(
            stack,
            "TrailBucket",
            component="trail",
            key=key,
            access_logs=access_logs,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="archive-and-expiry",
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER,
                            transition_after=cdk.Duration.days(settings.security.trail_glacier_days),
                        )
                    ],
                    expiration=cdk.Duration.days(settings.security.trail_days),
                    noncurrent_version_expiration=cdk.Duration.days(1),
                )
            ],
        )
        self._let_cloudtrail_write(arn, account=stack.account)
        trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=name,
            is_logging=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            kms_key_id=key.key_arn,
            s3_bucket_name=self.bucket.bucket_name,
            event_selectors=[
                cloudtrail.CfnTrail.EventSelectorProperty(
                    include_management_events=True,
                    read_write_type="All",
                    # Of all buckets the lake only: data events are paid for one by one.
                    data_resources=[
                        cloudtrail.CfnTrail.DataResourceProperty(
                            type="AWS::S3::Object", values=[f"{lake_bucket_arn(stack)}/"]
                        )
                    ],
                )
            ],
        )
        if self.bucket.policy is not None:
            # CloudTrail tries to write when the trail is made.
            trail.node.add_dependency(self.bucket.policy)

    def _let_cloudtrail_write(self, trail_arn: str, *, account: str) -> None:
        principal = iam.ServicePrincipal(_SERVICE)
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TrailChecksBucket",
                principals=[principal],
                actions=["s3:GetBucketAcl"],
                resources=[self.bucket.bucket_arn],
                conditions={"StringEquals": {"aws:SourceArn": trail_arn}},
            )
        )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TrailWrites",
                principals=[principal],
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects(f"AWSLogs/{account}/*")],
                conditions={
                    "StringEquals": {"aws:SourceArn": trail_arn, "s3:x-amz-acl": "bucket-owner-full-control"},
                },
            )
        )
