"""The fast pass over a weekly file: one scan into a table, from which silver and gold are written.

The typed rows stay in memory (beyond the limit, in scratch files) until silver is written, region by region.
That takes less CPU than DuckDB's partitioned write and reading the files again for gold, and repeats of a line
can be taken out before anything is written.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from duckdb import DuckDBPyConnection

from config.names import REGION_PARTITION, WEEK_PARTITION
from ml.data.header import Header
from ml.data.rules import Rule
from ml.data.silver import name, quoted, row_rules, silver_columns_sql, source_sql, typed_sql, violation_sql
from ml.data.tables import write_parquet
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


def stage(connection: DuckDBPyConnection, source: Source) -> tuple[int, int]:
    """Fill the table ``staged`` with the typed rows of the file; return rows scanned and rows accepted.

    The view ``accepted`` shows silver, the week included. Rows are told apart by a column rather than a
    filter: DuckDB would push the filter below the projection and parse every cell twice.
    """
    broken = " OR ".join(source.violations.values())
    connection.execute(f"""
CREATE TEMP TABLE staged AS
WITH typed AS ({source.typed})
SELECT {_stored(source)}, {broken} AS dropped FROM typed""")
    connection.execute(f"""
CREATE TEMP VIEW accepted AS
SELECT * EXCLUDE (dropped), {source.week} AS {WEEK_PARTITION} FROM staged WHERE NOT dropped""")
    counts = connection.execute("SELECT count(*), count(*) FILTER (WHERE NOT dropped) FROM staged").fetchall()
    return int(counts[0][0]), int(counts[0][1])


def take_out_repeats(connection: DuckDBPyConnection) -> int:
    """Leave one of each exact repeat of a line in ``accepted``; return the rows that are left.

    Only baskets in the table ``suspicious`` (basket_id) are looked at: all others have a product once.
    """
    wanted = "NOT dropped AND basket_id IN (SELECT basket_id FROM suspicious)"
    connection.execute(f"CREATE TEMP TABLE distinct_lines AS SELECT DISTINCT * FROM staged WHERE {wanted}")
    connection.execute(f"DELETE FROM staged WHERE {wanted}")
    connection.execute("INSERT INTO staged SELECT * FROM distinct_lines")
    return int(connection.execute("SELECT count(*) FROM accepted").fetchall()[0][0])


def write_silver(connection: DuckDBPyConnection, *, folder: Path) -> None:
    """Write ``accepted`` to ``folder``/store_region=…/part-0.parquet."""
    region = name(REGION_PARTITION)
    regions = connection.execute(f"SELECT DISTINCT CAST({region} AS VARCHAR) FROM accepted ORDER BY 1").fetchall()
    for (value,) in regions:
        partition = folder / f"{REGION_PARTITION}={quote(value, safe='')}"
        partition.mkdir(parents=True)
        rows = f"SELECT * EXCLUDE ({region}, {WEEK_PARTITION}) FROM accepted WHERE {region} = {quoted(value)}"
        write_parquet(connection, rows, partition / "part-0.parquet")


def _stored(source: Source) -> str:
    """Silver's columns; the week is the folder's name."""
    return silver_columns_sql(source.use_case, source.header, without=WEEK_PARTITION)
