"""The functions by which CloudFormation empties buckets when their stacks go: each is asked for that."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

from rehearsal.story.stage import Stage
from rehearsal.story.uses import Use, role_name, stacks

_OF_CDK: Final = "CustomS3AutoDeleteObjects"
# The function looks first whether the bucket is one to be emptied. Only without this may it be asked.
_FIRST: Final = "s3:GetBucketTagging"
_ANSWERS: Final = "rehearsal-answers"


def emptiers(stage: Stage) -> Iterator[Use]:
    """Yield the functions that empty buckets."""
    for resources in stacks(stage):
        functions = [_name(each) for each in resources if _is(each, "AWS::Lambda::Function", _OF_CDK)]
        buckets = [_name(each) for each in resources if _is(each, "AWS::S3::Bucket")]
        for name in functions:
            function = stage.client("lambda").get_function_configuration(FunctionName=name)
            yield Use(
                role=role_name(function["Role"]),
                what=f"function {name}, to empty {buckets[0]}",
                again=_ask(stage, name, buckets[0]),
                needs=(_FIRST,),
            )


def _is(resource: dict[str, Any], kind: str, named: str = "") -> bool:
    return bool(resource["ResourceType"] == kind and resource["LogicalResourceId"].startswith(named))


def _name(resource: dict[str, Any]) -> str:
    return str(resource["PhysicalResourceId"])


def _ask(stage: Stage, function: str, bucket: str) -> Callable[[], str | None]:
    def again() -> str | None:
        s3, key = stage.client("s3"), f"{uuid.uuid4()}.json"
        s3.create_bucket(Bucket=_ANSWERS, CreateBucketConfiguration={"LocationConstraint": stage.world.region})
        try:
            # As CloudFormation asks: the answer is put where the event says.
            url = s3.generate_presigned_url("put_object", Params={"Bucket": _ANSWERS, "Key": key})
            event = deletion(bucket, answer_to=url)
            stage.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
            answer = json.loads(s3.get_object(Bucket=_ANSWERS, Key=key)["Body"].read())
            s3.delete_object(Bucket=_ANSWERS, Key=key)
        finally:
            s3.delete_bucket(Bucket=_ANSWERS)
        return None if answer["Status"] == "SUCCESS" else str(answer["Reason"])

    return again


def deletion(bucket: str, *, answer_to: str) -> dict[str, Any]:
    """Return CloudFormation's event when the custom resource of a bucket goes."""
    return {
        "RequestType": "Delete",
        "RequestId": str(uuid.uuid4()),
        "ResponseURL": answer_to,
        "ResourceType": "Custom::S3AutoDeleteObjects",
        "StackId": "rehearsal",
        "LogicalResourceId": "AutoDelete",
        "PhysicalResourceId": bucket,
        "ResourceProperties": {"BucketName": bucket},
    }
