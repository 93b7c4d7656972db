"""Files that must not enter the lake: each is refused by name, and the lake stays as it was."""

import gzip
import os
import time
from pathlib import Path

import pytest

from ml.data import snapshot
from ml.data.staging import stage
from ml.errors import DataError
from tests.unit.features.refinery import Refinery
from tests.weekly_files import HEADER, OLDER, WEEK, csv_text, valid_rows, write_week_file

NAME = f"transactions_{WEEK}.csv"


def refusal(refinery: Refinery, file: Path, *, max_dropped_share: float = 0.01) -> str:
    """Refine ``file``, expect a DataError that names it and leaves nothing behind; return its message."""
    with pytest.raises(DataError) as caught:
        refinery.refine([file], max_dropped_share=max_dropped_share)
    assert str(file) in str(caught.value)
    assert refinery.contents() == {}
    assert not list(refinery.root.rglob(".tmp-*"))
    assert refinery.validation()["meta"]["stopped"] == str(caught.value)
    assert "stopped" in (refinery.reports / "validation.html").read_text()
    return str(caught.value)


def test_a_header_with_a_missing_column_names_the_file_and_the_column(refinery: Refinery, tmp_path: Path) -> None:
    file = write_week_file(tmp_path / NAME, header=[name for name in HEADER if name != "STORE_CODE"])

    assert "column STORE_CODE is missing" in refusal(refinery, file)


