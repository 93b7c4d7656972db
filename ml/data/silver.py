"""SQL that reads a weekly file in DuckDB and types it; the one place that decides what a row is worth.

Every cell is read as text and parsed here, so that one definition serves the fast pass (accepted rows to
Parquet) and the second look at the rows that were dropped. Measured, this costs no more than letting the
CSV reader parse.
"""

from pathlib import Path

from ml.data.header import Header
from ml.data.rules import DATE_FORMAT, PATTERNS, Rule, text_name
from ml.use_case import Column, UseCase

_INTEGER_LIMIT = 2**31 - 1


def quoted(value: object) -> str:
    """Return a value as an SQL text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def name(identifier: str) -> str:
    """Return an identifier in SQL's double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def sql_type(column: Column) -> str:
    """Return the type that silver holds a column in."""
    if column.type == "date":
        return "DATE"
    if column.type == "week":
        return "INTEGER"
    if column.type == "money":
        return "BIGINT"
    if column.type == "integer":
        limits = (column.minimum, column.maximum)
        small = all(limit is not None and abs(limit) <= _INTEGER_LIMIT for limit in limits)
        return "INTEGER" if small else "BIGINT"
    return "VARCHAR"


def source_sql(plain: Path, header: Header) -> str:
    """Return the scan of a file: one text column ``c<position>`` per header, broken lines set aside."""
    columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(header.names)))
    newline = r"\r\n" if header.carriage_returns else r"\n"
    return (
        f"read_csv({quoted(plain)}, auto_detect = false, header = true, delim = ',', quote = '\"', "
        f"escape = '\"', new_line = '{newline}', columns = {{{columns}}}, store_rejects = true, "
        "rejects_limit = 0)"
    )


def typed_sql(use_case: UseCase, header: Header, *, week: int) -> str:
    """Return the projection of text cells to values, beside their text where the two differ."""
    chosen = []
    for column in use_case.columns:
        if column.name in header.absent:
            continue
        cell = f"c{header.position[column.name]}"
        value = _value(column, cell, week)
        if value != cell or not column.nullable:
            chosen.append(f"{cell} AS {name(text_name(column))}")
        chosen.append(f"{value} AS {name(column.name)}")
    return ",\n    ".join(chosen)


def violation_sql(rule: Rule, use_case: UseCase) -> str:
    """Return the condition, never NULL, under which a row of the typed projection breaks a source rule."""
    column = use_case.column(rule.column)
    text, value = name(text_name(column)), name(column.name)
    if rule.check == "missing":
        return f"({text} IS NULL)"
    if column.type == "date" and rule.check in ("type", "calendar"):
        # CASE is lazy: only cells without a value are matched again.
        matches = f"regexp_full_match({text}, {quoted(PATTERNS['date'])})"
        wanted = matches if rule.check == "calendar" else f"NOT {matches}"
        return f"(CASE WHEN {text} IS NOT NULL AND {value} IS NULL THEN {wanted} ELSE false END)"
    if rule.check in ("type", "allowed"):
        return f"({text} IS NOT NULL AND {value} IS NULL)"
    if rule.check == "minimum":
        return f"({value} IS NOT NULL AND {value} < {rule.arguments['min_value']})"
    if rule.check == "maximum":
        return f"({value} IS NOT NULL AND {value} > {rule.arguments['max_value']})"
    if rule.check == "week":
        weeks = ", ".join(str(week) for week in rule.arguments["value_set"])
        return f"({value} IS NOT NULL AND {value} NOT IN ({weeks}))"
    raise NotImplementedError(rule.check)


def row_rules(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the rules that single rows of the source can break."""
    return tuple(rule for rule in rules if rule.stage == "source" and rule.check not in ("rows", "exists"))


def silver_columns_sql(use_case: UseCase, header: Header, *, without: str) -> str:
    """Return the columns of silver in their types, but one; an absent optional column is NULL."""
    chosen = []
    for column in use_case.columns:
        if column.name == without:
            continue
        if column.name in header.absent:
            chosen.append(f"CAST(NULL AS {sql_type(column)}) AS {name(column.name)}")
        elif column.type == "integer" and sql_type(column) == "INTEGER":
            # Rows to be dropped pass through here too, and may hold anything.
            chosen.append(f"TRY_CAST({name(column.name)} AS INTEGER) AS {name(column.name)}")
        else:
            chosen.append(name(column.name))
    return ", ".join(chosen)


def _value(column: Column, cell: str, week: int) -> str:
    matches = f"regexp_full_match({cell}, {quoted(PATTERNS.get(column.type, ''))})"
    if column.type == "date":
        return f"CASE WHEN {matches} THEN CAST(try_strptime({cell}, {quoted(DATE_FORMAT)}) AS DATE) END"
    if column.type == "week":
        # CASE is lazy: the expected week, that is nearly every row, costs one comparison.
        return f"CASE WHEN {cell} = '{week}' THEN {week} WHEN {matches} THEN CAST({cell} AS INTEGER) END"
    if column.type == "integer":
        # One digit, the common case of a quantity, is told without the expression.
        digit = f"strlen({cell}) = 1 AND {cell} BETWEEN '0' AND '9'"
        return f"CASE WHEN {digit} THEN ascii({cell}) - 48 WHEN {matches} THEN CAST({cell} AS BIGINT) END"
    if column.type == "money":
        # A decimal holds the amount exactly; a float would not.
        return f"CASE WHEN {matches} THEN CAST(CAST({cell} AS DECIMAL(18, 2)) * 100 AS BIGINT) END"
    text = cell
    if column.recode:
        cases = " ".join(f"WHEN {quoted(old)} THEN {quoted(new)}" for old, new in column.recode.items())
        text = f"CASE {cell} {cases} ELSE {cell} END"
    if column.allowed is not None:
        # A byte a row in memory where text takes sixteen and more. In order: the least member is the least text.
        members = ", ".join(quoted(each) for each in sorted(column.allowed))
        return f"TRY_CAST({text} AS ENUM ({members}))"
    return text
