"""Tables, saved queries and the feature group, against what the ETL really writes."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from config.settings import load_environment
from ml.features.refine import refine
from ml.use_case import load_use_case
from tests.stacks.assembly import ENVIRONMENTS, ROOT, environment
from tests.stacks.policies import ACCOUNT, REGION, Account, allows
from tests.weekly_files import WEEK, write_week_file

environments = pytest.mark.parametrize("name", ENVIRONMENTS)
BUCKET = f"mlops-dev-lake-{ACCOUNT}-{REGION}"
# Parquet's types as pyarrow names them, in the words of Glue.
GLUE = {
    "int32": "int",
    "int64": "bigint",
    "date32[day]": "date",
    "string": "string",
    "list<element: string>": "array<string>",
}


def stack(name: str = "dev") -> Account:
    return Account(environment(name))


def tables() -> dict[str, dict[str, Any]]:
    found = stack().properties("AWS::Glue::Table", component="data-lake")
    return {each["TableInput"]["Name"]: each["TableInput"] for each in found.values()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that the ETL made of one small file."""
    root = tmp_path_factory.mktemp("lake")
    refine(
        [write_week_file(root / "raw" / f"transactions_{WEEK}.csv")],
        silver=root / "silver",
        gold=root / "gold",
        reports=root / "artifacts",
        use_case=load_use_case("price_sensitivity"),
        great_expectations=False,
    )
    return root


@pytest.mark.parametrize(
    ("table", "folder"),
    [("transactions", "silver/transactions"), ("baskets", "gold/baskets"), ("products", "gold/products")],
)
def test_a_table_has_the_columns_and_types_that_the_etl_writes(written: Path, table: str, folder: str) -> None:
    described = tables()[table]
    part = next((written / folder).rglob("part-0.parquet"))
    partitions = dict(pair.split("=") for pair in part.relative_to(written / folder).parent.parts)
    in_file = {
        field.name: GLUE[str(field.type)] for field in pyarrow.parquet.read_schema(part) if field.name not in partitions
    }

    assert {each["Name"]: each["Type"] for each in described["StorageDescriptor"]["Columns"]} == in_file
    assert [each["Name"] for each in described["PartitionKeys"]] == list(partitions)
    assert described["StorageDescriptor"]["Location"] == f"s3://{BUCKET}/{folder}/"


def test_every_partition_that_the_etl_may_write_is_found_without_a_crawler() -> None:
    regions = load_use_case("price_sensitivity").column("store_region").allowed
    for name, table in tables().items():
        parameters = table["Parameters"]
        first, last = parameters["projection.shop_week.range"].split(",")
        assert parameters["projection.enabled"] == "true", name
        assert parameters["projection.shop_week.type"] == "integer", name
        for week in (200607, 200819, 202653):
            assert int(first) <= week <= int(last), f"{name}: the data set's own weeks, and those of today"
    silver = tables()["transactions"]["Parameters"]
    assert silver["projection.store_region.type"] == "enum"
    assert silver["projection.store_region.values"].split(",") == list(regions or ())
    assert environment("dev").resources("AWS::Glue::Crawler") == {}


def test_the_saved_queries_run_on_what_the_etl_writes(written: Path) -> None:
    queries = stack().properties("AWS::Athena::NamedQuery", component="data-lake")
    (database,) = stack().properties("AWS::Glue::Database", component="data-lake").values()
    with duckdb.connect() as connection:
        for table, folder in (("transactions", "silver"), ("baskets", "gold")):
            connection.execute(
                f"CREATE VIEW {table} AS SELECT * FROM "
                f"read_parquet('{written}/{folder}/{table}/**/*.parquet', hive_partitioning = true)"
            )
        answers = {each["Name"]: connection.execute(each["QueryString"]).fetchall() for each in queries.values()}

    assert {each["Database"] for each in queries.values()} == {database["DatabaseInput"]["Name"]}
    assert {each["WorkGroup"] for each in queries.values()} == {"mlops-dev-lake"}
    # Twenty baskets of LA and of UM, forty of MM, twenty of XX; five regions of eighty lines each.
    assert [row[1:] for row in answers["mlops-dev-label-shares"]] == [
        ("LA", 20, 20.0),
        ("MM", 40, 40.0),
        ("UM", 20, 20.0),
        ("XX", 20, 20.0),
    ]
    regions = ("E01", "E02", "N01", "S03", "W02")
    assert [row[:3] for row in answers["mlops-dev-region-sales"]] == [(region, 80, 20) for region in regions]


