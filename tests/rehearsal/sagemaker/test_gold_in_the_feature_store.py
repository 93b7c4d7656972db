"""Gold, fed to the emulated feature store over HTTPS and read back from what it left in S3, is gold."""

import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cloud.features import SageMakerGroup
from config.names import EVENT_TIME, PRODUCTS
from ml.data.generate import generate_weeks
from ml.features.as_of import write_gold_as_of
from ml.jobs.feed import FedWeek, feed
from rehearsal.world import World
from stacks.constructs.schemas import baskets_schema
from tests.golds import USE_CASE, assert_same, gold_of
from tests.rehearsal.jobs_world import BUCKET, Roles

CAME = datetime.fromisoformat("2026-03-02T10:00:00Z")
BASKETS = 60


def made(sagemaker: Any, name: str, role: str) -> str:
    """Make a group of gold's columns; return the prefix of its offline half."""
    columns = {**baskets_schema(USE_CASE), EVENT_TIME: "string"}
    sagemaker.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="basket_id",
        EventTimeFeatureName=EVENT_TIME,
        FeatureDefinitions=[
            {"FeatureName": column, "FeatureType": "Integral" if kind in {"int", "bigint"} else "String"}
            for column, kind in columns.items()
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{BUCKET}/features/baskets"}},
        RoleArn=role,
    )
    while sagemaker.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"] == "Creating":
        time.sleep(0.02)
    return "features/baskets/"


def fetched(world: World, prefix: str, folder: Path) -> Path:
    """Bring what lies below ``prefix`` into ``folder``, once there is something."""
    s3, until = world.client("s3"), time.monotonic() + 30
    while time.monotonic() < until:
        if objects := s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []):
            for each in objects:
                target = folder / each["Key"].removeprefix(prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read())
            return folder
        time.sleep(0.1)
    raise AssertionError("nothing came")


def test_what_is_fed_is_read_back_from_the_bucket(world: World, sagemaker: Any, roles: Roles, tmp_path: Path) -> None:
    role = roles.make(
        "gold-offline",
        {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/features/*"},
        {"Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{BUCKET}"},
    )
    prefix = made(sagemaker, "mlops-dev-baskets", role)
    files = generate_weeks(weeks=1, baskets_per_week=BASKETS, seed=4, output=tmp_path / "in")
    gold = gold_of(files, tmp_path / "lake")
    with patch.dict(os.environ, world.environment):
        group = SageMakerGroup("featuregroup://mlops-dev-baskets")
        feed(gold=gold, group=group, weeks=[FedWeek(week=200607, known_at=CAME)])

    offline = fetched(world, prefix, tmp_path / "offline")
    then = tmp_path / "then"
    write_gold_as_of(offline=offline, products=gold / PRODUCTS, output=then, as_of=CAME, use_case=USE_CASE)
    assert_same(then, gold)
