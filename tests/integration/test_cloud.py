"""The adapters against an AWS emulator, over HTTP."""

import gzip
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from cloud.capture import FirehoseSink, S3Sink
from cloud.files import S3Files
from cloud.keys import SecretKeys
from ml.bundle import Bundle
from ml.errors import ModelError, SettingsError, StoreError
from ml.serving.examples import EXAMPLE
from ml.serving.models import models_at
from tests.emulator import Emulator, emulated
from tests.integration.runs import command, mlops
from tests.integration.service import ask, free_port, serving_by
from tests.versions import Lake

OLD, NEW, NEWEST = (f"{word}-key-of-enough-length" for word in ("old", "new", "newest"))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulated(tmp_path_factory.mktemp("emulator")) as emulator, patch.dict(os.environ, emulator.environment):
        emulator.client("s3").create_bucket(
            Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"}
        )
        yield emulator


# ---- models -------------------------------------------------------------------------------------------------


def test_a_version_is_served_from_s3_and_fetched_once(
    aws: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.put_folder(Lake(tmp_path / "lake").publish("v1"), "lake", "one/artifacts/models/v1")
    models = models_at("s3://lake/one/artifacts/models/v1/", cache=tmp_path / "cache", use_case="price_sensitivity")
    assert models is not None

    folder = models.bundle(models.wanted())
    assert Bundle.load(folder).version == "v1"

    def refuse(*_: object) -> None:
        raise AssertionError("fetched twice")

    monkeypatch.setattr(S3Files, "download", refuse)
    assert models.bundle("v1") == folder


def test_the_champion_of_a_lake_in_s3_is_followed(aws: Emulator, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    for version in ("v1", "v2"):
        lake.publish(version)
    lake.promote("v1")
    aws.put_folder(lake.root, "lake", "two")
    models = models_at("s3://lake/two", cache=tmp_path / "cache", use_case="price_sensitivity")
    assert models is not None
    assert models.wanted() == "v1"

    lake.promote("v2")
    aws.put_folder(lake.root, "lake", "two")

    assert models.wanted() == "v2"
    assert Bundle.load(models.bundle("v2")).version == "v2"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://lake/three/artifacts/models/v9", "s3://lake/three/artifacts/models/v9: neither a model bundle"),
        ("s3://no-such-bucket/v1", r"s3://no-such-bucket/v1/manifest.json: NoSuchBucket: .*is the bucket's name right"),
    ],
)
def test_what_is_not_in_s3_is_named(aws: Emulator, tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises((StoreError, ModelError), match=message):
        models_at(address, cache=tmp_path, use_case="price_sensitivity")


def test_an_address_without_a_bucket_and_a_client_without_a_region_are_refused(
    aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="s3:///v1: is not s3://name"):
        S3Files("s3:///v1")
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(SettingsError, match="AWS_REGION is not set"):
        FirehoseSink("firehose://stream")


def test_an_endpoint_that_nobody_answers_is_named(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreError, match=r"s3://lake/v1: Could not connect to the endpoint"):
        S3Files("s3://lake").read("v1")


# ---- the service --------------------------------------------------------------------------------------------


def test_the_service_takes_model_and_keys_from_aws_and_leaves_predictions_there(aws: Emulator, tmp_path: Path) -> None:
    aws.put_folder(Lake(tmp_path / "lake").publish("v1"), "lake", "four/artifacts/models/v1")
    secret(aws, "service", OLD)
    port = free_port()
    options = ("--model", "s3://lake/four/artifacts/models/v1", "--capture", "s3://lake/four/captured")
    environment = {"MLOPS_API_KEY_SECRET": "service", "MLOPS_MODEL_CACHE": str(tmp_path), "MLOPS_API_KEY_SECONDS": "1"}

    def status(key: str) -> int:
        return ask(port, "POST", "/predict", json.dumps(EXAMPLE), headers={"x-api-key": key})[0]

    with serving_by(command("serve", "--port", str(port), *options), port=port, environment=environment) as process:
        assert [status(key) for key in (OLD, NEW)] == [200, 401]
        aws.client("secretsmanager").put_secret_value(SecretId="service", SecretString=json.dumps({"current": NEW}))
        limit = time.monotonic() + 60
        while status(OLD) == 200:
            assert time.monotonic() < limit, "the old key is still valid"
            time.sleep(0.05)
        assert status(NEW) == 200
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)

    s3 = aws.client("s3")
    kept = [
        json.loads(line)
        for found in s3.list_objects_v2(Bucket="lake", Prefix="four/captured/")["Contents"]
        for line in gzip.decompress(s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read()).splitlines()
    ]
    assert len(kept) >= 2
    assert {each["prediction"]["model_version"] for each in kept} == {"v1"}
    assert "the API keys have changed: 1 valid" in err
    assert NEW not in err


