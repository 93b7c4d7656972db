"""Captured predictions to S3, an object per batch, or to a Firehose stream."""

import gzip
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from cloud.aws import client, named, place_of
from ml.errors import StoreError

# Firehose's own limits: of a record, and of one call in records and bytes.
_RECORD_BYTES: Final = 1_024_000
_CALL_RECORDS: Final = 500
_CALL_BYTES: Final = 4 * 1024 * 1024


class S3Sink:
    """Gzipped JSON lines, an object per write, by day (UTC): ``s3://bucket/prefix/2026/03/04/050607-….jsonl.gz``."""

    def __init__(self, address: str) -> None:
        self._bucket, self._prefix = place_of(address, scheme="s3")
        self._s3 = client("s3")

    def write(self, lines: Sequence[bytes]) -> int:
        """Put ``lines`` as one object, under the key that the bucket gives by default; none is lost.

        Raises:
            StoreError: S3 refuses or cannot be reached.

        """
        name = f"{datetime.now(UTC):%Y/%m/%d/%H%M%S}-{uuid.uuid4().hex}.jsonl.gz"
        key = f"{self._prefix}/{name}" if self._prefix else name
        with named(f"s3://{self._bucket}/{key}"):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=gzip.compress(b"\n".join(lines) + b"\n", compresslevel=5),
                ContentType="application/x-ndjson",
                ContentEncoding="gzip",
            )
        return 0


class FirehoseSink:
    """A Firehose stream ``firehose://name``: a record per line."""

    def __init__(self, address: str) -> None:
        self._stream, _ = place_of(address, scheme="firehose")
        self._firehose = client("firehose")

    def write(self, lines: Sequence[bytes]) -> int:
        """Put ``lines``; return how many Firehose did not take, asked twice.

        Raises:
            StoreError: Firehose refuses all of them or cannot be reached.

        """
        lost, refusal = len(lines), None
        for records in _calls(lines):
            try:
                lost -= len(records) - self._put(records)
            except StoreError as error:
                refusal = error
        if refusal is not None and lost == len(lines):
            raise refusal
        return lost

    def _put(self, records: list[bytes]) -> int:
        """Put records in one call, and once more those that were refused; return how many are lost."""
        for _ in range(2):
            with named(f"firehose://{self._stream}"):
                answer = self._firehose.put_record_batch(
                    DeliveryStreamName=self._stream, Records=[{"Data": record} for record in records]
                )
            if not answer["FailedPutCount"]:
                return 0
            results = zip(records, answer["RequestResponses"], strict=True)
            records = [record for record, result in results if result.get("ErrorCode")]
        return len(records)


def _calls(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield the records of each call; a line that is larger than a record may be is left out."""
    records: list[bytes] = []
    size = 0
    for line in lines:
        record = line + b"\n"
        if len(record) > _RECORD_BYTES:
            continue
        if records and (len(records) == _CALL_RECORDS or size + len(record) > _CALL_BYTES):
            yield records
            records, size = [], 0
        records.append(record)
        size += len(record)
    if records:
        yield records
