"""The catalogue: silver and gold as tables that Athena reads without a crawler."""

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from config.names import BASKETS, GOLD, LAKE, PRODUCTS, REGION_PARTITION, SILVER, TRANSACTIONS, WEEK_PARTITION
from ml.use_case import UseCase
from stacks.base import PlatformStack
from stacks.constructs.schemas import Schema, baskets_schema, products_schema, transactions_schema

# Weeks that a query may find. Athena lists every one of them where a query names no week.
_WEEKS: Final = "200601,204953"
_PARQUET: Final = "org.apache.hadoop.hive.ql.io.parquet"


class Catalogue(Construct):
    """A database of the tables transactions, baskets and products.

    Partitions are projected: Athena derives their folders from the query, so that a week that the ETL has just
    written is there at once.
    """

    def __init__(self, stack: PlatformStack, *, bucket: s3.IBucket, use_case: UseCase) -> None:
        super().__init__(stack, "Catalogue")
        # Athena wants no hyphens.
        self.database_name = stack.settings.name(LAKE).replace("-", "_")
        self.database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=stack.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self.database_name, description=f"{use_case.title}: silver and gold"
            ),
        )
        self.database.override_logical_id("CatalogueDatabase")
        self.database.apply_removal_policy(stack.removal_policy)
        self._account = stack.account
        self._bucket = bucket
        week = {WEEK_PARTITION: {"type": "integer", "range": _WEEKS}}
        regions = use_case.column(REGION_PARTITION).allowed or ()
        region = {REGION_PARTITION: {"type": "enum", "values": ",".join(regions)}}
        self._table(SILVER, TRANSACTIONS, transactions_schema(use_case), partitions={**week, **region})
        self._table(GOLD, BASKETS, baskets_schema(use_case), partitions=week)
        self._table(GOLD, PRODUCTS, products_schema(use_case), partitions=week)

    def _table(
        self, layer: str, name: str, schema: Schema, *, partitions: Mapping[str, Mapping[str, str]]
    ) -> glue.CfnTable:
        projection = {
            f"projection.{column}.{key}": value for column, rules in partitions.items() for key, value in rules.items()
        }
        table = glue.CfnTable(
            self,
            name.capitalize(),
            catalog_id=self._account,
            database_name=self.database_name,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                table_type="EXTERNAL_TABLE",
                parameters={
                    "EXTERNAL": "TRUE",
                    "classification": "parquet",
                    "projection.enabled": "true",
                    **projection,
                },
                partition_keys=_columns(schema, only=list(partitions)),
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=f"s3://{self._bucket.bucket_name}/{layer}/{name}/",
                    columns=_columns(schema, only=[column for column in schema if column not in partitions]),
                    input_format=f"{_PARQUET}.MapredParquetInputFormat",
                    output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"
                    ),
                ),
            ),
        )
        table.add_resource_dependency(self.database)
        return table


def _columns(schema: Schema, *, only: Sequence[str]) -> list[glue.CfnTable.ColumnProperty]:
    return [glue.CfnTable.ColumnProperty(name=name, type=schema[name]) for name in only]
