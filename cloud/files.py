"""Model bundles and pointers in S3."""

from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import ClientError

from cloud.aws import client, code_of, named, place_of

_CHUNK = 1 << 20


class S3Files:
    """Objects below ``s3://bucket/prefix``, read only."""

    def __init__(self, address: str) -> None:
        self._bucket, self._prefix = place_of(address, scheme="s3")
        self._s3 = client("s3")

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes; none where there is no such object.

        Raises:
            StoreError: S3 refuses or cannot be reached.

        """
        key = self._key(name)
        with named(f"s3://{self._bucket}/{key}"):
            try:
                body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise
        return body

    def download(self, name: str, target: Path) -> None:
        """Write an object to the file ``target``, a piece at a time.

        Raises:
            StoreError: there is no such object, S3 refuses or cannot be reached.

        """
        key = self._key(name)
        with named(f"s3://{self._bucket}/{key}"), target.open("wb") as file:
            for piece in self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].iter_chunks(_CHUNK):
                file.write(piece)

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names that begin with ``prefix``.

        Raises:
            StoreError: S3 refuses or cannot be reached.

        """
        place = self._key(prefix)
        with named(f"s3://{self._bucket}/{place}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=place):
                yield from (f"{prefix}{each['Key'].removeprefix(place)}" for each in page.get("Contents", []))

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name
