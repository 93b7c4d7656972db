"""Great Expectations on pandas and the set-based checks in DuckDB count the same over a whole dirty file."""

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ml.data.expectations import check_frame, source_frame, suite_of
from ml.data.header import read_header
from ml.data.rules import Rule, rules_of
from tests.unit.features.refinery import Refinery, use_case
from tests.weekly_files import HEADER, WEEK, Row, valid_rows, write_week_file

# Several bad cells per column, and rows that break more than one rule.
DIRT: dict[str, list[str]] = {
    "SHOP_DATE": ["", "2007-07-09", "20070231", "2007709", "20071301", "00000101"],
    "SHOP_WEEK": ["", "2007", "200799", "20072O"],
    "SHOP_WEEKDAY": ["", "0", "8", "x", "1.0"],
    "SHOP_HOUR": ["", "-1", "24", "24", "noon"],
    "QUANTITY": ["", "0", "-3", "10001", "1.5", "1e3", " 2", "99999999999999999999", "123456789012345678"],
    "SPEND": ["", "-0.01", "100000.01", "1.005", "1e3", "£2", "1,00", "99999999999999999.99"],
    "PROD_CODE": ["", ""],
    "seg_1": ["QQ", "AZ ", "az"],
    "seg_2": ["??"],
    "BASKET_ID": ["", "A1", "1.5"],
    "BASKET_SIZE": ["XL", "XL"],
    "BASKET_PRICE_SENSITIVITY": ["ZZ", "la", "ZZ"],
    "BASKET_TYPE": ["Huge"],
    "BASKET_DOMINANT_MISSION": ["Moon"],
    "STORE_CODE": [""],
    "STORE_FORMAT": ["", "XXL"],
    "STORE_REGION": ["", "E09"],
}
TOLERANT = use_case(max_dropped_share=0.9)


def dirty_rows() -> list[Row]:
    rows = valid_rows(baskets=200)
    place = 0
    for column, values in DIRT.items():
        for value in values:
            rows[place][column] = value
            place += 3
    rows[400] |= {"QUANTITY": "0", "SPEND": "-1.00", "STORE_REGION": "E09"}
    rows += [rows[500], rows[500], rows[504]]
    rows[600]["BASKET_PRICE_SENSITIVITY"] = "XX"
    rows[605]["STORE_CODE"] = "STORE99999"
    rows[608] |= {"BASKET_PRICE_SENSITIVITY": "XX", "STORE_CODE": "STORE99999"}
    return rows


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Refinery]:
    folder = tmp_path_factory.mktemp("dirty")
    file = write_week_file(folder / f"transactions_{WEEK}.csv", dirty_rows())
    refinery = Refinery(folder / "lake")
    refinery.refine([file], use_case=TOLERANT)
    return file, refinery


def counts(results: list[dict[str, Any]], stage: str) -> dict[str, tuple[Any, ...]]:
    """Per rule of ``stage``: verdict, elements and unexpected elements, or the verdict where there are none."""
    return {
        each["expectation_config"]["meta"]["rule"]: (
            each["success"],
            each["result"].get("element_count"),
            each["result"].get("unexpected_count"),
        )
        for each in results
        if each["expectation_config"]["meta"]["stage"] == stage
    }


def by_great_expectations(frame: pd.DataFrame, stage: Any) -> dict[str, tuple[Any, ...]]:
    rules = rules_of(TOLERANT, weeks=[WEEK])
    results = check_frame(frame, suite_of(rules, stage=stage, validation=TOLERANT.validation))
    assert not [each for each in results if each["exception_info"].get("raised_exception")]
    return counts(results, stage)


def test_every_rule_on_source_rows_is_counted_alike(dirty: tuple[Path, Refinery]) -> None:
    file, refinery = dirty
    with file.open(newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    header = read_header(file, use_case=TOLERANT, require_label=True)

    expected = by_great_expectations(source_frame(rows, header=header, use_case=TOLERANT), "source")

    assert counts(refinery.validation()["results"], "source") == expected
    broken = {rule for rule, (_, _, unexpected) in expected.items() if unexpected}
    checkable = {rule.key for rule in rules_of(TOLERANT, weeks=[WEEK]) if _can_be_broken(rule)}
    assert broken == checkable - {"shop_week.week"}, "each rule must meet a row that breaks it"


def _can_be_broken(rule: Rule) -> bool:
    return rule.stage == "source" and rule.check not in ("rows", "exists")


def test_duplicate_lines_are_counted_alike(dirty: tuple[Path, Refinery]) -> None:
    _, refinery = dirty
    silver = pd.DataFrame(refinery.silver(), columns=[name for name, *_ in _described(refinery)])
    kept = refinery.quarantine("row", week=WEEK)
    repeats = [row for (row,) in kept if row > 801]
    assert repeats == [802, 803, 804]
    lines = dirty_rows()
    ids = [int(lines[place]["BASKET_ID"]) for place in (500, 504)]
    products = [lines[place]["PROD_CODE"] for place in (500, 504)]
    one = silver[(silver["basket_id"] == ids[0]) & (silver["prod_code"] == products[0])]
    two = silver[(silver["basket_id"] == ids[1]) & (silver["prod_code"] == products[1])]
    accepted = pd.concat([silver, one, one, two], ignore_index=True)

    assert counts(refinery.validation()["results"], "accepted") == by_great_expectations(accepted, "accepted")


def test_baskets_that_contradict_themselves_are_counted_alike(dirty: tuple[Path, Refinery]) -> None:
    _, refinery = dirty
    silver = pd.DataFrame(refinery.silver(), columns=[name for name, *_ in _described(refinery)])
    grouped = silver.groupby("basket_id")
    frame = pd.DataFrame(
        {
            f"{column} ({word})": getattr(grouped[column], function)()
            for column in ("basket_price_sensitivity", "store_code")
            for word, function in (("least", "min"), ("greatest", "max"))
        }
    ).reset_index(drop=True)

    expected = by_great_expectations(frame, "baskets")

    assert counts(refinery.validation()["results"], "baskets") == expected
    assert [unexpected for _, _, unexpected in expected.values()] == [2, 2]


def _described(refinery: Refinery) -> list[tuple[Any, ...]]:
    import duckdb  # noqa: PLC0415 - the names of silver's columns, in order

    files = str(refinery.root / "silver/transactions/*/*/*.parquet")
    described: list[tuple[Any, ...]] = duckdb.execute(
        "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = true)", [files]
    ).fetchall()
    return described


def test_a_run_shows_what_great_expectations_found_on_its_sample(tmp_path: Path) -> None:
    rows = valid_rows()
    rows[7]["QUANTITY"] = "-2"
    refinery = Refinery(tmp_path / "lake")

    refinery.refine([write_week_file(tmp_path / f"transactions_{WEEK}.csv", rows)], great_expectations=True)

    sample = refinery.validation()["meta"]["great_expectations_sample"]
    assert sample["rows"] == 400
    assert counts(sample["results"], "source") == counts(refinery.validation()["results"], "source")
    assert "ran" in (refinery.reports / "validation.html").read_text()


def test_the_rules_name_every_column_of_the_use_case() -> None:
    rules = rules_of(TOLERANT, weeks=[WEEK])

    assert {rule.column for rule in rules if rule.check == "exists"} == {each.name for each in TOLERANT.columns}
    assert len({rule.key for rule in rules}) == len(rules)
    assert len(HEADER) == len(TOLERANT.columns)
