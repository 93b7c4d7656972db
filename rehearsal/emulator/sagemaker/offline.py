"""The offline half of a feature group: every record ever put, as Parquet in S3, written by the group's role."""

import io
import logging
import secrets
import string
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.emulator.sagemaker.state import Item
from rehearsal.emulator.sagemaker.transfer import Place

_LOG: Final = logging.getLogger("sagemaker")
# So long after the last record of several they are written; in AWS within 15 minutes.
_SECONDS: Final = 2.0
_LETTERS: Final = string.ascii_letters + string.digits
_KINDS: Final = {"Integral": int, "Fractional": float, "String": str}


class OfflineStore:
    """Collects records, and writes those of an hour of event time into a file."""

    def __init__(self, s3: Any, group: Item) -> None:
        self._s3 = s3
        self._group = group
        self._kinds = {each["FeatureName"]: each["FeatureType"] for each in group["FeatureDefinitions"]}
        self._lock = threading.Lock()
        self._waiting: list[tuple[datetime, Item]] = []
        self._last = 0.0
        self._timer: threading.Timer | None = None

    def add(self, record: dict[str, str], *, at: datetime, deleted: bool) -> None:
        """Take a record, features as text, with its event time."""
        typed = {name: _KINDS[kind](record[name]) if name in record else None for name, kind in self._kinds.items()}
        row: Item = {**typed, "api_invocation_time": datetime.now(UTC), "is_deleted": deleted}
        with self._lock:
            self._waiting.append((at, row))
            self._last = time.monotonic()
            if self._timer is None:
                self._wake(_SECONDS)

    def _wake(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        """Write what has come together, unless more is coming."""
        with self._lock:
            quiet = time.monotonic() - self._last
            if quiet < _SECONDS:
                self._wake(_SECONDS - quiet)
                return
            rows, self._waiting, self._timer = self._waiting, [], None
        self._write(rows)

    def _write(self, rows: list[tuple[datetime, Item]]) -> None:
        hours: dict[str, list[tuple[datetime, Item]]] = defaultdict(list)
        for at, row in rows:
            hours[at.strftime("year=%Y/month=%m/day=%d/hour=%H")].append((at, row))
        place = Place.of(self._group["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"])
        for hour, some in hours.items():
            latest = max(at for at, _ in some).strftime("%Y%m%dT%H%M%SZ")
            name = f"{latest}_{''.join(secrets.choice(_LETTERS) for _ in range(16))}.parquet"
            try:
                self._put(place.below(f"{hour}/{name}"), [row for _, row in some])
            except (ClientError, BotoCoreError) as error:
                _LOG.warning("feature group %s: %s", self._group["FeatureGroupName"], error)
                self._group["OfflineStoreStatus"] = {"Status": "Blocked", "BlockedReason": str(error)}
                return
        self._group["OfflineStoreStatus"] = {"Status": "Active"}

    def _put(self, place: Place, rows: list[Item]) -> None:
        # Only a rehearsal that puts records needs it.
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {"Integral": pa.int64(), "Fractional": pa.float64(), "String": pa.string()}
        time = pa.timestamp("us", tz="UTC")
        columns = {name: pa.array([row[name] for row in rows], types[kind]) for name, kind in self._kinds.items()}
        columns["api_invocation_time"] = pa.array([row["api_invocation_time"] for row in rows], time)
        columns["is_deleted"] = pa.array([row["is_deleted"] for row in rows], pa.bool_())
        columns["write_time"] = pa.array([datetime.now(UTC)] * len(rows), time)
        file = io.BytesIO()
        pq.write_table(pa.table(columns), file)
        key_id = self._group["OfflineStoreConfig"]["S3StorageConfig"].get("KmsKeyId")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {}
        self._s3.put_object(Bucket=place.bucket, Key=place.key, Body=file.getvalue(), **encryption)
