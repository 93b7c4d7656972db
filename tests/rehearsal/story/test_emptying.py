"""The function that empties a bucket is asked as CloudFormation asks, and its answer is read where it puts it."""

import json
from typing import Any, Final

import pytest

from config.settings import load_environment
from rehearsal.story.denials import denied, refusal
from rehearsal.story.emptying import emptiers
from rehearsal.story.uses import Use
from rehearsal.world import World
from tests.rehearsal.story.stages import stage_of

STACK: Final = "mlops-dev-store"
# What CDK's own does, which is in JavaScript: looks at the bucket, empties it, and puts what came of it.
CODE: Final = """
import json
import urllib.request
import boto3

def handler(event, context):
    s3, bucket = boto3.client("s3"), event["ResourceProperties"]["BucketName"]
    answer = {"Status": "SUCCESS"}
    try:
        s3.get_bucket_tagging(Bucket=bucket)
        s3.delete_object(Bucket=bucket, Key="kept")
    except Exception as error:
        answer = {"Status": "FAILED", "Reason": str(error)}
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request).close()
"""


def template() -> dict[str, Any]:
    """Return a stack with a bucket, and what CDK adds for one that goes with all that is in it."""
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    allowed = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    return {
        "Resources": {
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "Properties": {"BucketName": "store", "Tags": [{"Key": "a", "Value": "b"}]},
            },
            "CustomS3AutoDeleteObjectsRole": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": "emptier",
                    "AssumeRolePolicyDocument": trust,
                    "Policies": [{"PolicyName": "all", "PolicyDocument": allowed}],
                },
            },
            "CustomS3AutoDeleteObjectsHandler": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Code": {"ZipFile": CODE},
                    "Handler": "index.handler",
                    "Runtime": "python3.13",
                    "Timeout": 30,
                    "Role": {"Fn::GetAtt": ["CustomS3AutoDeleteObjectsRole", "Arn"]},
                },
            },
        }
    }


@pytest.fixture(scope="module")
def use(world: World) -> Use:
    """The one role of the stack that empties something."""
    cloudformation = world.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK, TemplateBody=json.dumps(template()), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    world.client("s3").put_object(Bucket="store", Key="kept", Body=b"x")
    (found,) = emptiers(stage_of(world=world, settings=load_environment("dev")))
    return found


def test_without_what_it_needs_first_it_says_so_and_empties_nothing(world: World, use: Use) -> None:
    (action,) = use.needs
    with denied(world.client("iam"), use.role, action):
        said = use.again()

    assert use.role == "emptier"
    assert refusal(said or "", action)
    assert world.client("s3").list_objects_v2(Bucket="store")["KeyCount"] == 1


def test_with_all_permissions_it_does_what_it_is_for_and_leaves_no_bucket_of_answers(world: World, use: Use) -> None:
    assert use.again() is None

    assert world.client("s3").list_objects_v2(Bucket="store")["KeyCount"] == 0
    assert [each["Name"] for each in world.client("s3").list_buckets()["Buckets"]] == ["store"]
