"""Transaction lines for reports: a week at a time, typed as far as they can be, nothing dropped.

The ETL decides what is good enough to learn from; a report wants to show what is there. So what cannot be
read as a column's type is left out as missing here, and no rule is applied.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from config.names import WEEK_PARTITION
from ml.data.header import read_header, week_of
from ml.data.inputs import collect_inputs
from ml.errors import DataError
from ml.use_case import Column, UseCase

_TYPES = {"week": "INTEGER", "date": "DATE", "integer": "BIGINT", "money": "BIGINT", "text": "VARCHAR"}
_MEMORY_LIMIT = "1GB"


@dataclass(frozen=True)
class WeekSource:
    """One week's lines: a file as it came, or a week's folder of silver."""

    week: int
    path: Path


def find_weeks(inputs: Sequence[Path], *, use_case: UseCase) -> list[WeekSource]:
    """Return the weeks in ``inputs`` in order.

    Args:
        inputs: weekly files, folders of them, or the lake's folder of silver transactions.
        use_case: says what a weekly file is.

    Raises:
        DataError: an input does not exist, or there is no weekly file in any.

    """
    silver = [path for path in inputs if next(path.glob(f"{WEEK_PARTITION}=*/**/*.parquet"), None)]
    found = [
        WeekSource(int(week.name.partition("=")[2]), week)
        for folder in silver
        for week in folder.glob(f"{WEEK_PARTITION}=*")
    ]
    files = [path for path in inputs if path not in silver]
    if files or not found:
        found += [WeekSource(week_of(file, use_case=use_case), file) for file in collect_inputs(files)]
    return sorted(found, key=lambda source: (source.week, source.path.name))


@contextmanager
def scratch_database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection whose tables lie in the existing ``folder``, so that memory stays bounded."""
    connection = duckdb.connect(str(folder / "scratch.duckdb"))
    try:
        connection.execute(f"SET memory_limit = '{_MEMORY_LIMIT}'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()


def lines_of(source: WeekSource, *, use_case: UseCase) -> str:
    """Return SQL for the lines of ``source``: the use case's columns by name, money in pennies.

    A column that the source lacks is NULL throughout.

    Raises:
        DataError: the file's header cannot be used.

    """
    if source.path.is_dir():
        present = f"read_parquet('{_quoted(source.path)}/**/*.parquet', hive_partitioning = true)"
        names = [column.name for column in use_case.columns]
        # BY NAME against an empty table of all columns: an older silver may lack the optional ones.
        empty = ", ".join(f"NULL::{_TYPES[column.type]} AS {column.name}" for column in use_case.columns)
        return f"SELECT {', '.join(names)} FROM (SELECT {empty} WHERE false UNION ALL BY NAME FROM {present})"
    header = read_header(source.path, use_case=use_case, require_label=False)
    columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(header.names)))
    cells = ", ".join(
        f"{_typed(column, f'c{header.position[column.name]}')} AS {column.name}"
        if column.name in header.position
        else f"NULL::{_TYPES[column.type]} AS {column.name}"
        for column in use_case.columns
    )
    return (
        f"SELECT {cells} FROM read_csv('{_quoted(source.path)}', auto_detect = false, header = true, "
        f"delim = ',', quote = '\"', escape = '\"', columns = {{{columns}}}, null_padding = true, "
        "strict_mode = false, ignore_errors = true)"
    )


@contextmanager
def reading(source: WeekSource) -> Iterator[None]:
    """Turn what DuckDB says of an unreadable ``source`` into a DataError that names it."""
    try:
        yield
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{source.path}: cannot be read: {reason}; fetch the file again") from error


def _typed(column: Column, cell: str) -> str:
    if column.type == "text":
        if not column.recode:
            return cell
        cases = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in column.recode.items())
        return f"CASE {cell} {cases} ELSE {cell} END"
    if column.type == "date":
        return f"try_strptime({cell}, '%Y%m%d')::DATE"
    if column.type == "money":
        return f"round(100 * TRY_CAST({cell} AS DECIMAL(18, 4)))::BIGINT"
    return f"TRY_CAST({cell} AS {_TYPES[column.type]})"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