def test_a_renamed_column_is_refused_with_the_name_it_may_have_now(refinery: Refinery, tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text(csv_text(valid_rows()).replace("STORE_CODE", "STORE_CD", 1))

    message = refusal(refinery, file)

    assert "column STORE_CODE is missing" in message
    assert "renamed to 'STORE_CD'" in message


def test_a_file_to_learn_from_needs_the_label_column(refinery: Refinery, tmp_path: Path) -> None:
    file = write_week_file(tmp_path / NAME, header=[name for name in HEADER if name != "BASKET_PRICE_SENSITIVITY"])

    assert "BASKET_PRICE_SENSITIVITY is missing" in refusal(refinery, file)


def test_both_names_of_one_column_in_a_header_are_refused(refinery: Refinery, tmp_path: Path) -> None:
    file = write_week_file(tmp_path / NAME, header=[*HEADER, OLDER["seg_1"]])

    assert "seg_1 and CUST_PRICE_SENSITIVITY" in refusal(refinery, file)


def test_a_column_named_twice_is_refused(refinery: Refinery, tmp_path: Path) -> None:
    file = write_week_file(tmp_path / NAME, header=[*HEADER, "QUANTITY"])

    assert "'QUANTITY' 2 times" in refusal(refinery, file)


@pytest.mark.parametrize("name", [NAME, f"{NAME}.gz"])
@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_file_is_refused(refinery: Refinery, tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    assert "the file is empty" in refusal(refinery, file)


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_header_without_rows_is_refused(refinery: Refinery, tmp_path: Path, end: str) -> None:
    file = tmp_path / NAME
    file.write_text(",".join(HEADER) + end)

    assert "a header and no rows" in refusal(refinery, file)


@pytest.mark.parametrize("kept", [5, 100, -4, -9])
def test_a_truncated_gzip_is_refused_wherever_it_was_cut(refinery: Refinery, tmp_path: Path, kept: int) -> None:
    file = write_week_file(tmp_path / f"{NAME}.gz")
    file.write_bytes(file.read_bytes()[:kept])

    assert "truncated" in refusal(refinery, file)


def test_a_damaged_gzip_is_refused(refinery: Refinery, tmp_path: Path) -> None:
    file = write_week_file(tmp_path / f"{NAME}.gz")
    data = bytearray(file.read_bytes())
    data[-6] ^= 0xFF  # in the check sum: the content still unpacks
    file.write_bytes(bytes(data))

    assert "not a whole gzip file" in refusal(refinery, file)


def test_plain_text_under_a_gzip_name_is_refused(refinery: Refinery, tmp_path: Path) -> None:
    file = tmp_path / f"{NAME}.gz"
    file.write_text(csv_text(valid_rows()))

    assert "gzip" in refusal(refinery, file)


def test_text_that_is_not_utf8_is_refused_with_its_row(refinery: Refinery, tmp_path: Path) -> None:
    rows = valid_rows()
    rows[41]["BASKET_TYPE"] = "Café"
    file = write_week_file(tmp_path / NAME, rows, encoding="latin-1")

    assert "not UTF-8 in row 43" in refusal(refinery, file)


def test_utf8_that_is_cut_by_the_end_of_a_chunk_is_read(
    refinery: Refinery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = valid_rows()
    for row in rows:
        row["PROD_CODE"] = "é" + row["PROD_CODE"]
    file = write_week_file(tmp_path / NAME, rows)
    monkeypatch.setattr(snapshot, "_CHUNK", 7)

    assert refinery.refine([file]).rows_kept == len(rows)


def test_rows_of_another_week_are_refused_with_row_and_column(refinery: Refinery, tmp_path: Path) -> None:
    rows = valid_rows()
    rows[9]["SHOP_WEEK"] = "200719"

    message = refusal(refinery, write_week_file(tmp_path / NAME, rows), max_dropped_share=0.5)

    assert "row 11, column SHOP_WEEK: '200719'" in message


def test_a_file_without_a_week_in_its_name_must_hold_one_week_only(refinery: Refinery, tmp_path: Path) -> None:
    mixed = [*valid_rows(week=200719), *valid_rows(week=200720)]

    assert "row 402, column SHOP_WEEK: '200720'" in refusal(refinery, write_week_file(tmp_path / "new.csv", mixed))


def test_a_file_without_a_week_anywhere_is_refused(refinery: Refinery, tmp_path: Path) -> None:
    rows = valid_rows()
    rows[0]["SHOP_WEEK"] = "week 20"
    file = write_week_file(tmp_path / "new.csv", rows)

    with pytest.raises(DataError, match="no week") as caught:
        refinery.refine([file])
    assert "column SHOP_WEEK holds 'week 20'" in str(caught.value)


def test_the_same_week_from_two_files_is_refused_naming_both(refinery: Refinery, tmp_path: Path) -> None:
    first = write_week_file(tmp_path / "a" / NAME)
    second = write_week_file(tmp_path / "b" / NAME)

    with pytest.raises(DataError, match="both hold week 200720") as caught:
        refinery.refine([first, second])
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)


def test_a_file_that_grows_while_it_is_read_is_refused(
    refinery: Refinery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_week_file(tmp_path / NAME)
    take = snapshot._Text.take

    def growing(self: snapshot._Text, chunk: bytes) -> None:
        take(self, chunk)
        with file.open("a") as stream:
            stream.write(csv_text(valid_rows(baskets=1)).split("\n", 1)[1])

    monkeypatch.setattr(snapshot._Text, "take", growing)
    monkeypatch.setattr(snapshot, "_CHUNK", 1 << 30)
    assert "changed while it was read" in refusal(refinery, file)


def test_a_file_that_is_rewritten_while_it_is_refined_is_refused(
    refinery: Refinery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_week_file(tmp_path / NAME)

    def late(*arguments: object, **options: object) -> tuple[int, int]:
        later = time.time() + 5
        os.utime(file, (later, later))
        return stage(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("ml.features.refine_file.stage", late)
    assert "changed while it was read" in refusal(refinery, file)


def test_a_file_of_which_no_valid_row_is_left_is_refused(refinery: Refinery, tmp_path: Path) -> None:
    rows = [{**row, "QUANTITY": "many"} for row in valid_rows()]

    message = refusal(refinery, write_week_file(tmp_path / NAME, rows), max_dropped_share=1.0)

    assert "QUANTITY is not a whole number in 400 rows" in message
    assert "no valid rows are left" in message


def test_a_file_that_would_lose_too_many_rows_is_refused_with_rule_rows_and_values(
    refinery: Refinery, tmp_path: Path
) -> None:
    rows = valid_rows()
    for row in rows[10:15]:
        row["QUANTITY"] = "-3"

    message = refusal(refinery, write_week_file(tmp_path / NAME, rows), max_dropped_share=0.012)

    assert "QUANTITY is below 1 in 5 rows (row 12, column QUANTITY: '-3'; row 13" in message
    assert "5 of 400 rows would be dropped, 1.25 %, and validation.max_dropped_share allows 1.2 %" in message
    failed = [each for each in refinery.validation()["results"] if not each["success"]]
    assert [each["expectation_config"]["meta"]["rule"] for each in failed] == ["quantity.minimum"]


def test_a_file_that_does_not_exist_is_refused(refinery: Refinery, tmp_path: Path) -> None:
    assert "there is no such file" in refusal(refinery, tmp_path / NAME)


def test_no_input_is_refused(refinery: Refinery) -> None:
    with pytest.raises(DataError, match="no input"):
        refinery.refine([])
