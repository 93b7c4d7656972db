"""The lake: one bucket of raw, silver, gold and artifacts, its catalogue, its queries and the feature store."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from config.names import (
    ARTIFACTS,
    BASKETS,
    CAPTURED,
    FEATURES,
    GOLD,
    MODELS,
    MONITORING,
    RAW,
    RUNS,
    SILVER,
    TRANSACTIONS,
    VALIDATION,
)
from config.settings import EnvironmentSettings
from lambdas.common.calls import Call
from ml.use_case import load_use_case
from stacks.base import PlatformStack
from stacks.constructs.catalogue import Catalogue
from stacks.constructs.feature_store import BasketFeatures
from stacks.constructs.lake_bucket import LakeBucket
from stacks.constructs.naming import lake_bucket_arn
from stacks.constructs.queries import Queries
from stacks.constructs.schemas import baskets_schema
from stacks.constructs.wildcards import allow_pattern

_USE_CASE: Final = "price_sensitivity"
_LISTINGS: Final = frozenset({"s3:ListBucket", "s3:ListBucketVersions"})
_BY_PATTERN: Final = "Runs, weeks, versions and records are named when they are made."


class DataLakeStack(PlatformStack):
    """Bucket, Glue tables over silver and gold, Athena workgroup and queries, feature group."""

    def __init__(
        self, scope: Construct, settings: EnvironmentSettings, *, key: kms.IKey, access_logs: s3.IBucket
    ) -> None:
        super().__init__(scope, "data-lake", settings=settings, description="Lake, catalogue, queries, feature store")
        use_case = load_use_case(_USE_CASE)
        self._key = key
        self.bucket = LakeBucket(self, key=key, access_logs=access_logs)
        self.catalogue = Catalogue(self, bucket=self.bucket, use_case=use_case)
        self.queries = Queries(self, database_name=self.catalogue.database_name, key=key, access_logs=access_logs)
        self.features = BasketFeatures(
            self,
            schema=baskets_schema(use_case),
            bucket=self.bucket,
            database_name=self.catalogue.database_name,
            key=key,
        )
        self.features.node.add_dependency(self.catalogue)
        self.feature_group = settings.name(BASKETS)

    def grant_model_reading(self, role: iam.Role) -> None:
        """Let ``role`` read the model bundles."""
        models = f"{ARTIFACTS}/{MODELS}/"
        self._allow_listing(role, models)
        self._allow_objects(
            role, "s3:GetObject", prefixes=[models], reason="Which version is served is decided when it is released."
        )
        self._allow_key(role, "kms:Decrypt")

    def grant_capture(self, role: iam.Role) -> None:
        """Let ``role`` put captured predictions into the lake; it reads none of them, its own neither."""
        self._allow_objects(
            role, "s3:PutObject", prefixes=[f"{CAPTURED}/"], reason="A batch of predictions is named by its time."
        )
        self._allow_key(role, "kms:GenerateDataKey")

    def grant_etl(self, role: iam.Role) -> None:
        """Let ``role`` read raw files, keep silver and gold, and put reports among the artifacts, unread."""
        own = [f"{SILVER}/", f"{GOLD}/"]
        reports = [f"{ARTIFACTS}/{RUNS}/", f"{ARTIFACTS}/{VALIDATION}/"]
        self._allow_listing(role, f"{RAW}/", *own)
        self._allow_objects(
            role,
            "s3:GetObject",
            "s3:GetObjectVersion",
            prefixes=[f"{RAW}/"],
            reason="New weekly files come under names that only their sender knows.",
        )
        self._allow_objects(
            role,
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            prefixes=own,
            reason="The ETL makes a folder per week and region, and replaces it when the week comes again.",
        )
        self._allow_objects(
            role,
            "s3:PutObject",
            "s3:AbortMultipartUpload",
            prefixes=reports,
            reason="Every run puts its reports into a folder of its own.",
        )
        # Parts of an upload are decrypted when S3 joins them.
        self._allow_key(role, "kms:Decrypt", "kms:GenerateDataKey")

    def grant_processing(self, role: iam.Role) -> None:
        """Let ``role`` do what validation, ETL, encoding and evaluation need; raw files, models, features it reads."""
        own = [f"{SILVER}/", f"{GOLD}/", f"{ARTIFACTS}/{RUNS}/"]
        read = [f"{RAW}/", f"{ARTIFACTS}/{MODELS}/", f"{FEATURES}/{BASKETS}/"]
        self._allow_listing(role, *own, *read)
        self._allow_objects(
            role, "s3:GetObject", prefixes=read, reason="Weeks and versions are named when they come or are made."
        )
        self._allow_objects(
            role,
            "s3:GetObject",
            "s3:PutObject",
            "s3:AbortMultipartUpload",
            prefixes=own,
            reason="A job writes the parts of a week and the folder of a run, which are named when they are made.",
        )
        self._allow_key(role, "kms:Decrypt", "kms:GenerateDataKey")

    def grant_feeding(self, role: iam.Role) -> None:
        """Let ``role`` put gold's baskets into the feature group, and say in the run's folder what it put."""
        runs = f"{ARTIFACTS}/{RUNS}/*"
        read = [f"{GOLD}/", f"{runs}/identity/", f"{runs}/validation/"]
        self._allow_listing(role, *read)
        self._allow_objects(
            role, "s3:GetObject", prefixes=read, reason="Weeks and runs are named when they come or are made."
        )
        self._allow_objects(
            role,
            "s3:PutObject",
            "s3:AbortMultipartUpload",
            prefixes=[f"{runs}/fed/"],
            reason="Every run has a folder of its own.",
        )
        self._allow_key(role, "kms:Decrypt", "kms:GenerateDataKey")
        group = f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:feature-group/{self.feature_group}"
        # The service authorization reference has an action for the batch call; it does not say whether what the batch
        # puts is asked for as well, as some services do. Neither lets the role do more than the other.
        role.add_to_policy(
            iam.PolicyStatement(actions=["sagemaker:BatchWriteRecord", "sagemaker:PutRecord"], resources=[group])
        )
        # Of whoever calls it, Feature Store asks this for the online half.
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[self._key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"sagemaker.{self.region}.amazonaws.com"}},
            )
        )

    def grant_training(self, role: iam.Role) -> None:
        """Let ``role`` read gold, also as of a time, and encoders, and write candidates and checkpoints."""
        runs = f"{ARTIFACTS}/{RUNS}/*"
        read = [f"{GOLD}/", f"{runs}/{GOLD}/", f"{runs}/encoders/"]
        self._allow_listing(role, *read, f"{runs}/checkpoints/")
        self._allow_objects(role, "s3:GetObject", prefixes=read, reason="Weeks and runs are named when they are made.")
        self._allow_objects(
            role,
            "s3:GetObject",
            "s3:PutObject",
            "s3:AbortMultipartUpload",
            prefixes=[f"{runs}/candidates/", f"{runs}/checkpoints/"],
            reason="Every run has a folder of its own.",
        )
        self._allow_key(role, "kms:Decrypt", "kms:GenerateDataKey")

    def grant_monitoring(self, role: iam.Role) -> None:
        """Let ``role`` read predictions, labels and models, and write the folder of a look."""
        looks = f"{ARTIFACTS}/{MONITORING}/"
        read = [f"{CAPTURED}/", f"{SILVER}/{TRANSACTIONS}/", f"{ARTIFACTS}/{MODELS}/"]
        self._allow_listing(role, *read, looks)
        self._allow_objects(
            role, "s3:GetObject", prefixes=read, reason="Predictions, weeks and versions are named when they are made."
        )
        self._allow_objects(
            role,
            "s3:GetObject",
            "s3:PutObject",
            "s3:AbortMultipartUpload",
            prefixes=[looks],
            reason="A look has the folder of its day: manifests to read, figures and a report to write.",
        )
        self._allow_key(role, "kms:Decrypt", "kms:GenerateDataKey")

    def grant_calls(self, role: iam.Role, calls: Sequence[Call], *, use_case: str) -> None:
        """Let ``role`` make a function's ``calls`` of S3, each on the keys that it names."""
        by_action: dict[str, list[str]] = {}
        for each in calls:
            by_action.setdefault(each.action, []).append(each.resource.format(use_case=use_case))
        listed = [pattern for action, patterns in by_action.items() if action in _LISTINGS for pattern in patterns]
        # To read an object that may be missing: without it S3 says that it is forbidden.
        listed += by_action.get("s3:GetObject", [])
        for action in sorted(_LISTINGS & {"s3:ListBucket", *by_action}):
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=[action],
                    resources=[lake_bucket_arn(self)],
                    conditions={"StringLike": {"s3:prefix": sorted({pattern.rstrip("*") + "*" for pattern in listed})}},
                )
            )
        for action, patterns in by_action.items():
            if action not in _LISTINGS:
                self._allow_keys(role, action, patterns=sorted(set(patterns)), reason=_BY_PATTERN)
        self._allow_key(role, "kms:Decrypt", "kms:GenerateDataKey")

    def grant_records(self, role: iam.Role, *patterns: str) -> None:
        """Let ``role`` write objects whose keys match ``patterns``."""
        self._allow_keys(role, "s3:PutObject", patterns=patterns, reason=_BY_PATTERN)
        self._allow_key(role, "kms:Decrypt", "kms:GenerateDataKey")

    # The policies are the role's, and name the bucket by its known name: the role's stack comes later.

    def _allow_listing(self, role: iam.Role, *prefixes: str) -> None:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[lake_bucket_arn(self)],
                conditions={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
            )
        )

    def _allow_objects(self, role: iam.Role, *actions: str, prefixes: list[str], reason: str) -> None:
        self._allow_keys(role, *actions, patterns=[f"{prefix}*" for prefix in prefixes], reason=reason)

    def _allow_keys(self, role: iam.Role, *actions: str, patterns: Sequence[str], reason: str) -> None:
        resources = [f"{lake_bucket_arn(self)}/{pattern}" for pattern in patterns]
        allow_pattern(role, iam.PolicyStatement(actions=list(actions), resources=resources), reason=reason)

    def _allow_key(self, role: iam.Role, *actions: str) -> None:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=list(actions),
                resources=[self._key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"s3.{self.region}.amazonaws.com"}},
            )
        )
