"""What ministack leaves out of a template's buckets: encryption, lifecycle, access log, ownership and tags."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import botocore.session
from botocore.serialize import create_serializer
from ministack.services import s3
from ministack.services.cloudformation import provisioners

Value = Any
_MODEL: Final = botocore.session.get_session().get_service_model("s3")
_SERIALIZER: Final = create_serializer("rest-xml", include_validation=False)


def install() -> None:
    """Let ministack put these by the API's own requests, and take them away when a template drops them."""
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        ("BucketEncryption", _body("PutBucketEncryption", _encryption), _put_encryption, s3._delete_bucket_encryption),
        (
            "LifecycleConfiguration",
            _body("PutBucketLifecycleConfiguration", _lifecycle),
            s3._put_bucket_lifecycle,
            s3._delete_bucket_lifecycle,
        ),
        (
            "LoggingConfiguration",
            _body("PutBucketLogging", _logging),
            s3._put_bucket_logging,
            lambda name: s3._put_bucket_logging(name, b"<BucketLoggingStatus/>"),
        ),
        (
            "OwnershipControls",
            _body("PutBucketOwnershipControls", lambda value: {"OwnershipControls": value}),
            s3._put_bucket_ownership_controls,
            s3._delete_bucket_ownership_controls,
        ),
        (
            "Tags",
            _body("PutBucketTagging", lambda value: {"Tagging": {"TagSet": value}}),
            s3._put_bucket_tagging,
            s3._delete_bucket_tagging,
        ),
    )


def _body(operation: str, request: Callable[[Value], dict[str, Any]]) -> Callable[[Value], bytes]:
    """Return what makes a property the XML that the API's operation takes."""

    def serialize(value: Value) -> bytes:
        model = _MODEL.operation_model(operation)
        body: bytes = _SERIALIZER.serialize_to_request({"Bucket": "of-the-template", **request(value)}, model)["body"]
        return body

    return serialize


def _encryption(value: Value) -> dict[str, Any]:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": str(rule.get("BucketKeyEnabled", False)).lower() == "true",
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _put_encryption(name: str, body: bytes) -> None:
    # Without a key it is S3's own key in KMS, which the emulator does not have.
    if b"aws:kms" not in body or b"KMSMasterKeyID" in body:
        s3._put_bucket_encryption(name, body)


def _lifecycle(value: Value) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [_rule(rule) for rule in value["Rules"]]}}


_OF_A_RULE: Final = ("Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {name: rule[name] for name in _OF_A_RULE if name in rule}
    made["Filter"] = {"Prefix": rule.get("Prefix", "")}
    if "Id" in rule:
        made["ID"] = rule["Id"]
    if "Transitions" in rule:
        made["Transitions"] = [
            {"StorageClass": each["StorageClass"], "Days": int(each["TransitionInDays"])}
            for each in rule["Transitions"]
        ]
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    elif "ExpiredObjectDeleteMarker" in rule:
        made["Expiration"] = {"ExpiredObjectDeleteMarker": bool(rule["ExpiredObjectDeleteMarker"])}
    return made


def _logging(value: Value) -> dict[str, Any]:
    enabled = {"TargetBucket": value["DestinationBucketName"], "TargetPrefix": value.get("LogFilePrefix", "")}
    return {"BucketLoggingStatus": {"LoggingEnabled": enabled}}
