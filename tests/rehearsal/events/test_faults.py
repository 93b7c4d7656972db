"""Disturbances: they come when they are asked for, end by themselves, and are what AWS's own look like."""

import io
import json
import threading
import zipfile
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.control import ask
from rehearsal.processes import RehearsalError
from rehearsal.world import World
from tests.rehearsal.events.shared import messages, queue, role, until

LOCATION = {"LocationConstraint": "ap-southeast-1"}


def impatient(world: World) -> Any:
    """A client of S3 that does not try again."""
    return boto3.client(
        "s3",
        endpoint_url=world.endpoint,
        verify=str(world.authority),
        region_name=world.region,
        aws_access_key_id=world.access_key,
        aws_secret_access_key=world.secret_key,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


def test_s3_is_too_busy_for_keys_with_a_prefix_until_it_is_not(world: World) -> None:
    s3 = impatient(world)
    s3.create_bucket(Bucket="busy", CreateBucketConfiguration=LOCATION)

    ask(world, "faults/slow-down", seconds=60, prefix="busy/models/")
    with pytest.raises(ClientError, match="SlowDown"):
        s3.put_object(Bucket="busy", Key="models/a b", Body=b"1")
    s3.put_object(Bucket="busy", Key="raw/a", Body=b"1")
    refused = ask(world, "faults/slow-down", seconds=0)["refused"]

    assert refused == {"PUT": 1}
    s3.put_object(Bucket="busy", Key="models/a b", Body=b"1")


def test_events_come_twice_and_the_latest_first(world: World) -> None:
    events = world.client("events")
    url, arn = queue(world, "twice", service="events")
    events.put_rule(Name="twice", EventPattern=json.dumps({"source": ["twice"]}))
    events.put_targets(Rule="twice", Targets=[{"Id": "queue", "Arn": arn, "InputPath": "$.detail.number"}])

    def put(*numbers: int) -> None:
        entries = [{"Source": "twice", "DetailType": "x", "Detail": json.dumps({"number": each})} for each in numbers]
        events.put_events(Entries=entries)

    ask(world, "faults/events", seconds=60, hold=0.5)
    put(1, 2, 3)
    found: list[Any] = []
    while len(found) < 6:
        found += until(lambda: messages(world, url))
    counted = ask(world, "faults/events", seconds=0)
    put(4)
    (last,) = until(lambda: messages(world, url))

    assert found == [3, 3, 2, 2, 1, 1]
    assert counted == {"twice": 3}
    assert last == 4


def test_a_function_is_killed_while_it_runs_and_runs_again_afterwards(world: World) -> None:
    functions = world.client("lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("own.py", "import time\ndef handler(event, _):\n    time.sleep(event)\n    return 'done'\n")
    functions.create_function(
        FunctionName="sleeper",
        Runtime="python3.12",
        Handler="own.handler",
        Role=role(world, "sleeper", service="lambda"),
        Timeout=60,
        Code={"ZipFile": code.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="sleeper")
    answers: list[Any] = []

    def invoke() -> None:
        answers.append(functions.invoke(FunctionName="sleeper", Payload=b"50"))

    caller = threading.Thread(target=invoke)
    caller.start()
    killed = ask(world, "faults/kill-function", function="sleeper", seconds=30)
    caller.join(30)

    assert killed["killed"] > 1
    assert answers[0]["FunctionError"] == "Unhandled"
    assert b"signal: killed" in answers[0]["Payload"].read()
    assert functions.invoke(FunctionName="sleeper", Payload=b"0")["Payload"].read() == b'"done"'
    with pytest.raises(RehearsalError, match="sleeper did not run within that time"):
        ask(world, "faults/kill-function", function="sleeper", seconds=0.05)


def test_who_does_not_know_the_token_is_refused(world: World) -> None:
    token = world.folder / "aws" / "control.token"
    right = token.read_text(encoding="utf-8")
    token.write_text("another", encoding="utf-8")
    try:
        with pytest.raises(RehearsalError, match=r"not what control\.token says"):
            ask(world, "faults/slow-down", seconds=1)
    finally:
        token.write_text(right, encoding="utf-8")
