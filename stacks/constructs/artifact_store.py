"""What the pipeline leaves between its steps: artifacts and build logs, encrypted, and gone after some days."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from config.delivery import DeliverySettings
from stacks.acknowledge import acknowledge
from stacks.constructs.bucket import leave_no_log
from stacks.constructs.log_group import EncryptedLogGroup
from stacks.constructs.naming import pin


class ArtifactStore(Construct):
    """A bucket and a log group under one key. All of it can be made again, so nothing is retained."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: DeliverySettings) -> None:
        super().__init__(scope, construct_id)
        logs = f"/aws/codebuild/{settings.name()}"
        self.key = kms.Key(
            self,
            "Key",
            alias=settings.name(),
            description="Artifacts and build logs of the delivery pipeline",
            enable_key_rotation=True,
            pending_window=cdk.Duration.days(7),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        pin(self.key, "DeliveryKey")
        self._let_logs_use_the_key(logs)
        self.bucket = s3.Bucket(
            self,
            "Artifacts",
            bucket_name=f"{settings.name('artifacts')}-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="artifacts-expire",
                    expiration=cdk.Duration.days(settings.artifact_days),
                    noncurrent_version_expiration=cdk.Duration.days(1),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
            removal_policy=cdk.RemovalPolicy.DESTROY,
            auto_delete_objects=True,
        )
        leave_no_log(cdk.Stack.of(self))
        pin(self.bucket, "DeliveryArtifacts")
        acknowledge(
            self.bucket,
            "AwsSolutions-S1",
            "Only the pipeline's roles read and write it, and all of it expires; CodePipeline keeps who ran what",
        )
        self.log_group = EncryptedLogGroup(
            self,
            "BuildLogs",
            name=logs,
            key=self.key,
            days=settings.log_days,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    def _let_logs_use_the_key(self, name: str) -> None:
        stack = cdk.Stack.of(self)
        group = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{name}"
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="BuildLogs",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=[
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                resources=["*"],
                conditions={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": group}},
            )
        )