def test_without_the_secret_that_it_was_told_of_the_service_does_not_open(aws: Emulator) -> None:
    done = mlops("serve", "--port", "0", environment={"MLOPS_API_KEY_SECRET": "nowhere"})

    assert done.returncode == 2
    assert "error: secret nowhere: ResourceNotFoundException" in done.stderr


# ---- keys ---------------------------------------------------------------------------------------------------


def secret(aws: Emulator, name: str, *values: str) -> SecretKeys:
    """A secret that has had ``values``, one after the other."""
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=name, SecretString=values[0])
    for value in values[1:]:
        secrets.put_secret_value(SecretId=name, SecretString=value)
    return SecretKeys(name)


def test_of_a_plain_secret_the_present_and_the_previous_version_are_valid(aws: Emulator) -> None:
    assert secret(aws, "never-changed", OLD).read() == (OLD,)
    keys = secret(aws, "changed", OLD, NEW)
    assert keys.read() == (NEW, OLD)

    aws.client("secretsmanager").put_secret_value(SecretId="changed", SecretString=NEWEST)

    assert keys.read() == (NEWEST, NEW)


def test_of_a_secret_in_json_those_that_it_names_are_valid(aws: Emulator) -> None:
    both = json.dumps({"current": NEW, "previous": OLD})
    assert secret(aws, "both", OLD, both).read() == (NEW, OLD)
    assert secret(aws, "ended-at-once", both, json.dumps({"current": NEW})).read() == (NEW,)


@pytest.mark.parametrize("text", ["{}", '{"previous": "x"}', '{"current": 7}', '{"current": "a", "previous": ["b"]}'])
def test_json_of_another_form_is_refused_unseen(aws: Emulator, text: str) -> None:
    name = f"form-{abs(hash(text))}"
    with pytest.raises(StoreError, match=f"secret {name}: its JSON is not"):
        secret(aws, name, text).read()


def test_a_secret_that_is_not_there_is_named(aws: Emulator) -> None:
    with pytest.raises(StoreError, match=r"secret absent: ResourceNotFoundException: .*is its name right"):
        SecretKeys("absent").read()


# ---- capture ------------------------------------------------------------------------------------------------


def test_a_batch_becomes_an_object_under_its_day(aws: Emulator) -> None:
    assert S3Sink("s3://lake/captured").write([b'{"a": 1}', b'{"a": 2}']) == 0

    s3 = aws.client("s3")
    (found,) = s3.list_objects_v2(Bucket="lake", Prefix="captured/")["Contents"]
    body = s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read()
    assert re.fullmatch(r"captured/\d{4}/\d\d/\d\d/\d{6}-[0-9a-f]{32}\.jsonl\.gz", found["Key"])
    assert gzip.decompress(body) == b'{"a": 1}\n{"a": 2}\n'


def test_a_bucket_that_is_not_there_is_named_by_the_sink(aws: Emulator) -> None:
    with pytest.raises(StoreError, match=r"s3://no-such-bucket/.*: NoSuchBucket"):
        S3Sink("s3://no-such-bucket").write([b"{}"])


