"""The fast pass over a weekly file: one scan, accepted rows to silver Parquet by region."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from config.names import REGION_PARTITION, WEEK_PARTITION
from ml.data.header import Header
from ml.data.rules import Rule
from ml.data.silver import name, quoted, row_rules, silver_columns_sql, source_sql, typed_sql, violation_sql
from ml.use_case import UseCase


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is needed to scan one file: its plain text, header, week, rules and use case."""

    path: Path
    plain: Path
    header: Header
    week: int
    rules: tuple[Rule, ...]
    use_case: UseCase

    @property
    def typed(self) -> str:
        """The typed rows of the file as a query."""
        columns = typed_sql(self.use_case, self.header, week=self.week)
        return f"SELECT {columns} FROM {source_sql(self.plain, self.header)}"

    @property
    def violations(self) -> dict[str, str]:
        """Condition per rule key under which a typed row breaks it."""
        return {rule.key: violation_sql(rule, self.use_case) for rule in row_rules(self.rules)}


def connect(*, scratch: Path, memory_limit: str, threads: int | None) -> DuckDBPyConnection:
    """Return an in-memory DuckDB that spills to ``scratch`` beyond ``memory_limit``."""
    settings: dict[str, Any] = {
        "memory_limit": memory_limit,
        "temp_directory": str(scratch),
        "preserve_insertion_order": "false",
        # Rows a thread gathers before it writes them by partition: few enough to stay in the processor's
        # cache, which takes a fifth off the write's CPU; the files are as large as with the default.
        "partitioned_write_flush_threshold": 60_000,
    }
    if threads is not None:
        settings["threads"] = threads
    return duckdb.connect(":memory:", config=settings)


def stage(connection: DuckDBPyConnection, source: Source, *, folder: Path, scratch: Path) -> tuple[int, int]:
    """Write the accepted rows to ``folder``/store_region=…; return rows scanned and rows accepted.

    Rows are told apart by a partition column rather than a filter: DuckDB would push the filter below the
    projection and parse every cell twice.
    """
    broken = " OR ".join(source.violations.values())
    columns = _stored(source)
    region = name(REGION_PARTITION)
    query = f"""
COPY (
    WITH typed AS ({source.typed})
    SELECT {columns}, CASE WHEN {broken} THEN 1 ELSE 0 END AS dropped FROM typed
) TO {quoted(scratch / "split")} (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dropped, {region}))"""
    scanned = _count(connection, query)
    dropped = rows_in(connection, scratch / "split" / "dropped=1")
    accepted = scratch / "split" / "dropped=0"
    if accepted.is_dir():
        accepted.rename(folder)
    shutil.rmtree(scratch / "split", ignore_errors=True)
    return scanned, scanned - dropped


def restage(connection: DuckDBPyConnection, source: Source, *, folder: Path, scratch: Path) -> int:
    """Rewrite staged silver without exact repeats of a line; return the rows that are left.

    Only baskets in the table ``suspicious`` (basket_id) are looked at: all others have a product once.
    """
    staged = read_staged(folder, week=source.week)
    columns = _stored(source)
    region = name(REGION_PARTITION)
    query = f"""
COPY (
    SELECT {columns} FROM {staged} WHERE basket_id NOT IN (SELECT basket_id FROM suspicious)
    UNION ALL
    SELECT DISTINCT {columns} FROM {staged} WHERE basket_id IN (SELECT basket_id FROM suspicious)
) TO {quoted(scratch / "distinct")} (FORMAT parquet, COMPRESSION zstd, PARTITION_BY ({region}))"""
    left = _count(connection, query)
    shutil.rmtree(folder)
    (scratch / "distinct").rename(folder)
    return left


def read_staged(folder: Path, *, week: int) -> str:
    """Return staged silver as a table expression, its week column included."""
    files = f"read_parquet({quoted(folder / '*' / '*.parquet')}, hive_partitioning = true)"
    return f"(SELECT *, {week} AS {WEEK_PARTITION} FROM {files})"


def enumerated(connection: DuckDBPyConnection, source: Source, *, folder: Path, columns: Sequence[str]) -> str:
    """Return ``read_staged`` with the text columns among ``columns``, and the label, as enums.

    Parquet keeps such columns as dictionaries, so the cast costs next to nothing, while grouping, minima and
    lists of numbers take half the time and memory of text. Values are sorted: the least number is the least
    text.
    """
    staged = read_staged(folder, week=source.week)
    chosen = []
    for column in source.use_case.columns:
        wanted = column.name in columns or column.name == source.use_case.label.column
        if column.type != "text" or not wanted or column.name in source.header.absent:
            continue
        kind, cell = name(f"values of {column.name}"), name(column.name)
        connection.execute(f"DROP TYPE IF EXISTS {kind}")
        if column.allowed is None:
            found = f"SELECT DISTINCT {cell} AS value FROM {staged} WHERE value IS NOT NULL ORDER BY value"
        else:
            found = ", ".join(quoted(each) for each in sorted(column.allowed))
        connection.execute(f"CREATE TYPE {kind} AS ENUM ({found})")
        chosen.append(f"CAST({cell} AS {kind}) AS {cell}")
    return f"(SELECT * REPLACE ({', '.join(chosen)}) FROM {staged})"


def rows_in(connection: DuckDBPyConnection, folder: Path) -> int:
    """Return the rows of all Parquet files below ``folder``, from their footers."""
    if not folder.is_dir():
        return 0
    return _count(
        connection,
        f"SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata({quoted(folder / '**' / '*.parquet')})",
    )


def _stored(source: Source) -> str:
    """Silver's columns; the week is the folder's name."""
    return silver_columns_sql(source.use_case, source.header, without=WEEK_PARTITION)


def _count(connection: DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