def test_saved_queries_name_a_week_so_that_athena_does_not_look_through_all() -> None:
    for each in stack().properties("AWS::Athena::NamedQuery", component="data-lake").values():
        assert re.search(r"WHERE shop_week (=|BETWEEN)", each["QueryString"]), each["Name"]


@environments
def test_queries_keep_to_the_workgroups_rules(name: str) -> None:
    (group,) = stack(name).properties("AWS::Athena::WorkGroup", component="data-lake").values()
    rules = group["WorkGroupConfiguration"]
    results = stack(name).properties("AWS::S3::Bucket", component="data-lake")["QueryResults"]
    settings = load_environment(name).lake

    assert rules["EnforceWorkGroupConfiguration"] is True
    assert rules["BytesScannedCutoffPerQuery"] == settings.query_scan_limit_gb * 2**30
    assert rules["ResultConfiguration"]["OutputLocation"] == f"s3://{results['BucketName']}/"
    assert rules["ResultConfiguration"]["EncryptionConfiguration"] == {
        "EncryptionOption": "SSE_KMS",
        "KmsKey": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/DataKey",
    }
    lifecycle = {each["Id"]: each for each in results["LifecycleConfiguration"]["Rules"]}
    assert lifecycle["expiry"]["ExpirationInDays"] == settings.query_results_days


def test_the_feature_group_holds_gold_baskets_by_their_time(written: Path) -> None:
    (group,) = stack().properties("AWS::SageMaker::FeatureGroup", component="data-lake").values()
    part = next((written / "gold" / "baskets").rglob("part-0.parquet"))
    features = {each["FeatureName"]: each["FeatureType"] for each in group["FeatureDefinitions"]}

    assert list(features) == [*pyarrow.parquet.read_schema(part).names, "event_time"]
    assert features["basket_id"] == features["spend_pennies"] == "Integral"
    assert features["prod_codes"] == features["shop_date"] == features["event_time"] == "String"
    assert group["RecordIdentifierFeatureName"] == "basket_id"
    assert group["EventTimeFeatureName"] == "event_time"


@environments
def test_the_feature_group_is_encrypted_online_and_offline_and_offline_in_the_lake(name: str) -> None:
    (group,) = stack(name).properties("AWS::SageMaker::FeatureGroup", component="data-lake").values()
    (database,) = stack(name).properties("AWS::Glue::Database", component="data-lake").values()
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/DataKey"
    online, offline = group["OnlineStoreConfig"], group["OfflineStoreConfig"]

    assert online["EnableOnlineStore"] is True
    assert online["SecurityConfig"] == {"KmsKeyId": key}
    assert online["TtlDuration"] == {"Unit": "Days", "Value": load_environment(name).lake.online_feature_days}
    lake = f"s3://mlops-{name}-lake-{ACCOUNT}-{REGION}"
    assert offline["S3StorageConfig"] == {"S3Uri": f"{lake}/features/baskets", "KmsKeyId": key}
    # A table in Feature Store's own database would stay behind when the stack goes.
    assert offline["DataCatalogConfig"]["Database"] == database["DatabaseInput"]["Name"]


def test_the_feature_store_writes_below_its_own_prefix_and_reads_no_data() -> None:
    role = stack().of_role("BasketFeaturesOfflineRole", component="data-lake")
    lake = f"arn:aws:s3:::{BUCKET}"

    assert allows(role, "s3:PutObject", f"{lake}/features/{ACCOUNT}/sagemaker/data.parquet")
    for key in ("raw/x", "silver/x", "gold/x", "artifacts/models/x"):
        assert not allows(role, "s3:PutObject", f"{lake}/{key}"), key
        assert not allows(role, "s3:GetObject", f"{lake}/{key}"), key
    assert not allows(role, "s3:GetObject", f"{lake}/features/{ACCOUNT}/sagemaker/data.parquet")
    assert not allows(role, "s3:DeleteObject", f"{lake}/features/{ACCOUNT}/sagemaker/data.parquet")
    assert not allows(role, "glue:DeleteTable", "*")


def test_synthesis_needs_no_data_library() -> None:
    script = (
        "import sys, stacks.data_lake;"
        "print([name for name in ('duckdb', 'pandas', 'numpy', 'pyarrow', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip().endswith("[]")
