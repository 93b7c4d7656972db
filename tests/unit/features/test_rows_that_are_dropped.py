"""Bad rows within tolerance: dropped, counted by reason, kept in quarantine, and nothing else is touched."""

from pathlib import Path

import pytest

from ml.errors import DataError
from tests.unit.features.refinery import Refinery
from tests.weekly_files import HEADER, WEEK, csv_text, in_older_words, valid_rows, write_week_file

NAME = f"transactions_{WEEK}.csv"


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("QUANTITY", "-1", "QUANTITY is below 1"),
        ("QUANTITY", "0", "QUANTITY is below 1"),
        ("QUANTITY", "10001", "QUANTITY is above 10000"),
        ("QUANTITY", "99999999999999999999", "QUANTITY is not a whole number"),
        ("QUANTITY", "1.5", "QUANTITY is not a whole number"),
        ("QUANTITY", "1e1", "QUANTITY is not a whole number"),
        ("QUANTITY", "", "QUANTITY is missing"),
        ("SPEND", "-0.01", "SPEND is below 0.00"),
        ("SPEND", "100000.01", "SPEND is above 100000.00"),
        ("SPEND", "1.005", "SPEND is not an amount with at most two decimals"),
        ("SPEND", "£3", "SPEND is not an amount with at most two decimals"),
        ("SHOP_DATE", "2007-07-09", "SHOP_DATE is not a date YYYYMMDD"),
        ("SHOP_DATE", "20070231", "SHOP_DATE is not a day of the calendar"),
        ("SHOP_HOUR", "24", "SHOP_HOUR is above 23"),
        ("SHOP_WEEK", "2007", "SHOP_WEEK is not a week YYYYWW"),
        ("BASKET_ID", "A17", "BASKET_ID is not a whole number"),
        ("PROD_CODE", "", "PROD_CODE is missing"),
        ("BASKET_PRICE_SENSITIVITY", "ZZ", "BASKET_PRICE_SENSITIVITY is not one of LA, MM, UM, XX"),
        ("seg_1", "QQ", "seg_1 is not one of AZ, CT, BG, DY"),
    ],
)
def test_a_bad_cell_drops_its_row_and_is_counted(
    refinery: Refinery, tmp_path: Path, column: str, value: str, reason: str
) -> None:
    rows = valid_rows()
    rows[42][column] = value

    refinement = refinery.refine([write_week_file(tmp_path / NAME, rows)])

    assert refinement.dropped == {reason: 1}
    assert (refinement.rows_in, refinement.rows_kept) == (400, 399)
    (example,) = refinement.files[0].counts["examples"]
    assert example == {"reason": reason, "row": 44, "column": column, "value": value or None}
    assert refinery.silver("count(*)") == [(399,)]
    kept = refinery.quarantine(f'row, reason, "{column}", STORE_CODE', week=WEEK)
    assert kept == [(44, reason, value or None, rows[42]["STORE_CODE"])]


@pytest.mark.parametrize(
    ("value", "pennies"),
    [("1.005", None), ("1", 100), ("1.1", 110), ("0.07", 7), ("2.2900", 229), ("90071.99", 9007199)],
)
def test_pennies_are_exact(refinery: Refinery, tmp_path: Path, value: str, pennies: int | None) -> None:
    rows = valid_rows(baskets=101)
    rows[0] |= {"SPEND": value, "PROD_CODE": "PRICED"}

    refinery.refine([write_week_file(tmp_path / NAME, rows)])

    found = [spend for product, spend in refinery.silver("prod_code, spend_pennies") if product == "PRICED"]
    assert found == ([] if pennies is None else [pennies])


def test_a_row_that_breaks_two_rules_is_dropped_once(refinery: Refinery, tmp_path: Path) -> None:
    rows = valid_rows()
    rows[3] |= {"QUANTITY": "0", "SPEND": "-5"}

    refinement = refinery.refine([write_week_file(tmp_path / NAME, rows)])

    assert refinement.dropped == {"QUANTITY is below 1": 1}
    broken = {
        each["expectation_config"]["meta"]["rule"]: each["result"]["unexpected_count"]
        for each in refinery.validation()["results"]
        if each["result"].get("unexpected_count")
    }
    assert broken == {"quantity.minimum": 1, "spend_pennies.minimum": 1}


def test_lines_with_too_many_or_too_few_cells_are_counted_and_keep_other_rows_numbers_right(
    refinery: Refinery, tmp_path: Path
) -> None:
    rows = valid_rows(baskets=200)
    rows[2]["QUANTITY"] = "x"
    rows[5]["QUANTITY"] = "x"
    rows[700]["QUANTITY"] = "x"
    lines = csv_text(rows).splitlines()
    lines[4] += ",surplus"  # row 5: between the first and the second bad quantity
    lines[5] = "200720,20070709"  # row 6
    lines[300] += ",surplus"  # row 301
    file = tmp_path / NAME
    file.write_text("\n".join(lines) + "\n")

    refinement = refinery.refine([file])

    assert refinement.dropped == {"QUANTITY is not a whole number": 3, "broken line": 3}
    assert (refinement.rows_in, refinement.rows_kept) == (800, 794)
    assert [row for (row,) in refinery.quarantine("row", week=WEEK)] == [4, 5, 6, 7, 301, 702]
    assert refinery.quarantine("row, line", week=WEEK)[2] == (6, "200720,20070709")


