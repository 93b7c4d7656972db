"""What is encrypted takes the key's permission, too, and metrics their namespace's."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.world import World
from tests.rehearsal.jobs_world import LOGS, Roles
from tests.rehearsal.sagemaker.test_processing import given, job, run


@pytest.fixture(scope="module")
def key(world: World) -> str:
    return str(world.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture(scope="module")
def bucket(world: World, key: str) -> str:
    s3, name = world.client("s3"), "vault"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": world.region})
    by_default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [by_default]})
    s3.put_object(Bucket=name, Key="in/a.txt", Body=b"one")
    return name


def data(bucket: str) -> dict[str, Any]:
    place = f"arn:aws:s3:::{bucket}"
    return {"Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"], "Resource": [place, f"{place}/*"]}


def test_an_encrypted_object_is_read_and_written_with_the_key_alone(
    world: World, roles: Roles, bucket: str, key: str
) -> None:
    via = {"StringEquals": {"kms:ViaService": f"s3.{world.region}.amazonaws.com"}}
    both = roles.client(
        "s3",
        "with-key",
        data(bucket),
        {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": key, "Condition": via},
    )
    reads = roles.client("s3", "reads-with-key", data(bucket), {"Action": "kms:Decrypt", "Resource": key})
    neither = roles.client("s3", "without-key", data(bucket))

    both.put_object(Bucket=bucket, Key="in/b.txt", Body=b"two")
    assert reads.get_object(Bucket=bucket, Key="in/b.txt")["Body"].read() == b"two"
    with pytest.raises(ClientError, match=rf"AccessDenied.*kms:GenerateDataKey on resource: {key}"):
        reads.put_object(Bucket=bucket, Key="in/c.txt", Body=b"three")
    with pytest.raises(ClientError, match=rf"AccessDenied.*kms:Decrypt on resource: {key}"):
        neither.get_object(Bucket=bucket, Key="in/a.txt")


def test_a_job_whose_role_lacks_the_key_fails_and_names_it(sagemaker: Any, roles: Roles, bucket: str, key: str) -> None:
    role = roles.make(f"keyless-{uuid.uuid4().hex[:8]}", data(bucket), LOGS)

    failed = run(sagemaker, job(role, "true", ProcessingInputs=[given("a", f"s3://{bucket}/in/")]))

    assert failed["ProcessingJobStatus"] == "Failed"
    assert f"kms:Decrypt on resource: {key}" in failed["FailureReason"]


def test_a_topic_with_a_key_is_told_with_the_key_alone(world: World, roles: Roles, key: str) -> None:
    topic = world.client("sns").create_topic(Name="secret", Attributes={"KmsMasterKeyId": key})["TopicArn"]
    publish = {"Action": "sns:Publish", "Resource": topic}
    teller = roles.client("sns", "tells", publish, {"Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": key})
    keyless = roles.client("sns", "tells-without-key", publish)

    teller.publish(TopicArn=topic, Message="m")
    with pytest.raises(ClientError, match=r"kms:GenerateDataKey"):
        keyless.publish(TopicArn=topic, Message="m")


def test_metrics_are_put_into_the_namespaces_that_are_allowed(roles: Roles) -> None:
    mine = {"StringEquals": {"cloudwatch:namespace": "Mine"}}
    allowed = {"Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": mine}
    client = roles.client("cloudwatch", "measures", allowed)
    metric = [{"MetricName": "m", "Value": 1.0}]

    client.put_metric_data(Namespace="Mine", MetricData=metric)
    with pytest.raises(ClientError, match=r"AccessDenied.*cloudwatch:PutMetricData"):
        client.put_metric_data(Namespace="Other", MetricData=metric)
