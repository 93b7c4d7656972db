from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.errors import DataError
from ml.features.baskets import Baskets
from ml.features.gold_reader import gold_weeks, load_gold, read_baskets
from tests.baskets import baskets_of, draw_baskets, small_use_case, write_gold

USE_CASE = small_use_case()


def assert_equal(found: Baskets, expected: Baskets) -> None:
    for name in ("ids", "weeks", "labels", "offsets", "line_products"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    for name in ("numbers", "categories", "catalogue"):
        mine, theirs = getattr(found, name), getattr(expected, name)
        assert set(theirs) >= set(mine), name
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key], err_msg=key)


def test_gold_reads_back_as_it_was_written(tmp_path: Path) -> None:
    baskets = draw_baskets(baskets=300).baskets
    gold = write_gold(tmp_path, baskets, USE_CASE)
    weeks = gold_weeks(gold)
    assert weeks == sorted(set(baskets.weeks.tolist()))
    assert_equal(load_gold(gold, USE_CASE, weeks=weeks), baskets)


def test_the_order_of_files_rows_and_lines_does_not_show(tmp_path: Path) -> None:
    baskets = draw_baskets(baskets=300).baskets
    gold = write_gold(tmp_path, baskets, USE_CASE, shuffle=11)
    assert_equal(load_gold(gold, USE_CASE, weeks=gold_weeks(gold)[::-1]), baskets)


def test_a_file_without_labels_gives_unlabelled_baskets_and_missing_texts_are_empty(tmp_path: Path) -> None:
    baskets = baskets_of([(-1, ["b", "a"]), (-1, ["a"])], parents={"a": ("D1",)})
    found = load_gold(write_gold(tmp_path, baskets, USE_CASE), USE_CASE, weeks=[200701])
    assert found.labels.tolist() == [-1, -1]
    assert found.categories["seg_1"].tolist() == ["", ""]
    assert found.catalogue["prod_code_10"].tolist() == ["D1", ""]


def test_a_class_that_is_none_of_the_use_cases_is_unlabelled(tmp_path: Path) -> None:
    codes = ("LA", "MM", "XX")
    classes = tuple(
        each.model_copy(update={"code": code}) for each, code in zip(USE_CASE.label.classes, codes, strict=True)
    )
    other = USE_CASE.model_copy(update={"label": USE_CASE.label.model_copy(update={"classes": classes})})
    gold = write_gold(tmp_path, baskets_of([(0, ["a"]), (2, ["a"])]), other)
    assert load_gold(gold, USE_CASE, weeks=[200701]).labels.tolist() == [0, -1]


def test_a_week_that_gold_lacks_is_named(tmp_path: Path) -> None:
    gold = write_gold(tmp_path, baskets_of([(0, ["a"])]), USE_CASE)
    with pytest.raises(DataError, match="no gold data for week 200702; run the ETL"):
        load_gold(gold, USE_CASE, weeks=[200701, 200702])


def test_products_that_baskets_hold_and_the_products_table_lacks_are_an_error(tmp_path: Path) -> None:
    full = write_gold(tmp_path / "full", baskets_of([(0, ["a", "b"])]), USE_CASE)
    part = write_gold(tmp_path / "part", baskets_of([(0, ["a"])]), USE_CASE)
    baskets, products = (str(gold / name / "*" / "*.parquet") for gold, name in ((full, "baskets"), (part, "products")))
    with pytest.raises(DataError, match="lacks products that its baskets hold"):
        read_baskets([baskets], [products], USE_CASE)


def test_taking_by_mask_and_by_position_agree_and_keep_each_baskets_lines() -> None:
    baskets = draw_baskets(baskets=200).baskets
    mask = np.random.default_rng(1).random(200) < 0.4
    by_mask, by_position = baskets.take(mask), baskets.take(np.flatnonzero(mask))
    assert_equal(by_mask, by_position)
    for row, original in enumerate(np.flatnonzero(mask).tolist()):
        mine = by_mask.line_products[by_mask.offsets[row] : by_mask.offsets[row + 1]]
        theirs = baskets.line_products[baskets.offsets[original] : baskets.offsets[original + 1]]
        np.testing.assert_array_equal(mine, theirs)


def test_taking_nothing_gives_no_baskets() -> None:
    baskets = draw_baskets(baskets=20).baskets
    nothing = baskets.take(np.zeros(20, dtype=bool))
    assert (len(nothing), len(nothing.line_products), nothing.offsets.tolist()) == (0, 0, [0])


def test_codes_sort_alike_in_gold_and_in_memory_whatever_their_letters(tmp_path: Path) -> None:
    baskets = baskets_of([(0, ["é", "Z", "a", "z", "10", "9", "𝛼", "～"])])
    found = load_gold(write_gold(tmp_path, baskets, USE_CASE, shuffle=2), USE_CASE, weeks=[200701])
    assert_equal(found, replace(baskets, categories=found.categories))
