"""Functions: on this interpreter, without layers, as their role, and logging only if it may."""

import io
import json
import sys
import zipfile
from typing import Any, Final

import pytest

from rehearsal.world import World

_CODE: Final = """
import sys
import boto3
import layered_only_in_the_cloud

def handler(event, context):
    print("said", event)
    return {"python": sys.executable, "who": boto3.client("sts").get_caller_identity()["Arn"]}
"""
_MAY_LOG: Final = [
    {"Effect": "Allow", "Action": f"logs:{action}", "Resource": "*"}
    for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")
]


def test_python_is_this_environments_and_the_caller_its_role(world: World) -> None:
    answer = _invoked(world, "here", _CODE.replace("import layered_only_in_the_cloud\n", ""), _MAY_LOG)

    assert answer["python"] == sys.executable
    assert answer["who"] == f"arn:aws:sts::{world.account}:assumed-role/here/here"


def test_a_layer_is_not_what_a_function_finds(world: World) -> None:
    layer = world.client("lambda").publish_layer_version(
        LayerName="libraries",
        Content={"ZipFile": _zipped("python/layered_only_in_the_cloud.py", "")},
    )

    answer = _invoked(world, "layered", _CODE, _MAY_LOG, layers=[layer["LayerVersionArn"]])

    assert "No module named 'layered_only_in_the_cloud'" in answer["errorMessage"]


@pytest.mark.parametrize(("name", "statements"), [("allowed", _MAY_LOG), ("silenced", _MAY_LOG[1:])])
def test_a_log_group_is_made_only_by_a_role_that_may(world: World, name: str, statements: list[Any]) -> None:
    _invoked(world, name, "def handler(event, context):\n    print('said')\n", statements)

    groups = world.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    assert [group["logGroupName"] for group in groups] == ([f"/aws/lambda/{name}"] if statements == _MAY_LOG else [])


def _invoked(world: World, name: str, code: str, statements: list[Any], layers: list[str] | None = None) -> Any:
    iam, functions = world.client("iam"), world.client("lambda")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy([trust]))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=_policy(statements))
    functions.create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.14",
        Handler="code.handler",
        Timeout=30,
        Layers=layers or [],
        Code={"ZipFile": _zipped("code.py", code)},
    )
    return json.loads(functions.invoke(FunctionName=name, Payload=b'{"asked": 1}')["Payload"].read())


def _zipped(name: str, content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def _policy(statements: list[Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
