"""One weekly file to silver and gold in a scratch folder: checked, counted, not yet published."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from config.names import BASKETS, PRODUCTS, TRANSACTIONS
from ml.data.file_check import FileCheck, judge
from ml.data.header import read_header, week_of
from ml.data.quarantine import Example, Losses, count_losses, reject_count
from ml.data.rules import Rule, rules_of
from ml.data.sample import SampledRows, sample_rows
from ml.data.set_checks import missing_cells, results_of
from ml.data.silver import quoted
from ml.data.snapshot import Snapshot, take_snapshot
from ml.data.staging import Source, stage, take_out_repeats, write_silver
from ml.data.tables import connect, write_parquet
from ml.errors import DataError
from ml.features.gold import CONFLICTS, baskets_sql, products_sql, totals_sql
from ml.use_case import UseCase


@dataclass(frozen=True, kw_only=True)
class RefinedFile:
    """A file's gold (``baskets``, ``products``: Parquet files) and silver (``silver``: a folder by region)."""

    check: FileCheck
    silver: Path
    baskets: Path
    products: Path
    sample: SampledRows | None


def refine_file(
    source: Path,
    *,
    folder: Path,
    use_case: UseCase,
    require_label: bool,
    quarantine: Path | None = None,
    sample: int = 0,
    memory_limit: str = "900MB",
    threads: int | None = None,
) -> RefinedFile:
    """Check one ``.csv`` or ``.csv.gz`` and write its silver and gold below ``folder``.

    ``quarantine`` is where refused rows are kept (Parquet), if any; ``sample`` the number of rows to bring
    back as text for Great Expectations.

    Raises:
        DataError: the file cannot be read, changes meanwhile, or breaks a rule beyond tolerance.

    """
    folder.mkdir(parents=True, exist_ok=True)
    with _scratch(folder / "scratch") as scratch:
        snapshot = take_snapshot(source, scratch=scratch)
        header = read_header(source, use_case=use_case, require_label=require_label)
        week = week_of(source, use_case=use_case, header=header)
        rules = rules_of(use_case, weeks=[week], absent=header.absent)
        scan = Source(path=source, plain=snapshot.plain, header=header, week=week, rules=rules, use_case=use_case)
        with connect(scratch=scratch, memory_limit=memory_limit, threads=threads) as connection:
            try:
                refined = _refine(connection, scan, snapshot, folder=folder, quarantine=quarantine)
            except duckdb.Error as error:
                raise DataError(f"{source}: cannot be read: {str(error).splitlines()[0]}") from error
        snapshot.stamp.must_still_hold(source)
        judge(refined.check, rules=rules, validation=use_case.validation)
        if sample:
            rows = sample_rows(snapshot.plain, header, week=week, lines=snapshot.lines, count=sample)
            refined = replace(refined, sample=rows)
    return refined


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refine(
    connection: DuckDBPyConnection,
    source: Source,
    snapshot: Snapshot,
    *,
    folder: Path,
    quarantine: Path | None,
) -> RefinedFile:
    scanned, accepted = stage(connection, source)
    rejected = reject_count(connection)
    connection.execute("CREATE TEMP TABLE suspicious (basket_id BIGINT)")
    if accepted:
        _total(connection, source)
        _find_suspicious(connection, source)
    losses = Losses(dropped={}, violations={}, examples=())
    looked_again = bool(scanned - accepted or rejected or _any(connection, "suspicious"))
    if looked_again:
        losses = count_losses(connection, source, target=quarantine)
    missing = missing_cells(connection, use_case=source.use_case, lost=looked_again)
    kept = accepted
    if losses.violations.get("rows.unique"):
        kept = take_out_repeats(connection)
        _total(connection, source)
    gold = _Gold(baskets=0, dropped={}, violations={}, examples=())
    if kept:
        write_silver(connection, folder=folder / TRANSACTIONS)
        gold = _write_gold(connection, source, folder=folder)
    results = results_of(
        source.rules,
        validation=source.use_case.validation,
        elements={"source": scanned, "accepted": accepted, "baskets": gold.baskets + sum(gold.dropped.values())},
        missing=missing,
        violations=losses.violations | gold.violations,
    )
    check = FileCheck(
        path=str(source.path),
        name=source.path.name,
        sha256=snapshot.sha256,
        bytes=snapshot.size,
        week=source.week,
        columns_ignored=source.header.ignored,
        rows_in=scanned + rejected,
        rows_kept=kept,
        dropped=losses.dropped,
        examples=losses.examples + gold.examples,
        baskets=gold.baskets,
        baskets_dropped=gold.dropped,
        results=tuple(results),
    )
    return RefinedFile(
        check=check,
        silver=folder / TRANSACTIONS,
        baskets=folder / BASKETS / "part-0.parquet",
        products=folder / PRODUCTS / "part-0.parquet",
        sample=None,
    )


