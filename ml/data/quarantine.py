"""The second look at a file that lost rows: which rows, why, and where they are kept.

The fast pass only knows how many rows it refused. This one scans again in order, which gives row numbers
(line numbers in the file, the header being row 1), and keeps every refused row as text in a Parquet file.
"""

from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from ml.data.rules import Rule, text_name
from ml.data.silver import name, quoted, source_sql, typed_sql
from ml.data.staging import Source
from ml.data.tables import write_parquet
from ml.files import new_file

BROKEN_LINE = "broken line"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One refused row: ``row`` is its line in the file, ``value`` the offending cell's text."""

    reason: str
    row: int | None
    column: str
    value: str | None

    def __str__(self) -> str:
        place = "" if self.row is None else f"row {self.row}, "
        value = "empty" if self.value is None else repr(self.value)
        return f"{place}{f'column {self.column}: ' if self.column else ''}{value}"


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Rows lost by reason (each row under its first broken rule) and every rule's own violations."""

    dropped: dict[str, int]
    violations: dict[str, int]
    examples: tuple[Example, ...]


def reject_count(connection: DuckDBPyConnection) -> int:
    """Return how many lines the last scan could not take apart."""
    return int(connection.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchall()[0][0])


def count_losses(connection: DuckDBPyConnection, source: Source, *, target: Path | None) -> Losses:
    """Find the lost rows of ``source``, write them to ``target`` (Parquet) and count them.

    Columns of ``target``: row, rule, reason, line (the text of a line that could not be taken apart), then
    every column of the file as text. Duplicates are looked for in the baskets of the table ``suspicious``.
    """
    _lost_rows(connection, source)
    _reject_lines(connection)
    if target is not None:
        _keep(connection, source, target)
    by_key = {rule.key: rule for rule in source.rules}
    dropped = {
        by_key[key].broken: int(count)
        for key, count in connection.execute(
            "SELECT rule, count(*) FROM lost WHERE rule IS NOT NULL GROUP BY rule ORDER BY rule"
        ).fetchall()
    }
    rejected = int(connection.execute("SELECT count(*) FROM rejects").fetchall()[0][0])
    if rejected:
        dropped[BROKEN_LINE] = rejected
    return Losses(dropped=dropped, violations=_violations(connection, source), examples=_examples(connection, source))


def _lost_rows(connection: DuckDBPyConnection, source: Source) -> None:
    """Create the table ``lost``: rows that break a rule, and the lines of suspicious baskets."""
    header, use_case = source.header, source.use_case
    cells = ", ".join(f"c{index}" for index in range(len(header.names)))
    cases = " ".join(f"WHEN {condition} THEN {quoted(key)}" for key, condition in source.violations.items())
    same = ", ".join(name(column.name) for column in use_case.columns if column.name not in header.absent)
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(f"""
CREATE OR REPLACE TEMP TABLE lost AS
WITH numbered AS (
    SELECT row_number() OVER () AS good, {cells} FROM {source_sql(source.plain, header)}
), typed AS (
    SELECT good, {cells}, {typed_sql(use_case, header, week=source.week)} FROM numbered
), judged AS (
    SELECT *, CASE {cases} END AS broken FROM typed
), wanted AS (
    SELECT * FROM judged WHERE broken IS NOT NULL OR basket_id IN (SELECT basket_id FROM suspicious)
)
SELECT
    * EXCLUDE (broken),
    CASE WHEN broken IS NULL THEN count(*) OVER (PARTITION BY broken, {same}) END AS copies,
    CASE
        WHEN broken IS NOT NULL THEN broken
        WHEN row_number() OVER (PARTITION BY broken, {same} ORDER BY good) > 1 THEN 'rows.unique'
    END AS rule
FROM wanted""")
    connection.execute("SET preserve_insertion_order = false")


def _reject_lines(connection: DuckDBPyConnection) -> None:
    """Create the table ``rejects``: lines that could not be taken apart, and ``placed``: row numbers.

    The scan numbers good rows only. The k-th broken line, on line l, stands before good row g exactly when
    l - k <= g; so many are added to g, and one for the header.
    """
    connection.execute("""
CREATE OR REPLACE TEMP TABLE rejects AS
SELECT line, min(csv_line) AS text, min(error_message) AS message, row_number() OVER (ORDER BY line) AS k
FROM reject_errors WHERE scan_id = (SELECT max(scan_id) FROM reject_errors) GROUP BY line""")
    connection.execute("""
CREATE OR REPLACE TEMP VIEW placed AS
WITH shifts AS (SELECT line - k AS threshold, max(k) AS shift FROM rejects GROUP BY ALL)
SELECT lost.*, lost.good + 1 + coalesce(shifts.shift, 0) AS row
FROM lost ASOF LEFT JOIN shifts ON lost.good >= shifts.threshold""")


def _keep(connection: DuckDBPyConnection, source: Source, target: Path) -> None:
    names = source.header.names
    cells = ", ".join(f"c{index} AS {name(header)}" for index, header in enumerate(names))
    nothing = ", ".join("NULL" for _ in names)
    reasons = " ".join(f"WHEN {quoted(rule.key)} THEN {quoted(rule.broken)}" for rule in source.rules)
    with new_file(target) as temporary:
        query = f"""
SELECT row, rule, CASE rule {reasons} END AS reason, CAST(NULL AS VARCHAR) AS line, {cells}
FROM placed WHERE rule IS NOT NULL
UNION ALL
SELECT line, 'line', {quoted(BROKEN_LINE)} || ': ' || message, text, {nothing} FROM rejects
ORDER BY row"""
        write_parquet(connection, query, temporary)


def _violations(connection: DuckDBPyConnection, source: Source) -> dict[str, int]:
    counts = {key: f"count(*) FILTER (WHERE {condition})" for key, condition in source.violations.items()}
    # Great Expectations counts every member of a group of equal rows, not only the repeats.
    counts["rows.unique"] = "count(*) FILTER (WHERE copies > 1)"
    found = connection.execute(f"SELECT {', '.join(counts.values())} FROM lost").fetchall()[0]
    return {key: int(count) for key, count in zip(counts, found, strict=True)}


def _examples(connection: DuckDBPyConnection, source: Source) -> tuple[Example, ...]:
    limit = source.use_case.validation.example_rows
    broken = {rule for (rule,) in connection.execute("SELECT DISTINCT rule FROM placed").fetchall()}
    found: list[Example] = []
    for rule in (each for each in source.rules if each.key in broken):
        column, cell = _cell(rule, source)
        found += [
            Example(reason=rule.broken, row=int(row), column=column, value=value)
            for row, value in connection.execute(
                f"SELECT row, CAST({cell} AS VARCHAR) FROM placed WHERE rule = ? ORDER BY row LIMIT {limit}",
                [rule.key],
            ).fetchall()
        ]
    for row, text in connection.execute(f"SELECT line, text FROM rejects ORDER BY line LIMIT {limit}").fetchall():
        found.append(Example(reason=BROKEN_LINE, row=int(row), column="", value=text))
    return tuple(found)


def _cell(rule: Rule, source: Source) -> tuple[str, str]:
    """Return the header and the SQL of the cell to show for a broken rule."""
    if rule.check == "unique" or not rule.column:
        column = source.use_case.column("basket_id")
        return source.header.spelt(column.name), name(text_name(column))
    return source.header.spelt(rule.column), f"c{source.header.position[rule.column]}"
