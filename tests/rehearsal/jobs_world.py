"""An emulated AWS whose images run a small program, and roles in it."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.aws import emulated
from rehearsal.world import World

IMAGE = "rehearsal.local/tool:1"
BUCKET = "lake"
# What the image's program is: a shell that takes its work from the job's arguments, or a training from its model.
PROGRAM = """#!/bin/sh
set -e
cd "$MLOPS_CONTAINER_ROOT"
if [ "$1" = train ]; then
    exec sh input/data/code/train.sh
fi
exec sh -c "$1"
"""
DATA = {"Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"], "Resource": "arn:aws:s3:::*"}
LOGS = {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}


@dataclass(frozen=True)
class Roles:
    """Makes roles, and clients as them."""

    world: World

    def make(self, name: str, *statements: dict[str, Any], service: str = "sagemaker.amazonaws.com") -> str:
        """Return the ARN of a role of ``service`` that may do what the statements say."""
        iam = self.world.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        person = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        document = policy(trust, person) if service == "person" else policy(trust)
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
        if statements:
            allowed = policy(*({"Effect": "Allow", **each} for each in statements))
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=allowed)
        return str(made["Arn"])

    def client(self, service: str, name: str, *statements: dict[str, Any]) -> Any:
        """Return a client as a new role that a person may assume."""
        role = self.make(name, *statements, service="person")
        session = self.world.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return boto3.client(
            service,
            endpoint_url=self.world.endpoint,
            verify=str(self.world.authority),
            region_name=self.world.region,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("rehearsal")
    program = folder / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    with emulated(folder, program=program) as started:
        place = {"LocationConstraint": started.region}
        started.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        yield started


@pytest.fixture(scope="session")
def roles(world: World) -> Roles:
    return Roles(world)


@pytest.fixture(scope="session")
def job_role(roles: Roles) -> str:
    return roles.make("jobs", DATA, LOGS)


@pytest.fixture(scope="session")
def sagemaker(world: World) -> Any:
    return world.client("sagemaker")


@pytest.fixture(scope="session")
def put(world: World) -> Callable[..., None]:
    """Put objects into the lake, as text."""
    s3 = world.client("s3")

    def objects(**contents: str) -> None:
        for key, content in contents.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=content.encode())

    return objects


@contextmanager
def heard(world: World, kind: str) -> Iterator[Callable[[int], list[dict[str, Any]]]]:
    """Listen to SageMaker's events of a kind; what is given waits for so many and returns their details, in order."""
    sqs, events, name = world.client("sqs"), world.client("events"), f"heard-{uuid.uuid4().hex[:8]}"
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    send = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy({**send, "Resource": arn})})
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.sagemaker"], "detail-type": [kind]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])

    def details(count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        until = time.monotonic() + 10
        while len(found) < count and time.monotonic() < until:
            for each in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                found.append(json.loads(each["Body"])["detail"])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        return found

    yield details
    events.remove_targets(Rule=name, Ids=["1"])
    events.delete_rule(Name=name)


def ended(describe: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
    """Return a job's description when it has ended."""
    for _ in range(600):
        job = describe()
        if job[status] not in {"InProgress", "Stopping"}:
            return job
        time.sleep(0.05)
    raise AssertionError(f"still {job[status]}: {job}")
