"""Features on their way into a feature store: the port of a store, and gold's baskets as its records."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import duckdb

from config.names import BASKETS, EVENT_TIME, WEEK_PARTITION
from ml.errors import DataError

# The entry-point group of the adapters: scheme = callable of the address.
FEATURE_STORE: Final = "mlops.features"
_BATCH: Final = 10_000

# A feature's value by its name, None where there is none. The first one identifies the record.
Record = Mapping[str, int | str | None]


class FeatureGroup(Protocol):
    """Where records go."""

    def put(self, records: Iterable[Record]) -> None:
        """Put all records; the same record and event time again replaces what it was.

        Raises:
            StoreError: one cannot be put; others may have been.

        """


def in_store_time(when: datetime) -> str:
    """Return a time as event times are written: ISO 8601, UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def basket_files(gold: Path, week: int) -> list[str]:
    """Return the Parquet files of a week's baskets.

    Raises:
        DataError: there is none.

    """
    folder = gold / BASKETS / f"{WEEK_PARTITION}={week}"
    files = sorted(str(path) for path in folder.glob("*.parquet"))
    if not files:
        raise DataError(f"{folder}: no gold data for week {week}; run the ETL on its file first")
    return files


def records_of(files: list[str], *, known_at: datetime) -> Iterator[Record]:
    """Yield gold's baskets in ``files`` as records that were known at a time, in order of their id.

    Columns are gold's, then event_time. Whole numbers stay numbers; all else is text: a list as JSON, a date as
    YYYY-MM-DD.
    """
    event_time = in_store_time(known_at)
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        source = "read_parquet($files, hive_partitioning = false)"
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}", {"files": files}).fetchall()
        names = [name for name, *_ in described]
        columns = ", ".join(_as_stored(name, kind) for name, kind, *_ in described)
        rows = connection.execute(f"SELECT {columns} FROM {source} ORDER BY {names[0]}", {"files": files})
        while batch := rows.fetchmany(_BATCH):
            for row in batch:
                yield {**dict(zip(names, row, strict=True)), EVENT_TIME: event_time}


def _as_stored(name: str, kind: str) -> str:
    if kind in {"INTEGER", "BIGINT"}:
        return name
    if kind.endswith("[]"):
        return f"CAST(to_json({name}) AS VARCHAR) AS {name}"
    return f"CAST({name} AS VARCHAR) AS {name}"