def test_an_exact_repeat_of_a_line_is_dropped_once_per_repeat(refinery: Refinery, tmp_path: Path) -> None:
    rows = valid_rows()
    rows[100:100] = [rows[8], rows[8]]

    refinement = refinery.refine([write_week_file(tmp_path / NAME, rows)])

    assert refinement.dropped == {"duplicate line": 2}
    assert refinery.silver("count(*)") == [(400,)]
    assert refinery.quarantine("row, rule", week=WEEK) == [(102, "rows.unique"), (103, "rows.unique")]
    repeated = int(rows[8]["BASKET_ID"])
    assert dict(refinery.baskets("basket_id, lines"))[repeated] == 4


def test_two_lines_of_one_product_with_other_values_are_both_kept(refinery: Refinery, tmp_path: Path) -> None:
    rows = valid_rows()
    rows.append({**rows[8], "QUANTITY": "7", "SPEND": "0.70"})

    refinement = refinery.refine([write_week_file(tmp_path / NAME, rows)])

    assert refinement.dropped == {}
    lines, products = {
        basket: (lines, products) for basket, lines, products in refinery.baskets("basket_id, lines, products")
    }[int(rows[8]["BASKET_ID"])]
    assert (lines, products) == (5, 4)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [("BASKET_PRICE_SENSITIVITY", "UM", "conflicting label"), ("STORE_CODE", "STORE99999", "conflicting store")],
)
def test_a_basket_that_contradicts_itself_is_left_out_of_gold_and_counted(
    refinery: Refinery, tmp_path: Path, column: str, value: str, reason: str
) -> None:
    rows = valid_rows()
    rows[6][column] = value  # basket 1 is MM in store 1

    refinement = refinery.refine([write_week_file(tmp_path / NAME, rows)])

    counts = refinement.files[0].counts
    assert counts["baskets_dropped"] == {reason: 1}
    assert (refinement.baskets, refinement.rows_kept) == (99, 400)
    assert int(rows[6]["BASKET_ID"]) not in [basket for (basket,) in refinery.baskets("basket_id")]
    (example,) = counts["examples"]
    assert (example["row"], example["column"]) == (8, column)
    assert value in example["value"]


def test_a_file_in_which_too_many_baskets_contradict_themselves_stops_the_run(
    refinery: Refinery, tmp_path: Path
) -> None:
    rows = valid_rows()
    for first_line in rows[4:24:4]:
        first_line["STORE_CODE"] = "STORE99999"

    with pytest.raises(DataError, match=r"conflicting store in 5 baskets .*5 of 100 baskets would be dropped"):
        refinery.refine([write_week_file(tmp_path / NAME, rows)])
    assert refinery.contents() == {}


def test_extra_columns_are_ignored_counted_and_named(refinery: Refinery, tmp_path: Path) -> None:
    rows = [{**row, "LOYALTY": "7"} for row in valid_rows()]

    refinement = refinery.refine([write_week_file(tmp_path / NAME, rows, header=["LOYALTY", *HEADER])])

    assert refinement.files[0].counts["columns_ignored"] == ("LOYALTY",)
    assert refinement.rows_kept == 400
    assert "LOYALTY" in (refinery.reports / "validation.html").read_text()


def test_columns_may_come_in_any_order(refinery: Refinery, tmp_path: Path) -> None:
    refinery.refine([write_week_file(tmp_path / "a" / NAME)])
    usual = refinery.silver()
    other = Refinery(tmp_path / "other")

    other.refine([write_week_file(tmp_path / "b" / NAME, header=HEADER[::-1])])

    assert other.silver() == usual


def test_older_headers_and_codes_give_the_same_silver(refinery: Refinery, tmp_path: Path) -> None:
    refinery.refine([write_week_file(tmp_path / NAME)])
    other = Refinery(tmp_path / "other")
    older = in_older_words(valid_rows())

    other.refine([write_week_file(tmp_path / "older" / NAME, older, header=list(older[0]))])

    assert other.silver() == refinery.silver()
    assert other.baskets("basket_id, label, seg_1, seg_2") == refinery.baskets("basket_id, label, seg_1, seg_2")


def test_files_of_both_header_variants_are_refined_in_one_run(refinery: Refinery, tmp_path: Path) -> None:
    older = in_older_words(valid_rows(week=200719))
    files = [
        write_week_file(tmp_path / "transactions_200719.csv.gz", older, header=list(older[0])),
        write_week_file(tmp_path / f"{NAME}.gz"),
    ]

    refinement = refinery.refine(files)

    assert refinement.dropped == {}
    assert {code for (code,) in refinery.baskets("seg_1")} == {None, "AZ", "BG", "CT", "DY"}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_a_byte_order_mark_change_nothing(
    refinery: Refinery, tmp_path: Path, newline: str, mark: str, last: bool
) -> None:
    text = mark + csv_text(valid_rows()).replace("\n", newline)
    file = tmp_path / NAME
    file.write_bytes(text.encode() if last else text.removesuffix(newline).encode())

    refinement = refinery.refine([file])

    assert (refinement.rows_in, refinement.rows_kept, refinement.dropped) == (400, 400, {})


def test_a_product_never_seen_before_passes(refinery: Refinery, tmp_path: Path) -> None:
    rows = valid_rows()
    rows[0] |= {"PROD_CODE": "NEVER SEEN", "PROD_CODE_10": "", "PROD_CODE_40": ""}

    assert refinery.refine([write_week_file(tmp_path / NAME, rows)]).dropped == {}
    assert ("NEVER SEEN", None) in refinery.products("prod_code, prod_code_10")


def test_quoted_cells_with_commas_and_quotes_are_read(refinery: Refinery, tmp_path: Path) -> None:
    rows = valid_rows()
    rows[0]["PROD_CODE"] = 'a "quoted", code'

    refinery.refine([write_week_file(tmp_path / NAME, rows)])

    assert ('a "quoted", code',) in refinery.products("prod_code")
