"""The emulator's process: where it writes, whom it lets in, how it ends."""

import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import emulated
from rehearsal.world import World


def test_the_administrator_is_a_user_of_the_account_and_not_its_root(world: World) -> None:
    assert world.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{world.account}:user/administrator"


@pytest.mark.parametrize("key", ["test", "000000000000", "AKIAIOSFODNN7EXAMPLE"])
def test_a_key_that_was_not_issued_is_refused(world: World, key: str) -> None:
    stranger = boto3.client(
        "s3",
        endpoint_url=world.endpoint,
        verify=str(world.authority),
        region_name=world.region,
        aws_access_key_id=key,
        aws_secret_access_key="test",
    )

    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        stranger.list_buckets()


def test_a_request_without_a_signature_is_refused(world: World) -> None:
    trusting = ssl.create_default_context(cafile=str(world.authority))

    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(world.endpoint, context=trusting)


def test_a_role_may_do_what_its_policy_says_and_no_more(world: World) -> None:
    iam, sts = world.client("iam"), world.client("sts")
    administrator = sts.get_caller_identity()["Arn"]
    trust = _policy(Action="sts:AssumeRole", Principal={"AWS": administrator})
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    reads = _policy(Action="s3:ListAllMyBuckets", Resource="*")
    iam.put_role_policy(RoleName="reader", PolicyName="reads", PolicyDocument=reads)
    session = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    reader = boto3.client(
        "s3",
        endpoint_url=world.endpoint,
        verify=str(world.authority),
        region_name=world.region,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )

    reader.list_buckets()
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:CreateBucket"):
        reader.create_bucket(Bucket="not-allowed", CreateBucketConfiguration={"LocationConstraint": world.region})


def test_two_run_side_by_side_and_know_nothing_of_each_other(world: World, tmp_path: Path) -> None:
    location = {"LocationConstraint": world.region}

    with emulated(tmp_path) as other:
        other.client("s3").create_bucket(Bucket="of-the-other", CreateBucketConfiguration=location)

        assert "of-the-other" not in [bucket["Name"] for bucket in world.client("s3").list_buckets()["Buckets"]]


def test_what_it_writes_is_below_its_folder_and_it_ends_with_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-the-user")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))

    with emulated(tmp_path / "world") as world:
        assert str(world.authority).startswith(str(tmp_path / "world"))
        assert world.load(tmp_path / "world") == world
        assert world.client("sts").get_caller_identity()["Account"] == world.account

    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(world.endpoint)


def test_it_ends_with_whoever_started_it_even_if_that_one_is_killed(tmp_path: Path) -> None:
    source = "import sys, time, pathlib; from rehearsal.aws import emulated\n"
    source += "with emulated(pathlib.Path(sys.argv[1])) as world: print(world.endpoint, flush=True); time.sleep(60)"
    driver = subprocess.Popen([sys.executable, "-c", source, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    port = int(driver.stdout.readline().rsplit(":", 1)[1])

    driver.kill()
    driver.wait()

    until = time.monotonic() + 20
    while _answers(port):
        assert time.monotonic() < until, "the emulator outlives its driver"
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def _policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
