"""Gold as it was known at a time, from the offline half of a feature store."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from duckdb import DuckDBPyConnection

from config.names import BASKETS, EVENT_TIME, PRODUCTS, WEEK_PARTITION
from ml.data.silver import sql_type
from ml.data.tables import connect, write_parquet
from ml.errors import DataError
from ml.features.gold import PRODUCT_COLUMNS, baskets_sql, totals_sql
from ml.features.offline_store import INVOCATION_TIME, IS_DELETED, WRITE_TIME, latest_sql, offline_files
from ml.files import TEMPORARY_PREFIX, new_folder
from ml.use_case import UseCase


def write_gold_as_of(
    *, offline: Path, products: Path, output: Path, as_of: datetime, use_case: UseCase
) -> dict[int, int]:
    """Write gold as of a time to ``output``: baskets and products as the ETL lays them; return baskets by week.

    A basket is what its newest record with an event time up to ``as_of`` says. A week's file is the whole week, so
    of each week only the records of its newest file are taken: a basket that a corrected file has no more is gone.
    Each week's products are those of gold's table ``products`` (categories have no history), with those that only
    the records know.

    Raises:
        DataError: there is no offline store, it lacks a column or cannot be read, or nothing was known by then.

    """
    files = offline_files(offline)
    if not files:
        raise DataError(f"{offline}: no records here; they lie below data/year=…/month=…/day=…/hour=…")
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=output.parent) as scratch,
        connect(scratch=Path(scratch), memory_limit="900MB", threads=None) as connection,
        new_folder(output) as folder,
    ):
        try:
            _load(connection, files, offline=offline, as_of=as_of, types=_basket_types(connection, use_case))
            weeks = _weeks(connection)
            if not weeks:
                raise DataError(f"{offline}: nothing in it was known as of {as_of.isoformat()}")
            _load_products(connection, products)
            for week in weeks:
                _write_week(connection, folder, week)
        except duckdb.Error as error:
            raise DataError(f"{offline}: cannot be read: {str(error).splitlines()[0]}") from error
    return weeks


def _basket_types(connection: DuckDBPyConnection, use_case: UseCase) -> dict[str, str]:
    """Return the types of the columns of gold's baskets, in order: what its SQL gives on silver's types."""
    silver = ", ".join(f"CAST(NULL AS {sql_type(column)}) AS {column.name}" for column in use_case.columns)
    totals = totals_sql(use_case, silver=f"(SELECT {silver})")
    described = connection.execute(f"DESCRIBE {baskets_sql(totals=f'({totals})')}").fetchall()
    return {name: kind for name, kind, *_ in described}


def _load(
    connection: DuckDBPyConnection, files: list[str], *, offline: Path, as_of: datetime, types: Mapping[str, str]
) -> None:
    """Create the table ``known`` with gold's columns in gold's types."""
    source = "read_parquet($files, hive_partitioning = false, union_by_name = true)"
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}", {"files": files}).fetchall()
    missing = {*types, EVENT_TIME, WRITE_TIME, INVOCATION_TIME, IS_DELETED} - {name for name, *_ in described}
    if missing:
        raise DataError(f"{offline}: its records have no {', '.join(sorted(missing))}")
    columns = ",\n    ".join(_as_gold(name, kind) for name, kind in types.items())
    query = f"""
CREATE TEMP TABLE known AS
SELECT
    {columns}
FROM ({latest_sql(source=source, identifier=next(iter(types)))})
QUALIFY known_at = max(known_at) OVER (PARTITION BY shop_week)"""
    connection.execute(query, {"files": files, "as_of": as_of.isoformat()})


def _as_gold(name: str, kind: str) -> str:
    # A list is kept as JSON.
    value = f"CAST({name} AS JSON)" if kind.endswith("[]") else name
    return f"CAST({value} AS {kind}) AS {name}"


def _weeks(connection: DuckDBPyConnection) -> dict[int, int]:
    counts = connection.execute("SELECT shop_week, count(*) FROM known GROUP BY ALL ORDER BY ALL").fetchall()
    return {int(week): int(count) for week, count in counts}


def _load_products(connection: DuckDBPyConnection, products: Path) -> None:
    """Create the table ``catalogue`` with the products of all of gold's weeks, by week."""
    files = sorted(str(path) for path in products.glob(f"{WEEK_PARTITION}=*/*.parquet"))
    if not files:
        raise DataError(f"{products}: no products of gold here; make them with `mlops etl` or `mlops run`")
    columns = ", ".join(PRODUCT_COLUMNS)
    connection.execute(
        f"CREATE TEMP TABLE catalogue AS SELECT {columns}, CAST({WEEK_PARTITION} AS INTEGER) AS week"
        " FROM read_parquet($files, hive_partitioning = true)",
        {"files": files},
    )


def _write_week(connection: DuckDBPyConnection, folder: Path, week: int) -> None:
    def target(table: str) -> Path:
        part = folder / table / f"{WEEK_PARTITION}={week}"
        part.mkdir(parents=True)
        return part / "part-0.parquet"

    write_parquet(connection, f"SELECT * FROM known WHERE shop_week = {week}", target(BASKETS))
    product, *levels = PRODUCT_COLUMNS
    least = ", ".join(f"min({level}) AS {level}" for level in levels)
    write_parquet(
        connection,
        f"""
WITH own AS (SELECT {", ".join(PRODUCT_COLUMNS)} FROM catalogue WHERE week = {week}),
bought AS (SELECT DISTINCT unnest(prod_codes) AS {product} FROM known WHERE shop_week = {week})
SELECT * FROM own
UNION ALL
SELECT {product}, {least}
FROM bought LEFT JOIN catalogue USING ({product})
WHERE {product} NOT IN (SELECT {product} FROM own)
GROUP BY {product}""",
        target(PRODUCTS),
    )
