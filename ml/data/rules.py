"""The rules that a file must keep, written down once.

A rule is neutral: ``ml.data.expectations`` turns it into a Great Expectations expectation, and
``ml.data.set_checks`` counts its violations over whole files in DuckDB. Both read the same rule.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ml.use_case import Column, UseCase

Stage = Literal["source", "accepted", "baskets"]

# What a cell of each type looks like as text, for DuckDB (RE2) and Python alike. Bounded lengths keep every
# match inside BIGINT; money has at most two decimals that count, so pennies are exact.
PATTERNS = {
    "week": "[0-9]{4}(?:0[1-9]|[1-4][0-9]|5[0-3])",
    "date": "[1-9][0-9]{7}",
    "integer": "-?[0-9]{1,18}",
    "money": "-?[0-9]{1,15}(?:[.][0-9]{1,2}0*)?",
}
DATE_FORMAT = "%Y%m%d"
_TYPE_WORDS = {
    "week": "a week YYYYWW",
    "date": "a date YYYYMMDD",
    "integer": "a whole number",
    "money": "an amount with at most two decimals",
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: on what rows it holds, what breaks it, and the expectation that states it.

    ``stage`` is ``source`` (rows as they came), ``accepted`` (typed rows) or ``baskets`` (aggregated);
    ``broken`` is what is said of a row that breaks it. ``tolerated`` rules drop rows up to
    ``validation.max_dropped_share``; the others stop the run at the first row.
    """

    key: str
    stage: Stage
    column: str
    check: str
    broken: str
    expectation: str
    arguments: dict[str, Any] = field(default_factory=dict)
    tolerated: bool = True


def text_name(column: Column) -> str:
    """Return the name under which a column's text stands where its value has been parsed or recoded."""
    return f"{column.name} (text)"


def bound(column: Column, value: int) -> str:
    """Return a minimum or maximum in the unit of the source file (money is kept as pennies)."""
    return f"{value / 100:.2f}" if column.type == "money" else str(value)


def rules_of(use_case: UseCase, *, weeks: Sequence[int], absent: Collection[str] = ()) -> tuple[Rule, ...]:
    """Return all rules for files of ``weeks``; ``absent`` names optional columns that are not there."""
    present = [column for column in use_case.columns if column.name not in absent]
    found: list[Rule] = [
        Rule(
            key="table.rows",
            stage="source",
            column="",
            check="rows",
            broken="the file has no rows",
            expectation="ExpectTableRowCountToBeBetween",
            arguments={"min_value": 1},
            tolerated=False,
        )
    ]
    for column in present:
        found += _column_rules(column, weeks=weeks)
    found.append(
        Rule(
            key="rows.unique",
            stage="accepted",
            column="",
            check="unique",
            broken="duplicate line",
            expectation="ExpectCompoundColumnsToBeUnique",
            arguments={"column_list": [column.name for column in present]},
        )
    )
    for name, word in ((use_case.label.column, "label"), ("store_code", "store")):
        if name not in absent:
            found.append(_same(name, word))
    return tuple(found)


def _same(name: str, word: str) -> Rule:
    return Rule(
        key=f"{name}.same",
        stage="baskets",
        column=name,
        check="same",
        broken=f"conflicting {word}",
        expectation="ExpectColumnPairValuesToBeEqual",
        arguments={
            "column_A": f"{name} (least)",
            "column_B": f"{name} (greatest)",
            "ignore_row_if": "either_value_is_missing",
        },
    )


def _column_rules(column: Column, *, weeks: Sequence[int]) -> list[Rule]:
    header = column.headers[0]
    text = text_name(column)
    parsed = column.type != "text"

    def rule(check: str, broken: str, expectation: str, *, on: str, **arguments: Any) -> Rule:
        return Rule(
            key=f"{column.name}.{check}",
            stage="source",
            column=column.name,
            check=check,
            broken=f"{header} {broken}",
            expectation=expectation,
            arguments={"column": on, **arguments},
            tolerated=check not in ("exists", "week"),
        )

    found = [rule("exists", "is not there", "ExpectColumnToExist", on=column.name)]
    if not column.nullable:
        found.append(rule("missing", "is missing", "ExpectColumnValuesToNotBeNull", on=text))
    if parsed:
        words = f"is not {_TYPE_WORDS[column.type]}"
        pattern = f"^(?:{PATTERNS[column.type]})$"
        found.append(rule("type", words, "ExpectColumnValuesToMatchRegex", on=text, regex=pattern))
    if column.type == "date":
        found.append(
            rule(
                "calendar",
                "is not a day of the calendar",
                "ExpectColumnValuesToMatchStrftimeFormat",
                on=column.name,
                strftime_format=DATE_FORMAT,
            )
        )
    between = "ExpectColumnValuesToBeBetween"
    if column.minimum is not None:
        words = f"is below {bound(column, column.minimum)}"
        found.append(rule("minimum", words, between, on=column.name, min_value=column.minimum))
    if column.maximum is not None:
        words = f"is above {bound(column, column.maximum)}"
        found.append(rule("maximum", words, between, on=column.name, max_value=column.maximum))
    if column.type == "week":
        listed = ", ".join(str(week) for week in weeks)
        found.append(
            rule(
                "week",
                f"is not the file's week {listed}" if len(weeks) == 1 else "is not a week of these files",
                "ExpectColumnValuesToBeInSet",
                on=column.name,
                value_set=list(weeks),
            )
        )
    if column.allowed is not None:
        words = f"is not one of {', '.join(column.allowed)}"
        found.append(
            rule("allowed", words, "ExpectColumnValuesToBeInSet", on=column.name, value_set=list(column.allowed))
        )
    return found
