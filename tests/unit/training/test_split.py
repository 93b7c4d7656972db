import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import DataError, SettingsError
from ml.training.split import assign_folds, check_disjoint, check_learnable, labelled, split_weeks
from tests.baskets import baskets_of


def test_the_last_weeks_are_held_out_whatever_order_they_come_in() -> None:
    split = split_weeks([200702, 200652, 200701, 200703], 2)
    assert split.train == (200652, 200701)
    assert split.holdout == (200702, 200703)


@pytest.mark.parametrize("holdout_weeks", [3, 4])
def test_a_hold_out_that_leaves_nothing_to_learn_from_names_the_setting(holdout_weeks: int) -> None:
    with pytest.raises(
        SettingsError, match=rf"holdout_weeks is {holdout_weeks}, but there are 3 weeks.*--holdout-weeks"
    ):
        split_weeks([1, 2, 3], holdout_weeks)


def test_unclassified_baskets_and_ids_seen_in_two_weeks_are_set_aside_and_counted() -> None:
    rows = [(0, ["a"]), (-1, ["b"]), (1, ["c"]), (2, ["d"]), (-1, ["e"])]
    found = labelled(baskets_of(rows, ids=[1, 2, 3, 1, 3], weeks=[1, 1, 1, 2, 2]))
    assert found.baskets.ids.tolist() == []
    assert found.dropped == {"unclassified": 2, "basket in two weeks": 3}
    found = labelled(baskets_of(rows, ids=[1, 2, 3, 4, 5]))
    assert found.baskets.ids.tolist() == [1, 3, 4]
    assert found.dropped == {"unclassified": 2, "basket in two weeks": 0}


def test_a_basket_or_a_week_on_both_sides_is_named() -> None:
    train = baskets_of([(0, ["a"]), (0, ["a"])], ids=[1, 2], weeks=[200701, 200702])
    check_disjoint(train, baskets_of([(0, ["a"])], ids=[3], weeks=[200703]))
    with pytest.raises(DataError, match="basket 2 is in the training weeks and in the hold-out"):
        check_disjoint(train, baskets_of([(0, ["a"])], ids=[2], weeks=[200703]))
    with pytest.raises(DataError, match="week 200702 is in the training weeks and in the hold-out"):
        check_disjoint(train, baskets_of([(0, ["a"])], ids=[3], weeks=[200702]))


def test_a_class_with_fewer_baskets_than_folds_is_named_with_its_count() -> None:
    baskets = baskets_of([(0, ["a"])] * 5 + [(1, ["a"])] * 2)
    check_learnable(baskets, ["High", "Medium"], folds=2, where="the training weeks")
    with pytest.raises(DataError, match="the training weeks hold 2 baskets of class Medium, fewer than the 3 folds"):
        check_learnable(baskets, ["High", "Medium"], folds=3, where="the training weeks")


@given(size=st.integers(1, 200), folds=st.integers(2, 7), seed=st.integers(0, 2**32))
def test_folds_partition_the_baskets_in_equal_parts_that_depend_on_the_seed_alone(
    size: int, folds: int, seed: int
) -> None:
    baskets = baskets_of([(0, ["a"])] * size)
    found = assign_folds(baskets, folds=folds, seed=seed)
    sizes = np.bincount(found, minlength=folds)
    assert sizes.sum() == size
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(found, assign_folds(baskets, folds=folds, seed=seed))


def test_another_seed_draws_other_folds() -> None:
    baskets = baskets_of([(0, ["a"])] * 100)
    assert (assign_folds(baskets, folds=5, seed=1) != assign_folds(baskets, folds=5, seed=2)).any()