@pytest.fixture
def stream(aws: Emulator) -> Iterator[str]:
    firehose = aws.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="captured",
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::000000000000:role/x",
            "BucketARN": "arn:aws:s3:::lake",
        },
    )
    yield "firehose://captured"
    firehose.delete_delivery_stream(DeliveryStreamName="captured")


def test_firehose_takes_more_lines_than_one_call_may_hold(stream: str) -> None:
    assert FirehoseSink(stream).write([b"{}"] * 1_201) == 0


def test_a_line_that_no_record_may_hold_is_lost_alone(stream: str) -> None:
    assert FirehoseSink(stream).write([b"{}", b"x" * 1_024_000, b"{}"]) == 1


def test_a_stream_that_is_not_there_is_named(aws: Emulator) -> None:
    with pytest.raises(StoreError, match="firehose://absent: ResourceNotFoundException"):
        FirehoseSink("firehose://absent").write([b"{}"])


class Calls:
    """Firehose's answers, said by us: which records of each call it refuses."""

    def __init__(self, *refused: Callable[[int], bool]) -> None:
        self._refused = list(refused)
        self.sizes: list[int] = []
        self.bytes: list[int] = []
        self.records: list[bytes] = []

    def put_record_batch(self, *, DeliveryStreamName: str, Records: list[dict[str, bytes]]) -> dict[str, Any]:
        assert DeliveryStreamName == "captured"
        refused = self._refused.pop(0) if self._refused else lambda _: False
        self.sizes.append(len(Records))
        self.bytes.append(sum(len(each["Data"]) for each in Records))
        self.records += [each["Data"] for each in Records]
        results = [
            {"ErrorCode": "ServiceUnavailable"} if refused(n) else {"RecordId": "1"} for n in range(len(Records))
        ]
        return {"FailedPutCount": sum("ErrorCode" in each for each in results), "RequestResponses": results}


def sink_with(calls: Calls) -> FirehoseSink:
    sink = FirehoseSink("firehose://captured")
    sink._firehose = calls
    return sink


def test_what_firehose_refuses_is_sent_once_more_and_then_counted(aws: Emulator) -> None:
    calls = Calls(lambda number: number < 3, lambda number: number == 0)

    assert sink_with(calls).write([b"%d" % number for number in range(10)]) == 1
    assert calls.sizes == [10, 3]
    assert calls.records[10:] == [b"0\n", b"1\n", b"2\n"]


def test_no_call_holds_more_than_firehose_takes(aws: Emulator) -> None:
    calls = Calls()

    assert sink_with(calls).write([b"x" * 900_000] * 9 + [b"{}"] * 1_100) == 0
    assert max(calls.sizes) <= 500
    assert max(calls.bytes) <= 4 * 1024 * 1024
    assert sum(calls.sizes) == 1_109


# ---- records ------------------------------------------------------------------------------------------------


def test_delivery_figures_are_read_from_a_lake_in_s3(aws: Emulator, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    files = {
        f"artifacts/audit/{now:%Y-%m-%d}/released-one.json": {
            "at": now.isoformat(),
            "outcome": "promoted",
            "to_version": "v1",
        },
        "artifacts/models/v1/manifest.json": {"run": "200608-0123456789"},
        "artifacts/runs/200608-0123456789/claim.json": {"at": (now - timedelta(hours=3)).isoformat()},
    }
    for key, content in files.items():
        aws.client("s3").put_object(Bucket="lake", Key=f"delivered/{key}", Body=json.dumps(content).encode())

    done = mlops("kpi", "--lake", "s3://lake/delivered", "--days", "2", "--json", tmp_path / "kpi.json")

    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "kpi.json").read_text())
    assert (found["deployments"], found["failed"], found["mean_lead_time_hours"]) == (1, 0, pytest.approx(3))
