"""The I/O report: the same lines as CSV, JSON Lines and Parquet, written and read back by one engine."""

import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from matplotlib.figure import Figure

from ml.data.weekly_lines import find_weeks, lines_of, reading, scratch_database
from ml.errors import DataError, SettingsError
from ml.files import write_json
from ml.progress import say, track
from ml.reports.figures import PALETTE, embed
from ml.reports.page import render_page
from ml.use_case import UseCase

MOST_ROWS = 3_000_000
ONE_COLUMN = "spend_pennies"
MEASURES = {
    "megabytes": ("Size", "MB"),
    "write_seconds": ("Write all columns", "s"),
    "read_seconds": ("Read all columns", "s"),
    "column_seconds": ("Read one column", "s"),
}


@dataclass(frozen=True)
class Format:
    """A file format as DuckDB writes and reads it; ``{columns}`` stands for names and types."""

    name: str
    file: str
    written: str
    read: str


FORMATS = (
    Format("CSV", "lines.csv", "FORMAT csv, HEADER", "read_csv('{file}', header = true, columns = {columns})"),
    Format("JSON Lines", "lines.jsonl", "FORMAT json", "read_json('{file}', format = 'nd', columns = {columns})"),
    Format("Parquet (zstd)", "lines.parquet", "FORMAT parquet, COMPRESSION zstd", "read_parquet('{file}')"),
)


def io_report(inputs: Sequence[Path], *, target: Path, work: Path, use_case: UseCase, repeats: int = 3) -> Path:
    """Write a self-contained page to ``target`` and its figures to ``io.json`` beside it.

    The lines of ``inputs`` (the first ``MOST_ROWS`` of them) are written and read back ``repeats`` times in
    each format, formats alternating so that a busy moment of the machine meets all of them; medians count.
    Every reading parses all values it asks for, with the types given, from files in the page cache.

    Args:
        inputs: weekly files, folders of them, or the lake's folder of silver transactions.
        target: the page, such as ``reports/io.html``.
        work: folder for the files that are measured; they are deleted afterwards.
        use_case: names the columns.
        repeats: how often each figure is measured.

    Returns:
        ``target``.

    Raises:
        DataError: there is no weekly file, one cannot be read, or all are empty.
        SettingsError: ``repeats`` is less than 1.

    """
    if repeats < 1:
        raise SettingsError(f"repeats: {repeats} is less than 1; each figure is measured at least once")
    sources = find_weeks(inputs, use_case=use_case)
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as scratch, scratch_database(Path(scratch)) as connection:
        rows = 0
        for source in track(sources, label="reading weeks"):
            start = "INSERT INTO lines" if rows else "CREATE OR REPLACE TABLE lines AS"
            with reading(source):
                query = lines_of(source, use_case=use_case)
                connection.execute(f"{start} SELECT * FROM ({query}) LIMIT {MOST_ROWS - rows}")
            rows = connection.execute("SELECT count(*) FROM lines").fetchall()[0][0]
            if rows >= MOST_ROWS:
                say(f"  stopping at {rows:,} lines, enough to measure")
                break
        if rows == 0:
            raise DataError(f"{sources[0].path}: there are no lines to measure below the header")
        runs = _measure(connection, Path(scratch), repeats=repeats)
        threads = connection.execute("SELECT current_setting('threads')").fetchall()[0][0]
    results = {
        "rows": rows,
        "columns": len(use_case.columns),
        "one_column": ONE_COLUMN,
        "repeats": repeats,
        "threads": threads,
        "versions": {"duckdb": duckdb.__version__, "pyarrow": pa.__version__, "python": platform.python_version()},
        "formats": [
            {"name": each.name}
            | {measure: statistics.median(run[measure] for run in runs[each.name]) for measure in MEASURES}
            for each in FORMATS
        ],
    }
    write_json(target.with_name("io.json"), results)
    images = {
        measure: embed(
            _bars(results["formats"], measure),
            f"{MEASURES[measure][0]} by format",
            png=target.parent / "charts" / f"io_{measure}.png",
        )
        for measure in MEASURES
    }
    return render_page(target, "io.html.j2", results=results, measures=MEASURES, images=images, use_case=use_case)


def _measure(connection: duckdb.DuckDBPyConnection, folder: Path, *, repeats: int) -> dict[str, list[dict[str, float]]]:
    described = connection.execute("DESCRIBE lines").fetchall()
    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind, *_ in described) + "}"
    # A checksum over all values: Parquet would answer a minimum or a count from its footer.
    every = f"bit_xor(hash({', '.join(name for name, *_ in described)}))"
    runs: dict[str, list[dict[str, float]]] = {each.name: [] for each in FORMATS}
    rounds = [each for _ in range(repeats) for each in FORMATS]
    for each in track(rounds, label="measuring formats"):
        file = folder / each.file
        table = each.read.format(file=file, columns=columns)
        runs[each.name].append(
            {
                "write_seconds": _seconds(connection, f"COPY lines TO '{file}' ({each.written})"),
                "read_seconds": _seconds(connection, f"SELECT {every} FROM {table}"),
                "column_seconds": _seconds(connection, f"SELECT sum({ONE_COLUMN}) FROM {table}"),
                "megabytes": file.stat().st_size / 1e6,
            }
        )
        file.unlink()
    return runs


def _seconds(
    connection: duckdb.DuckDBPyConnection, query: str, clock: Callable[[], float] = time.perf_counter
) -> float:
    start = clock()
    connection.execute(query).fetchall()
    return clock() - start


def _bars(formats: Sequence[dict[str, Any]], measure: str) -> Figure:
    title, unit = MEASURES[measure]
    figure = Figure(figsize=(4.7, 1.9))
    axes = figure.subplots()
    values = [each[measure] for each in formats]
    bars = axes.barh([each["name"] for each in formats], values, color=PALETTE[: len(values)], height=0.6)
    axes.bar_label(bars, labels=[f"{value:,.3g} {unit}" for value in values], padding=3)
    axes.set_xlim(0, 1.25 * max(values))
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_title(title)
    return figure
