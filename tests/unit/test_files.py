import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.files import (
    TEMPORARY_PREFIX,
    fingerprint,
    new_file,
    new_folder,
    read_json,
    replace_folder,
    sha256_of,
    sweep,
    to_json,
    write_json,
)


class StopError(Exception):
    """Work that fails half-way."""


def fail_after_writing(path: Path, error: BaseException) -> None:
    path.write_text("half")
    raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_appears_under_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with new_file(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.name.startswith(TEMPORARY_PREFIX)
        assert temporary.parent == target.parent
    assert target.read_text() == "whole"
    assert names(target.parent) == ["file.txt"]


def test_a_file_whose_writing_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("old")
    with pytest.raises(StopError), new_file(tmp_path / "file.txt") as temporary:
        fail_after_writing(temporary, StopError())
    assert (tmp_path / "file.txt").read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_an_interrupt_cleans_up_as_well(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "file.txt") as temporary:
        fail_after_writing(temporary, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "folder") as temporary:
        fail_after_writing(temporary / "file", KeyboardInterrupt())
    assert names(tmp_path) == []


def test_two_writers_of_one_file_do_not_share_a_temporary_name(tmp_path: Path) -> None:
    with new_file(tmp_path / "a") as first, new_file(tmp_path / "a") as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert names(tmp_path) == ["a"]


def test_a_new_folder_takes_the_place_of_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "folder"
    with new_folder(target) as temporary:
        (temporary / "a").write_text("1")
        assert not target.exists()
    with new_folder(target) as temporary:
        assert names(temporary) == []
        (temporary / "b").write_text("2")
        assert names(target) == ["a"]
    assert names(target) == ["b"]
    assert names(target.parent) == ["folder"]


def test_a_folder_whose_making_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    with pytest.raises(StopError), new_folder(tmp_path / "folder") as temporary:
        fail_after_writing(temporary / "new", StopError())
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["old"]


def test_replacing_a_folder_moves_the_other_one_into_its_place(tmp_path: Path) -> None:
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert names(tmp_path) == ["old"]
    assert names(tmp_path / "old") == ["new"]
    replace_folder(tmp_path / "old", tmp_path / "elsewhere" / "first")
    assert names(tmp_path / "elsewhere" / "first") == ["new"]


def test_a_sweep_takes_leftovers_at_any_depth_and_nothing_else(tmp_path: Path) -> None:
    kept = tmp_path / "week" / "part.parquet"
    kept.parent.mkdir()
    kept.write_text("kept")
    left = tmp_path / "week" / f"{TEMPORARY_PREFIX}1-part"
    (left / f"{TEMPORARY_PREFIX}2-inner").mkdir(parents=True)
    (left / "file").touch()
    (tmp_path / f"{TEMPORARY_PREFIX}3-file").touch()
    sweep(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["week", "week/part.parquet"]
    assert kept.read_text() == "kept"


def test_a_sweep_of_a_folder_that_does_not_exist_does_nothing(tmp_path: Path) -> None:
    sweep(tmp_path / "absent")
    assert names(tmp_path) == []


def test_json_comes_back_as_it_was_and_equal_values_give_equal_text(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None, "ü"], "a": {"y": True, "x": "£"}}
    write_json(tmp_path / "value.json", value)
    assert read_json(tmp_path / "value.json") == value
    assert to_json(value) == to_json({"a": {"x": "£", "y": True}, "b": [1, 2.5, None, "ü"]})
    assert "£" in (tmp_path / "value.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_json_cannot_hold_is_refused_and_leaves_no_file(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "value.json", {"a": value})
    assert names(tmp_path) == []


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()))
def test_a_fingerprint_depends_on_the_content_and_not_on_the_order(value: dict[str, object]) -> None:
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))
    assert fingerprint(value) != fingerprint({**value, "one more": 1, "and one": 2})


def test_a_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
