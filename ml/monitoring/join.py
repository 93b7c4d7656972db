"""Predictions joined with the labels that came later, counted by version and week in DuckDB."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from duckdb import DuckDBPyConnection

from config.names import SILVER, TRANSACTIONS, WEEK_PARTITION
from ml.data.inputs import collect_inputs
from ml.data.silver import quoted
from ml.errors import DataError
from ml.features.refine_file import refine_file
from ml.monitoring.counts import VersionCounts, WeekCounts
from ml.progress import track
from ml.use_case import UseCase

# What a label may be beside the index of a class.
_UNCLASSIFIED, _CONTRADICTORY = -1, -2


def load_labels(connection: DuckDBPyConnection, labels: Path, *, scratch: Path, use_case: UseCase) -> list[int]:
    """Create the table ``labels`` (basket_id, week, label) of the baskets in ``predictions``; return the weeks.

    ``labels`` is a lake, its silver layer, or a folder of weekly files; one week is looked at at a time. ``label`` is
    a class index, or says that the basket has no class or contradicts itself.

    Raises:
        DataError: there is no such folder, it holds neither, or a weekly file cannot be used.

    """
    if not labels.is_dir():
        raise DataError(f"{labels}: there is no such folder of labels")
    connection.execute("CREATE TABLE raw_labels (basket_id VARCHAR, week INTEGER, least VARCHAR, greatest VARCHAR)")
    parts = next((found for found in map(_partitions, _silver_places(labels)) if found), None)
    weeks = []
    if parts is not None:
        for part in track(parts, label="labels"):
            if files := sorted(part.rglob("*.parquet")):
                weeks.append(int(part.name.partition("=")[2]))
                _insert(connection, files, weeks[-1], column=use_case.label.column)
    else:
        for source in track(collect_inputs([labels]), label="labels"):
            with TemporaryDirectory(dir=scratch) as folder:
                refined = refine_file(source, folder=Path(folder), use_case=use_case, require_label=True)
                weeks.append(int(refined.check.to_json()["week"]))
                _insert(connection, [refined.baskets], weeks[-1], column="label")
    codes = " ".join(f"WHEN {quoted(code)} THEN {index}" for index, code in enumerate(use_case.label.codes))
    connection.execute(f"""
CREATE TABLE labels AS
SELECT basket_id, max(week) AS week,
    CASE WHEN min(least) <> max(greatest) THEN {_CONTRADICTORY} ELSE
        CASE min(least) {codes} ELSE {_UNCLASSIFIED} END END AS label
FROM raw_labels GROUP BY basket_id""")
    return sorted(weeks)


def load_predictions(connection: DuckDBPyConnection, table: Path) -> None:
    """Create the table ``predictions``: of each basket and version the last one, and all without a basket id."""
    connection.execute(f"""
CREATE TABLE predictions AS SELECT * FROM read_parquet({quoted(table)})
QUALIFY basket_id IS NULL OR row_number() OVER (PARTITION BY version, basket_id ORDER BY time DESC, number DESC) = 1""")


def count(connection: DuckDBPyConnection, *, classes: int, bins: Mapping[str, Sequence[int]]) -> list[VersionCounts]:
    """Return the counts of each version, newest use first, from ``predictions`` and ``labels``.

    A prediction is of the week in which its basket was bought: the label's where there is one, else its time's.
    ``bins`` gives each version's number of bins by feature.
    """
    connection.execute("""
CREATE TABLE joined AS
SELECT version, time, coalesce(l.week, p.week) AS week, predicted, label, lines, unseen_lines, bins
FROM predictions p LEFT JOIN labels l USING (basket_id)""")
    totals = _rows(
        connection,
        f"""
SELECT version, week, count(*), count(*) FILTER (WHERE label = {_UNCLASSIFIED}),
    count(*) FILTER (WHERE label = {_CONTRADICTORY}), sum(lines), sum(unseen_lines)
FROM joined GROUP BY ALL ORDER BY version, week""",
    )
    predicted = _tables(connection, "version, week, predicted", "predicted IS NOT NULL", (classes,))
    confusion = _tables(connection, "version, week, label, predicted", "label >= 0", (classes, classes))
    histograms: dict[tuple[str, int], list[Any]] = {}
    for version, week, *_ in totals:
        histograms[version, week] = [np.zeros(size, dtype=np.int64) for size in bins.get(version, ())]
    for version, week, feature, place, number in _rows(
        connection,
        """
SELECT version, week, feature, bin, count(*) FROM (
    SELECT version, week, unnest(bins) AS bin, generate_subscripts(bins, 1) - 1 AS feature FROM joined
) GROUP BY ALL""",
    ):
        histograms[version, week][feature][place] = number
    weeks: dict[str, list[WeekCounts]] = {}
    for version, week, predictions, unclassified, contradictory, lines, unseen in totals:
        weeks.setdefault(version, []).append(
            WeekCounts(
                weeks=(week,),
                predictions=predictions,
                unclassified=unclassified,
                contradictory=contradictory,
                lines=int(lines),
                unseen_lines=int(unseen),
                confusion=confusion.get((version, week), np.zeros((classes, classes), dtype=np.int64)),
                predicted=predicted[version, week],
                histograms=tuple(histograms[version, week]),
            )
        )
    seen = _rows(
        connection, "SELECT version, CAST(max(time) AS VARCHAR) FROM joined GROUP BY 1 ORDER BY max(time) DESC, 1"
    )
    return [VersionCounts(version=version, last_seen=last, weeks=tuple(weeks[version])) for version, last in seen]


def _silver_places(folder: Path) -> tuple[Path, ...]:
    return folder, folder / TRANSACTIONS, folder / SILVER / TRANSACTIONS


def _partitions(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{WEEK_PARTITION}=*"))


def _insert(connection: DuckDBPyConnection, files: Sequence[Path], week: int, *, column: str) -> None:
    connection.execute(
        f"""
INSERT INTO raw_labels
SELECT CAST(basket_id AS VARCHAR), {week}, CAST(min({column}) AS VARCHAR), CAST(max({column}) AS VARCHAR)
FROM read_parquet($files, hive_partitioning = false)
WHERE CAST(basket_id AS VARCHAR) IN (SELECT basket_id FROM predictions) AND {column} IS NOT NULL
GROUP BY ALL""",
        {"files": [str(file) for file in files]},
    )


def _rows(connection: DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return found


def _tables(
    connection: DuckDBPyConnection, keys: str, where: str, shape: tuple[int, ...]
) -> dict[tuple[str, int], Any]:
    """Return by version and week a table of ``shape`` counted by the further ``keys``."""
    found: dict[tuple[str, int], Any] = {}
    query = f"SELECT {keys}, count(*) FROM joined WHERE {where} GROUP BY ALL"
    for version, week, *place, number in _rows(connection, query):
        found.setdefault((version, week), np.zeros(shape, dtype=np.int64))[tuple(place)] = number
    return found
