"""The feature store: the latest record online, every record offline."""

import io
import time
from typing import Any

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from rehearsal.world import ACCOUNT, REGION, World
from tests.rehearsal.jobs_world import BUCKET, Roles

NAME = "baskets"
NONE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group"


@pytest.fixture(scope="module")
def group(sagemaker: Any, roles: Roles) -> dict[str, Any]:
    role = roles.make(
        "offline",
        {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/features/*"},
        {"Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{BUCKET}"},
    )
    return made(sagemaker, NAME, role)


@pytest.fixture(scope="module")
def store(world: World) -> Any:
    return world.client("sagemaker-featurestore-runtime")


def made(sagemaker: Any, name: str, role: str) -> dict[str, Any]:
    sagemaker.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=[
            {"FeatureName": "id", "FeatureType": "String"},
            {"FeatureName": "at", "FeatureType": "String"},
            {"FeatureName": "lines", "FeatureType": "Integral"},
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{BUCKET}/features"}},
        RoleArn=role,
    )
    while True:
        group: dict[str, Any] = sagemaker.describe_feature_group(FeatureGroupName=name)
        if group["FeatureGroupStatus"] != "Creating":
            return group
        time.sleep(0.02)


def record(**features: str) -> list[dict[str, str]]:
    return [{"FeatureName": name, "ValueAsString": value} for name, value in features.items()]


def test_the_latest_record_is_online_and_every_record_offline(world: World, store: Any, group: dict[str, Any]) -> None:
    newer, older = record(id="1", at="2026-01-02T00:00:00Z", lines="7"), record(id="1", at="2026-01-01T00:00:00Z")
    for each in (newer, older):
        store.put_record(FeatureGroupName=NAME, Record=each)

    online = store.get_record(FeatureGroupName=NAME, RecordIdentifierValueAsString="1", FeatureNames=["id", "lines"])
    assert online["Record"] == record(id="1", lines="7")
    asked = {"FeatureGroupName": NAME, "RecordIdentifiersValueAsString": ["1", "2"]}
    [found] = store.batch_get_record(Identifiers=[asked])["Records"]
    assert found["Record"] == newer
    place = group["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    assert place.startswith(f"s3://{BUCKET}/features/{world.account}/sagemaker/{world.region}/offline-store/{NAME}-")
    rows = offline(world, place.removeprefix(f"s3://{BUCKET}/"), count=2)
    assert sorted((each["at"], each["lines"], each["is_deleted"]) for each in rows) == [
        ("2026-01-01T00:00:00Z", None, False),
        ("2026-01-02T00:00:00Z", 7, False),
    ]

    store.delete_record(FeatureGroupName=NAME, RecordIdentifierValueAsString="1", EventTime="2026-01-03T00:00:00Z")
    assert "Record" not in store.get_record(FeatureGroupName=NAME, RecordIdentifierValueAsString="1")


def offline(world: World, prefix: str, *, count: int) -> list[dict[str, Any]]:
    s3, until = world.client("s3"), time.monotonic() + 90
    while time.monotonic() < until:
        objects = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        assert all("/data/year=2026/month=01/day=0" in each["Key"] for each in objects)
        bodies = [s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in objects]
        rows = [row for body in bodies for row in pq.read_table(io.BytesIO(body)).to_pylist()]
        if len(rows) >= count:
            return rows
        time.sleep(0.1)
    raise AssertionError("nothing came")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"id": "1"}, "missing the feature at"),
        ({"id": "1", "at": "soon"}, "neither ISO 8601"),
        ({"id": "1", "at": "2026-01-01T00:00:00Z", "lines": "many"}, "'many' is not Integral"),
        ({"id": "1", "at": "2026-01-01T00:00:00Z", "colour": "red"}, "colour is no feature"),
    ],
)
@pytest.mark.usefixtures("group")
def test_a_record_that_does_not_fit_is_refused(store: Any, features: dict[str, str], message: str) -> None:
    with pytest.raises(ClientError, match=f"ValidationError.*{message}"):
        store.put_record(FeatureGroupName=NAME, Record=record(**features))


def test_a_group_whose_role_cannot_reach_the_bucket_is_not_made(sagemaker: Any, roles: Roles) -> None:
    role = roles.make("blind", {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/features/*"})

    failed = made(sagemaker, "blind", role)

    assert failed["FeatureGroupStatus"] == "CreateFailed"
    assert "GetBucketAcl" in failed["FailureReason"]


def test_who_may_read_records_may_not_put_them(store: Any, roles: Roles, group: dict[str, Any]) -> None:
    allowed = {"Action": "sagemaker:GetRecord", "Resource": group["FeatureGroupArn"]}
    reader = roles.client("sagemaker-featurestore-runtime", "reads-records", allowed)

    reader.get_record(FeatureGroupName=NAME, RecordIdentifierValueAsString="none")
    with pytest.raises(ClientError, match=r"AccessDenied.*sagemaker:PutRecord"):
        reader.put_record(FeatureGroupName=NAME, Record=record(id="1", at="2026-01-01T00:00:00Z"))


def entry(*, group: str = NAME, **features: str) -> dict[str, Any]:
    return {"FeatureGroupName": group, "Record": record(**features)}


def test_of_a_batch_what_fits_is_written_online_and_offline_and_the_rest_comes_back(
    world: World, sagemaker: Any, store: Any, roles: Roles, group: dict[str, Any]
) -> None:
    batch = made(sagemaker, "batch", group["RoleArn"])
    allowed = {"Action": "sagemaker:BatchWriteRecord", "Resource": [batch["FeatureGroupArn"], f"{NONE}/missing"]}
    writer = roles.client("sagemaker-featurestore-runtime", "writes-batches", allowed)
    time = "2026-01-03T00:00:00Z"
    bad = entry(group="batch", id="bad", at=time, lines="many")
    missing = entry(group="missing", id="1", at=time)
    good = [entry(group="batch", id=str(each), at=time, lines="7") for each in range(23)]

    answered = writer.batch_write_record(Entries=[*good[:9], bad, missing, *good[9:]])

    assert [(each["Entry"], each["ErrorCode"]) for each in answered["Errors"]] == [
        (bad, "ValidationError"),
        (missing, "ResourceNotFound"),
    ]
    assert answered["UnprocessedEntries"] == []
    found = store.get_record(FeatureGroupName="batch", RecordIdentifierValueAsString="22")
    assert found["Record"] == good[22]["Record"]
    place = batch["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    rows = offline(world, place.removeprefix(f"s3://{BUCKET}/"), count=23)
    assert {each["id"] for each in rows} == {str(each) for each in range(23)}


def test_each_group_of_a_batch_is_asked_for(sagemaker: Any, store: Any, roles: Roles, group: dict[str, Any]) -> None:
    other = made(sagemaker, "other", group["RoleArn"])
    allowed = {"Action": ["sagemaker:BatchWriteRecord", "sagemaker:PutRecord"], "Resource": group["FeatureGroupArn"]}
    writer = roles.client("sagemaker-featurestore-runtime", "writes-one-group", allowed)
    single = roles.client(
        "sagemaker-featurestore-runtime", "puts-one", {"Action": "sagemaker:PutRecord", "Resource": "*"}
    )
    features = {"id": "9", "at": "2026-01-01T00:00:00Z"}

    with pytest.raises(ClientError, match=f"AccessDenied.*sagemaker:BatchWriteRecord.*{other['FeatureGroupArn']}"):
        writer.batch_write_record(Entries=[entry(**features), entry(group="other", **features)])
    with pytest.raises(ClientError, match=r"AccessDenied.*sagemaker:BatchWriteRecord"):
        single.batch_write_record(Entries=[entry(**features)])
    assert "Record" not in store.get_record(FeatureGroupName=NAME, RecordIdentifierValueAsString="9")
    assert writer.batch_write_record(Entries=[entry(**features)])["Errors"] == []


@pytest.mark.usefixtures("group")
def test_a_batch_of_more_than_25_is_refused_whole(store: Any) -> None:
    entries = [entry(id=f"many-{each}", at="2026-01-01T00:00:00Z") for each in range(26)]
    with pytest.raises(ClientError, match=r"ValidationError.*26 members is more than 25"):
        store.batch_write_record(Entries=entries)
    assert "Record" not in store.get_record(FeatureGroupName=NAME, RecordIdentifierValueAsString="many-0")
