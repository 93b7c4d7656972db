"""One weekly file to silver and gold in a scratch folder: checked, counted, not yet published."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from config.names import BASKETS, PRODUCTS, TRANSACTIONS
from ml.data.file_check import FileCheck, judge
from ml.data.header import Header, read_header, week_of
from ml.data.quarantine import Example, Losses, count_losses, reject_count
from ml.data.rules import rules_of
from ml.data.sample import SampledRows, sample_rows
from ml.data.set_checks import missing_cells, results_of
from ml.data.silver import quoted
from ml.data.snapshot import Snapshot, take_snapshot
from ml.data.staging import Connection, Source, connect, read_staged, restage, stage
from ml.errors import DataError
from ml.features.gold import CONFLICTS, baskets_sql, products_sql, totals_sql
from ml.use_case import UseCase

_CONFLICT_REASONS = {"label": "conflicting label", "store_code": "conflicting store"}


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
                refined = _refine(connection, scan, snapshot, folder=folder, scratch=scratch, quarantine=quarantine)
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
    connection: Connection,
    source: Source,
    snapshot: Snapshot,
    *,
    folder: Path,
    scratch: Path,
    quarantine: Path | None,
) -> RefinedFile:
    silver = folder / TRANSACTIONS
    scanned, accepted = stage(connection, source, folder=silver, scratch=scratch)
    rejected = reject_count(connection)
    connection.execute("CREATE TEMP TABLE suspicious (basket_id BIGINT)")
    if accepted:
        _total(connection, source, silver=silver)
        _find_suspicious(connection, source, silver=silver)
    repeats = _any(connection, "suspicious")
    losses = Losses(dropped={}, violations={}, examples=())
    looked_again = bool(scanned - accepted or rejected or repeats)
    if looked_again:
        losses = count_losses(connection, source, target=quarantine)
    missing = missing_cells(connection, folder=silver, use_case=source.use_case, lost=looked_again)
    kept = accepted
    if repeats:
        kept = restage(connection, source, folder=silver, scratch=scratch)
        _total(connection, source, silver=silver)
    count, conflicts, examples = (0, {}, ())
    if kept:
        count, conflicts, examples = _write_gold(connection, source, silver=silver, folder=folder)
    results = results_of(
        source.rules,
        validation=source.use_case.validation,
        elements={"source": scanned, "accepted": accepted, "baskets": count + sum(conflicts.values())},
        missing=missing,
        violations=losses.violations | _by_rule(source, conflicts),
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
        examples=losses.examples + examples,
        baskets=count,
        baskets_dropped=conflicts,
        results=tuple(results),
    )
    return RefinedFile(
        check=check,
        silver=silver,
        baskets=folder / BASKETS / "part-0.parquet",
        products=folder / PRODUCTS / "part-0.parquet",
        sample=None,
    )


def _total(connection: Connection, source: Source, *, silver: Path) -> None:
    table = read_staged(silver, week=source.week)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE totals AS {totals_sql(source.use_case, silver=table)}")


def _find_suspicious(connection: Connection, source: Source, *, silver: Path) -> None:
    """Fill ``suspicious`` with the baskets that hold one line twice, every column alike."""
    repeated = "SELECT basket_id FROM totals WHERE lines > products"
    if not connection.execute(f"{repeated} LIMIT 1").fetchall():
        return
    table = read_staged(silver, week=source.week)
    connection.execute(f"""
INSERT INTO suspicious
SELECT DISTINCT basket_id FROM (
    SELECT * FROM {table} WHERE basket_id IN ({repeated}) GROUP BY ALL HAVING count(*) > 1
)""")


def _any(connection: Connection, table: str) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall())


def _write_gold(
    connection: Connection, source: Source, *, silver: Path, folder: Path
) -> tuple[int, dict[str, int], tuple[Example, ...]]:
    """Write baskets and products; return baskets kept, baskets dropped by reason, and examples of those."""
    table = read_staged(silver, week=source.week)
    for name, query in ((BASKETS, baskets_sql(totals="totals")), (PRODUCTS, products_sql(silver=table))):
        (folder / name).mkdir()
        target = folder / name / "part-0.parquet"
        connection.execute(f"COPY ({query}) TO {quoted(target)} (FORMAT parquet, COMPRESSION zstd)")
    reason = " ".join(f"WHEN {CONFLICTS[key]} THEN {quoted(why)}" for key, why in _CONFLICT_REASONS.items())
    total = int(connection.execute("SELECT count(*) FROM totals").fetchall()[0][0])
    dropped = {
        str(why): int(count)
        for why, count in connection.execute(
            f"SELECT CASE {reason} END AS why, count(*) FROM totals GROUP BY why HAVING why IS NOT NULL ORDER BY why"
        ).fetchall()
    }
    return total - sum(dropped.values()), dropped, _conflict_examples(connection, source) if dropped else ()


def _conflict_examples(connection: Connection, source: Source) -> tuple[Example, ...]:
    limit = source.use_case.validation.example_rows
    columns = {"label": source.use_case.label.column, "store_code": "store_code"}
    return tuple(
        Example(
            reason=_CONFLICT_REASONS[key],
            row=None,
            column=_spelt(source.header, columns[key]),
            value=f"{least} and {greatest} in basket {basket}",
        )
        for key, condition in CONFLICTS.items()
        for basket, least, greatest in connection.execute(
            f"SELECT basket_id, {key}_least, {key}_greatest FROM totals WHERE {condition} "
            f"ORDER BY basket_id LIMIT {limit}"
        ).fetchall()
    )


def _spelt(header: Header, column: str) -> str:
    return header.spelt(column)


def _by_rule(source: Source, conflicts: dict[str, int]) -> dict[str, int]:
    return {rule.key: conflicts.get(rule.broken, 0) for rule in source.rules if rule.stage == "baskets"}
