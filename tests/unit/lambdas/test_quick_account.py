"""The quick account answers as moto does."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.flow import Account, clients, quick_account


def outcomes(cloud: Account, s3: Any) -> list[str]:
    """Return what came of writes under each condition, in the same states."""
    results = []

    def put(key: str, body: bytes, **condition: str) -> str:
        try:
            etag: str = s3.put_object(Bucket="mlops-test-lake", Key=key, Body=body, **condition)["ETag"]
        except ClientError as error:
            etag = str(error.response["Error"]["Code"])
        results.append(etag)
        return etag

    first = put("a", b"1", IfNoneMatch="*")
    put("a", b"2", IfNoneMatch="*")
    put("a", b"3", IfMatch='"other"')
    put("a", b"4", IfMatch=first)
    put("a", b"5", IfMatch=first)
    put("none", b"6", IfMatch=first)
    put("a", b"7")
    answer = s3.get_object(Bucket="mlops-test-lake", Key="a")
    results += [answer["ETag"], answer["Body"].read().decode()]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="mlops-test-lake", Key="none")
    results.append(str(error.value.response["Error"]["Code"]))
    cloud.set_status("v1", "Rejected")
    return [*results, cloud.status("v1"), cloud.status("v2")]


def test_conditions_and_approvals(cloud: Account) -> None:
    with quick_account() as quick:
        for version in ("v1", "v2"):
            quick.add_version(version)
        answered = outcomes(quick, quick.clients.of("s3"))

    assert answered == outcomes(cloud, clients().of("s3"))
    assert answered.count("PreconditionFailed") == 3
    assert "NoSuchKey" in answered
