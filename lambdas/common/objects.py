"""JSON objects in the lake's bucket, created once or replaced by compare-and-swap on their ETag."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lambdas.common.errors import ContendedError, FlowError

# Two functions that change the same object meet once or twice, not ten times.
_ATTEMPTS = 10
# Somebody was first (412), or is writing at this moment (409).
_LOST = {"PreconditionFailed", "ConditionalRequestConflict"}
_ABSENT = {"NoSuchKey", "404"}


@dataclass(frozen=True)
class Stored:
    """The bytes of an object, and the ETag by which they are replaced."""

    body: bytes
    etag: str

    def json(self) -> dict[str, Any]:
        """Return the object as JSON."""
        value: dict[str, Any] = json.loads(self.body)
        return value


class Objects:
    """Objects of one bucket."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def read(self, key: str) -> Stored | None:
        """Return the object at ``key``, or None where there is none."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise
        return Stored(answer["Body"].read(), answer["ETag"])

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            yield from (each["Key"] for each in page.get("Contents", []))

    def get(self, key: str) -> dict[str, Any]:
        """Return the JSON object at ``key``.

        Raises:
            FlowError: there is none.

        """
        found = self.read(key)
        if found is None:
            raise FlowError(f"s3://{self._bucket}/{key}: is missing")
        return found.json()

    def replace(self, key: str, value: Any) -> None:
        """Write the object at ``key``, whatever was there."""
        self._put(key, value)

    def create(self, key: str, value: Mapping[str, Any]) -> Stored | None:
        """Write the object at ``key`` unless there is one; return the one that was there, None for one's own.

        A lost answer looks like somebody else's object: compare what was there with what was to be written.
        """
        for _ in range(_ATTEMPTS):
            if self._put(key, value, IfNoneMatch="*"):
                return None
            found = self.read(key)
            if found is not None:
                return found
        raise ContendedError(f"s3://{self._bucket}/{key}: written and removed by others, {_ATTEMPTS} times")

    def update(self, key: str, change: Callable[[dict[str, Any] | None], Mapping[str, Any] | None]) -> None:
        """Replace the object at ``key`` by what ``change`` makes of it; None leaves it as it is.

        ``change`` gets None where there is no object yet. It is asked again whenever somebody else was faster, so it
        must recognise what it did itself.

        Raises:
            ContendedError: somebody else was faster each time.

        """
        for _ in range(_ATTEMPTS):
            found = self.read(key)
            new = change(None if found is None else found.json())
            if new is None:
                return
            condition = {"IfNoneMatch": "*"} if found is None else {"IfMatch": found.etag}
            if self._put(key, new, **condition):
                return
        raise ContendedError(f"s3://{self._bucket}/{key}: changed by others, {_ATTEMPTS} times")

    def _put(self, key: str, value: Any, **condition: str) -> bool:
        """Write under a condition; return whether it held."""
        body = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).encode()
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json", **condition)
        except ClientError as error:
            # An object that is to be replaced and is gone answers as if it was not found.
            if _code(error) in _LOST | _ABSENT:
                return False
            raise
        return True


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
