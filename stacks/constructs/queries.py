"""Athena over the catalogue: one workgroup whose rules nobody can step around, and queries to start from."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from config.names import BASKETS, LAKE, TRANSACTIONS, WEEK_PARTITION
from stacks.base import PlatformStack
from stacks.constructs.bucket import PlatformBucket

_GIGABYTE: Final = 1024**3
_SAVED: Final = {
    "label-shares": (
        "Baskets of each class by week: does the mix drift?",
        f"""SELECT
    {WEEK_PARTITION},
    label,
    count(*) AS baskets,
    round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY {WEEK_PARTITION}), 2) AS percent
FROM {BASKETS}
WHERE {WEEK_PARTITION} BETWEEN 200607 AND 200819
GROUP BY {WEEK_PARTITION}, label
ORDER BY {WEEK_PARTITION}, label""",
    ),
    "region-sales": (
        "Lines, baskets and spend of a week by region: is a region missing, or twice there?",
        f"""SELECT
    store_region,
    count(*) AS lines,
    count(DISTINCT basket_id) AS baskets,
    sum(spend_pennies) / 100.0 AS spend
FROM {TRANSACTIONS}
WHERE {WEEK_PARTITION} = 200720
GROUP BY store_region
ORDER BY store_region""",
    ),
}


class Queries(Construct):
    """The workgroup, the bucket of its results, and saved queries.

    Results have a bucket of their own: who may query needs no right to write into the lake.
    """

    def __init__(self, stack: PlatformStack, *, database_name: str, key: kms.IKey, access_logs: s3.IBucket) -> None:
        super().__init__(stack, "Queries")
        settings = stack.settings
        self.results = PlatformBucket(
            stack,
            "QueryResults",
            component="queries",
            key=key,
            access_logs=access_logs,
            lifecycle_rules=[
                s3.LifecycleRule(id="expiry", expiration=cdk.Duration.days(settings.lake.query_results_days))
            ],
        )
        self.workgroup = athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=settings.name(LAKE),
            description="Queries over silver and gold",
            recursive_delete_option=stack.removal_policy == cdk.RemovalPolicy.DESTROY,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=settings.lake.query_scan_limit_gb * _GIGABYTE,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self.results.bucket_name}/",
                    expected_bucket_owner=stack.account,
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=key.key_arn
                    ),
                ),
            ),
        )
        for name, (description, sql) in _SAVED.items():
            query = athena.CfnNamedQuery(
                self,
                "".join(part.capitalize() for part in name.split("-")),
                name=settings.name(name),
                description=description,
                database=database_name,
                query_string=sql,
                work_group=self.workgroup.name,
            )
            query.add_resource_dependency(self.workgroup)
