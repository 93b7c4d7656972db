"""The lake's bucket: what is kept where, how long, and under which key."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from config.names import ARTIFACTS, LAKE, RAW, RUNS, VALIDATION
from config.settings import LakeSettings
from stacks.base import PlatformStack
from stacks.constructs.bucket import PlatformBucket


class LakeBucket(PlatformBucket):
    """A versioned bucket that takes objects under the lake's key only, and tells EventBridge of new ones."""

    def __init__(self, stack: PlatformStack, *, key: kms.IKey, access_logs: s3.IBucket) -> None:
        settings = stack.settings.lake
        super().__init__(
            stack,
            "Lake",
            component=LAKE,
            key=key,
            access_logs=access_logs,
            versioned=True,
            transfer_acceleration=settings.transfer_acceleration or None,
            lifecycle_rules=_lifecycle(settings),
            # Throughput of the weekly files. Of the whole bucket it would cost a dozen metrics in every hour.
            metrics=[s3.BucketMetrics(id=RAW, prefix=f"{RAW}/")],
        )
        # The construct's own option would bring a Lambda to set what CloudFormation sets by itself.
        cast(
            "s3.CfnBucket", self.node.default_child
        ).notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        self._refuse("OtherEncryption", "s3:x-amz-server-side-encryption", unless="aws:kms")
        self._refuse("OtherKey", "s3:x-amz-server-side-encryption-aws-kms-key-id", unless=key.key_arn)

    def _refuse(self, sid: str, header: str, *, unless: str) -> None:
        """Deny uploads that ask for something else. One that asks for nothing gets the bucket's own key."""
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[self.arn_for_objects("*")],
                # By itself, and with IfExists too, "not equal" holds for a header that is not there.
                conditions={"Null": {header: "false"}, "StringNotEquals": {header: unless}},
            )
        )


def _lifecycle(settings: LakeSettings) -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(
            id="raw-by-access",
            prefix=f"{RAW}/",
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                    transition_after=cdk.Duration.days(settings.raw_intelligent_tiering_days),
                )
            ],
        ),
        # Old runs and reports. Not the models: one that serves for a year must load like one of today. And Glacier's
        # instant class, because links to old reports should go on opening.
        *(
            s3.LifecycleRule(
                id=f"old-{folder}",
                prefix=f"{ARTIFACTS}/{folder}/",
                transitions=[
                    s3.Transition(
                        storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                        transition_after=cdk.Duration.days(settings.artifacts_glacier_days),
                    )
                ],
            )
            for folder in (RUNS, VALIDATION)
        ),
        s3.LifecycleRule(
            id="old-versions",
            noncurrent_version_expiration=cdk.Duration.days(settings.old_versions_days),
            expired_object_delete_marker=True,
        ),
    ]