def _total(connection: DuckDBPyConnection, source: Source) -> None:
    """Create the table ``totals`` from the accepted rows, by gold's own SQL.

    Products are an enum here: lists of numbers take two thirds of the time of text, and half the memory.
    """
    connection.execute("DROP TABLE IF EXISTS totals")
    connection.execute("DROP TYPE IF EXISTS product")
    connection.execute("CREATE TYPE product AS ENUM (SELECT DISTINCT prod_code FROM accepted ORDER BY prod_code)")
    lines = "(SELECT * REPLACE (CAST(prod_code AS product) AS prod_code) FROM accepted)"
    connection.execute(f"CREATE TEMP TABLE totals AS {totals_sql(source.use_case, silver=lines)}")


def _find_suspicious(connection: DuckDBPyConnection, source: Source) -> None:
    """Fill ``suspicious`` with baskets that hold one line twice, every column alike, and examples of conflicts.

    Only a basket with more lines than products can repeat one, so the costly grouping sees few rows or none.
    """
    limit = source.use_case.validation.example_rows
    for condition in CONFLICTS.values():
        connection.execute(
            f"INSERT INTO suspicious SELECT basket_id FROM totals WHERE {condition} ORDER BY basket_id LIMIT {limit}"
        )
    repeated = "SELECT basket_id FROM totals WHERE lines > products"
    if connection.execute(f"{repeated} LIMIT 1").fetchall():
        connection.execute(f"""
INSERT INTO suspicious
SELECT DISTINCT basket_id FROM (
    SELECT * FROM accepted WHERE basket_id IN ({repeated}) GROUP BY ALL HAVING count(*) > 1
)""")


def _any(connection: DuckDBPyConnection, table: str) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall())


@dataclass(frozen=True, kw_only=True)
class _Gold:
    """Baskets written, baskets dropped by reason, baskets that break each rule, and examples of those."""

    baskets: int
    dropped: dict[str, int]
    violations: dict[str, int]
    examples: tuple[Example, ...]


def _write_gold(connection: DuckDBPyConnection, source: Source, *, folder: Path) -> _Gold:
    """Write baskets and products below ``folder`` from ``totals`` and ``accepted``."""
    for name, query in ((BASKETS, baskets_sql(totals="totals")), (PRODUCTS, products_sql(silver="accepted"))):
        (folder / name).mkdir()
        write_parquet(connection, query, folder / name / "part-0.parquet")
    rules = {_total_name(rule, source): rule for rule in source.rules if rule.stage == "baskets"}
    cases = " ".join(f"WHEN {CONFLICTS[key]} THEN {quoted(rule.broken)}" for key, rule in rules.items())
    counts = connection.execute(
        f"SELECT CASE {cases} END AS reason, count(*) FROM totals GROUP BY reason ORDER BY reason"
    ).fetchall()
    dropped = {str(reason): int(count) for reason, count in counts if reason is not None}
    if not dropped:
        return _Gold(baskets=sum(count for _, count in counts), dropped={}, violations={}, examples=())
    return _Gold(
        baskets=sum(int(count) for reason, count in counts if reason is None),
        dropped=dropped,
        violations={
            rule.key: int(connection.execute(f"SELECT count(*) FROM totals WHERE {CONFLICTS[key]}").fetchall()[0][0])
            for key, rule in rules.items()
        },
        examples=tuple(example for key, rule in rules.items() for example in _conflicts(connection, source, key, rule)),
    )


def _total_name(rule: Rule, source: Source) -> str:
    return "label" if rule.column == source.use_case.label.column else rule.column


def _conflicts(connection: DuckDBPyConnection, source: Source, key: str, rule: Rule) -> Iterator[Example]:
    """Yield, for a few baskets, the first row whose label (or store) is not the basket's least one."""
    limit = source.use_case.validation.example_rows
    for row, basket, least, value in connection.execute(f"""
SELECT min(row), basket_id, min({key}_least), arg_min(CAST({rule.column} AS VARCHAR), row)
FROM placed JOIN totals USING (basket_id)
WHERE {CONFLICTS[key]} AND CAST(placed.{rule.column} AS VARCHAR) <> CAST({key}_least AS VARCHAR)
GROUP BY basket_id ORDER BY basket_id LIMIT {limit}""").fetchall():
        yield Example(
            reason=rule.broken,
            row=int(row),
            column=source.header.spelt(rule.column),
            value=f"{value} where basket {basket} also has {least}",
        )
