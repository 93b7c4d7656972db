"""The offline half of a feature store as SageMaker keeps it: every record ever put, in Parquet by event time.

Below a group's own folder lie ``data/year=…/month=…/day=…/hour=…/<latest event time>_<16 letters>.parquet``, the
parts of the time being the event time's. Beside the features each row has write_time, api_invocation_time and
is_deleted; nothing is ever replaced, and who reads chooses the newest.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from config.names import EVENT_TIME
from ml.features.store import Record
from ml.files import new_file

WRITE_TIME: Final = "write_time"
INVOCATION_TIME: Final = "api_invocation_time"
IS_DELETED: Final = "is_deleted"
_ROWS: Final = 100_000


def offline_files(folder: Path) -> list[str]:
    """Return the Parquet files of the records that lie anywhere below ``folder``."""
    return sorted(str(path) for path in folder.glob("**/data/year=*/month=*/day=*/hour=*/*.parquet"))


def latest_sql(*, source: str, identifier: str) -> str:
    """Return the query for each record's newest row of ``source`` with an event time up to ``$as_of``.

    Rows of one event time are told apart as SageMaker documents it: by the later call, then the later write. A
    record whose newest row is a deletion is left out. Adds the columns known_at (the event time) and newest.
    """
    return f"""
SELECT * FROM (
    SELECT *, row_number() OVER (
        PARTITION BY {identifier} ORDER BY known_at DESC, {INVOCATION_TIME} DESC, {WRITE_TIME} DESC
    ) AS newest
    FROM (SELECT *, CAST({EVENT_TIME} AS TIMESTAMPTZ) AS known_at FROM {source})
    WHERE known_at <= CAST($as_of AS TIMESTAMPTZ)
)
WHERE newest = 1 AND NOT {IS_DELETED}"""


class OfflineFolder:
    """A folder as the offline half of a feature group: what can be tried without AWS."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._now = now

    def put(self, records: Iterable[Record]) -> None:
        """Append the records, up to 100,000 to a file; a file holds those of one event time."""
        remaining = iter(records)
        while batch := list(islice(remaining, _ROWS)):
            times = {str(record[EVENT_TIME]) for record in batch}
            for time in sorted(times):
                self._write([record for record in batch if record[EVENT_TIME] == time], datetime.fromisoformat(time))

    def _write(self, records: Sequence[Record], known_at: datetime) -> None:
        now = self._now()
        table = pa.Table.from_pylist([dict(record) for record in records])
        for place, field in enumerate(table.schema):
            # Of a feature that none of the records has, the type is not known.
            if pa.types.is_null(field.type):
                table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
        for name, value in ((WRITE_TIME, now), (INVOCATION_TIME, now), (IS_DELETED, False)):
            table = table.append_column(name, pa.array([value] * len(table)))
        hour = f"year={known_at:%Y}/month={known_at:%m}/day={known_at:%d}/hour={known_at:%H}"
        name = f"{known_at:%Y%m%dT%H%M%SZ}_{uuid.uuid4().hex[:16]}.parquet"
        with new_file(self._folder / "data" / hour / name) as temporary:
            pq.write_table(table, temporary)
