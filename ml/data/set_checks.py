"""Exact counts of every rule over a whole file, reported in the shape of Great Expectations' results.

The rules are counted in DuckDB, in the pass that writes silver and in cheap aggregates after it; the
shape is that of ``ExpectationValidationResult.to_json_dict()``, so that the same readers take both.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from duckdb import DuckDBPyConnection

from ml.data.rules import Rule, text_name
from ml.data.silver import name
from ml.use_case import UseCase, Validation


def results_of(
    rules: Sequence[Rule],
    *,
    validation: Validation,
    elements: Mapping[str, int],
    missing: Mapping[str, int],
    violations: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Return one result per rule.

    ``elements``: rows per stage. ``missing``: empty cells per column name of the source rows.
    ``violations``: rows that break a rule, by its key; a key that is not there counts none.
    """
    return [
        _result(
            rule,
            validation=validation,
            elements=elements[rule.stage],
            missing=_missing(rule, missing, violations),
            unexpected=violations.get(rule.key, 0),
        )
        for rule in rules
    ]


def missing_cells(connection: DuckDBPyConnection, *, use_case: UseCase, lost: bool) -> dict[str, int]:
    """Return empty cells per column of the file, from ``accepted`` and, where rows were ``lost``, that table."""
    found = _nulls(connection, "accepted", {column.name: column.name for column in use_case.columns if column.nullable})
    if lost:
        known = {str(row[0]) for row in connection.execute("DESCRIBE lost").fetchall()}
        cells = {
            column.name: text_name(column) if text_name(column) in known else column.name for column in use_case.columns
        }
        # Repeats of a line are still among the accepted rows when this is counted; only refused rows are not.
        refused = "(SELECT * FROM lost WHERE copies IS NULL)"
        found += _nulls(connection, refused, {key: cell for key, cell in cells.items() if cell in known})
    return found


def _nulls(connection: DuckDBPyConnection, table: str, cells: Mapping[str, str]) -> Counter[str]:
    counts = ", ".join(f"count(*) - count({name(cell)})" for cell in cells.values())
    return Counter(dict(zip(cells, connection.execute(f"SELECT {counts} FROM {table}").fetchall()[0], strict=True)))


def mostly(rule: Rule, validation: Validation) -> float:
    """Return the share of rows that must keep a rule."""
    return 1.0 - validation.max_dropped_share if rule.tolerated else 1.0


def merged(results: Sequence[Sequence[dict[str, Any]]], rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Return the results of several files as one: counts are added, all must have succeeded.

    ``rules`` are those of all files together: a rule on one file's week says there which weeks these are.
    """
    of_all = {rule.key: rule for rule in rules}
    found: dict[str, dict[str, Any]] = {}
    for each in (result for one_file in results for result in one_file):
        key = each["expectation_config"]["meta"]["rule"]
        if key not in found:
            found[key] = {**each, "result": dict(each["result"])}
            if key in of_all:
                config = each["expectation_config"]
                found[key]["expectation_config"] = {
                    **config,
                    "kwargs": {**config["kwargs"], **of_all[key].arguments},
                    "meta": {**config["meta"], "broken": of_all[key].broken},
                }
            continue
        total = found[key]
        total["success"] = total["success"] and each["success"]
        for count in ("element_count", "missing_count", "unexpected_count"):
            if count in total["result"]:
                total["result"][count] += each["result"][count]
        if "observed_value" in total["result"]:
            total["result"]["observed_value"] += each["result"]["observed_value"]
        _shares(total["result"])
    return list(found.values())


def _result(rule: Rule, *, validation: Validation, elements: int, missing: int, unexpected: int) -> dict[str, Any]:
    arguments = dict(rule.arguments)
    if rule.check == "rows":
        success, result = elements >= 1, {"observed_value": elements}
    elif rule.check == "exists":
        success, result = True, {}
    else:
        arguments["mostly"] = mostly(rule, validation)
        result = {"element_count": elements, "missing_count": missing, "unexpected_count": unexpected}
        _shares(result)
        success = unexpected <= (1.0 - arguments["mostly"]) * (elements - missing) + 1e-9
    return {
        "success": success,
        "expectation_config": {
            "type": rule.expectation,
            "kwargs": arguments,
            "meta": {"rule": rule.key, "stage": rule.stage, "broken": rule.broken},
        },
        "result": result,
        "meta": {"engine": "DuckDB, whole file"},
        "exception_info": {"raised_exception": False, "exception_message": None, "exception_traceback": None},
    }


def _shares(result: dict[str, Any]) -> None:
    if "unexpected_count" not in result:
        return
    elements, missing, unexpected = (result[key] for key in ("element_count", "missing_count", "unexpected_count"))
    result["missing_percent"] = 100.0 * missing / elements if elements else None
    result["unexpected_percent_total"] = 100.0 * unexpected / elements if elements else None
    result["unexpected_percent"] = 100.0 * unexpected / (elements - missing) if elements > missing else None
    result["unexpected_percent_nonmissing"] = result["unexpected_percent"]


def _missing(rule: Rule, missing: Mapping[str, int], violations: Mapping[str, int]) -> int:
    # For "must not be null" the nulls are the unexpected values, so none is set aside.
    if rule.stage != "source" or rule.check in ("missing", "rows", "exists"):
        return 0
    empty = missing.get(rule.column, 0)
    if rule.check in ("type", "allowed"):
        return empty
    # A cell that could not be read has no value to compare.
    return empty + violations.get(f"{rule.column}.type", 0)
