"""From paths to files under raw/: what is taken, what is refused, and what a second delivery does."""

from pathlib import Path

import pytest

from ml.data.inputs import collect_inputs, land, land_files
from ml.data.snapshot import Stamp
from ml.errors import DataError
from ml.use_case import load_use_case
from tests.weekly_files import valid_rows, write_week_file

USE_CASE = load_use_case("price_sensitivity")


def test_a_folder_gives_its_weekly_files_in_order_and_says_what_it_leaves_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = write_week_file(tmp_path / "transactions_200720.csv")
    first = write_week_file(tmp_path / "transactions_200719.csv.gz")
    (tmp_path / "time.csv").write_text("shop_week,date_from,date_to\n")
    (tmp_path / "notes.txt").write_text("not data")

    assert collect_inputs([tmp_path]) == [first, second]
    assert "time.csv" in capsys.readouterr().err


def test_files_without_a_week_in_their_name_are_taken_where_none_has_one(tmp_path: Path) -> None:
    file = write_week_file(tmp_path / "new.csv")

    assert collect_inputs([tmp_path]) == [file]


def test_a_file_named_twice_is_taken_once(tmp_path: Path) -> None:
    file = write_week_file(tmp_path / "transactions_200720.csv")

    assert collect_inputs([file, tmp_path]) == [file]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent", "no such file or folder"), ("empty", "holds no .csv"), ("notes.txt", "must end in .csv or .csv.gz")],
)
def test_a_path_without_files_is_refused_by_name(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("not data")

    with pytest.raises(DataError, match=reason) as caught:
        collect_inputs([tmp_path / name])
    assert str(tmp_path / name) in str(caught.value)


def test_nothing_named_is_refused() -> None:
    with pytest.raises(DataError, match="no input"):
        collect_inputs([])


def test_files_land_byte_for_byte_under_their_week(tmp_path: Path) -> None:
    file = write_week_file(tmp_path / "in" / "transactions_200720.csv.gz")
    unnamed = write_week_file(tmp_path / "in" / "new.csv", valid_rows(week=200719))

    landed = land([file, unnamed], raw=tmp_path / "raw", use_case=USE_CASE)

    assert landed == [
        tmp_path / "raw/shop_week=200719/new.csv",
        tmp_path / "raw/shop_week=200720/transactions_200720.csv.gz",
    ]
    assert [path.read_bytes() for path in landed] == [unnamed.read_bytes(), file.read_bytes()]


def test_landing_again_copies_nothing(tmp_path: Path) -> None:
    file = write_week_file(tmp_path / "transactions_200720.csv")
    (first,) = land_files([file], raw=tmp_path / "raw", use_case=USE_CASE)
    inode = first.path.stat().st_ino

    (second,) = land_files([file], raw=tmp_path / "raw", use_case=USE_CASE)
    (in_place,) = land_files([first.path], raw=tmp_path / "raw", use_case=USE_CASE)

    assert [first.status, second.status, in_place.status] == ["new", "unchanged", "unchanged"]
    assert first.path.stat().st_ino == inode
    assert second.sha256 == first.sha256


def test_a_corrected_delivery_takes_the_place_of_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    land([write_week_file(tmp_path / "a/transactions_200720.csv")], raw=tmp_path / "raw", use_case=USE_CASE)
    corrected = write_week_file(tmp_path / "b/transactions_200720.csv.gz", valid_rows(baskets=7))

    land([corrected], raw=tmp_path / "raw", use_case=USE_CASE)

    (only,) = (tmp_path / "raw/shop_week=200720").iterdir()
    assert only.read_bytes() == corrected.read_bytes()
    assert "replaces another delivery of week 200720" in capsys.readouterr().err


def test_two_different_files_of_one_week_are_refused_naming_both(tmp_path: Path) -> None:
    first = write_week_file(tmp_path / "a/transactions_200720.csv")
    second = write_week_file(tmp_path / "b/transactions_200720.csv", valid_rows(baskets=7))

    with pytest.raises(DataError, match="both hold week 200720 and differ") as caught:
        land([first, second], raw=tmp_path / "raw", use_case=USE_CASE)
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)
    assert not list((tmp_path / "raw").iterdir())


def test_the_same_file_from_two_places_lands_once_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write_week_file(tmp_path / "a/transactions_200720.csv")
    second = write_week_file(tmp_path / "b/transactions_200720.csv")

    assert len(land([first, second], raw=tmp_path / "raw", use_case=USE_CASE)) == 1
    assert f"skipped {second}" in capsys.readouterr().err


def test_a_file_that_changes_while_it_lands_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_week_file(tmp_path / "transactions_200720.csv")
    of = Stamp.of
    stamps = iter([of(file)])
    monkeypatch.setattr(Stamp, "of", lambda path: next(stamps, Stamp(size=of(path).size + 1, changed=0)))

    with pytest.raises(DataError, match="changed while it was read") as caught:
        land([file], raw=tmp_path / "raw", use_case=USE_CASE)
    assert str(file) in str(caught.value)
    assert not [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]
