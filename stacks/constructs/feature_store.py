"""Gold's baskets as a feature group: the latest values online, all values as of any time offline."""

from typing import Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from config.names import BASKETS, EVENT_TIME, FEATURES
from stacks.base import PlatformStack
from stacks.constructs.naming import lake_bucket_arn
from stacks.constructs.schemas import Schema
from stacks.constructs.wildcards import allow_pattern

# Lists and dates are kept as text: a list as JSON, a date as YYYY-MM-DD.
_FEATURE_TYPES: Final = {"int": "Integral", "bigint": "Integral"}
_TABLE: Final = "basket_features"


class BasketFeatures(Construct):
    """The feature group, and the role by which Feature Store keeps its offline half in the lake."""

    def __init__(
        self,
        stack: PlatformStack,
        *,
        schema: Schema,
        bucket: s3.IBucket,
        database_name: str,
        key: kms.IKey,
    ) -> None:
        super().__init__(stack, "BasketFeatures")
        settings = stack.settings
        self.role = self._offline_role(stack, database_name=database_name, key=key)
        encryption = {"KmsKeyId": key.key_arn}
        self.group = sagemaker.CfnFeatureGroup(
            self,
            "Group",
            feature_group_name=settings.name(BASKETS),
            description="Gold's baskets, one record per basket",
            record_identifier_feature_name="basket_id",
            event_time_feature_name=EVENT_TIME,
            feature_definitions=[
                *(
                    sagemaker.CfnFeatureGroup.FeatureDefinitionProperty(
                        feature_name=name, feature_type=_FEATURE_TYPES.get(kind, "String")
                    )
                    for name, kind in schema.items()
                ),
                # ISO 8601, UTC.
                sagemaker.CfnFeatureGroup.FeatureDefinitionProperty(feature_name=EVENT_TIME, feature_type="String"),
            ],
            # Both are free-form to CDK, hence in CloudFormation's own spelling.
            online_store_config={
                "EnableOnlineStore": True,
                "SecurityConfig": encryption,
                # A basket is asked for online in the days after it was bought; kept longer it only costs.
                "TtlDuration": {"Unit": "Days", "Value": settings.lake.online_feature_days},
            },
            offline_store_config={
                "S3StorageConfig": {"S3Uri": f"s3://{bucket.bucket_name}/{FEATURES}/{BASKETS}", **encryption},
                # In the lake's own database, so that the table goes when the database goes.
                "DisableGlueTableCreation": False,
                "DataCatalogConfig": {"Catalog": "AwsDataCatalog", "Database": database_name, "TableName": _TABLE},
            },
            role_arn=self.role.role_arn,
        )
        self.group.override_logical_id("BasketFeatureGroup")
        self.group.apply_removal_policy(stack.removal_policy)
        # Feature Store tries the role when the group is made: its policy has to be there.
        self.group.node.add_dependency(self.role.node.find_child("DefaultPolicy"))

    def _offline_role(self, stack: PlatformStack, *, database_name: str, key: kms.IKey) -> iam.Role:
        lake = lake_bucket_arn(stack)
        role = iam.Role(
            self,
            "OfflineRole",
            # No condition on the account: Feature Store is not documented to state it, and roles are not passed
            # between accounts.
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description="Feature Store writes the offline half of the feature group into the lake",
        )
        allow_pattern(
            role,
            iam.PolicyStatement(actions=["s3:PutObject", "s3:PutObjectAcl"], resources=[f"{lake}/{FEATURES}/*"]),
            reason="Feature Store names its objects by time; it writes below its own prefix and nowhere else.",
        )
        allow_pattern(
            role,
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[f"{lake}/{FEATURES}/*/metadata/*"]),
            reason="Feature Store reads back the manifests it wrote, whose folder it names by the time of creation.",
        )
        role.add_to_policy(iam.PolicyStatement(actions=["s3:GetBucketAcl"], resources=[lake]))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"s3.{stack.region}.amazonaws.com"}},
            )
        )
        glue = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["glue:GetTable", "glue:UpdateTable"],
                resources=[
                    f"{glue}:catalog",
                    f"{glue}:database/{database_name}",
                    f"{glue}:table/{database_name}/{_TABLE}",
                ],
            )
        )
        return role
