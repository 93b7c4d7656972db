import numpy as np
import pytest
from numpy.typing import NDArray

from ml.errors import DataError
from ml.evaluation.importance import permutation_importance

Features = NDArray[np.float32]


def sample(rows: int = 2000) -> tuple[Features, NDArray[np.int64]]:
    X = np.random.default_rng(4).normal(size=(rows, 4)).astype(np.float32)
    return X, (X[:, 1] > 0).astype(np.int64)


def by_second_column(X: Features) -> NDArray[np.int64]:
    return (X[:, 1] > 0).astype(np.int64)


def test_the_column_that_decides_comes_first_and_the_others_are_worth_nothing() -> None:
    X, labels = sample()
    groups = {"noise": [0], "signal": [1], "more noise": [2, 3]}
    found = permutation_importance(by_second_column, X, labels, groups, seed=1)
    assert found[0].feature == "signal"
    assert found[0].drop == pytest.approx(0.5, abs=0.05)
    assert [each.drop for each in found[1:]] == [0.0, 0.0]


def test_columns_of_a_group_are_shuffled_together() -> None:
    X, labels = sample()
    X[:, 2] = X[:, 1]

    def agreeing(rows: Features) -> NDArray[np.int64]:
        """Right only while the twin columns still belong to one row."""
        return np.where(rows[:, 1] == rows[:, 2], 1, 0).astype(np.int64)

    ones = np.ones_like(labels)
    together, alone = (
        permutation_importance(agreeing, X, ones, {"twins": columns}, seed=1)[0].drop for columns in ([1, 2], [1])
    )
    assert together == 0.0
    assert alone > 0.9


def test_probabilities_do_as_well_as_classes() -> None:
    X, labels = sample()

    def probabilities(rows: Features) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.eye(2)[by_second_column(rows)]
        return found

    groups = {"signal": [1], "noise": [0]}
    assert permutation_importance(probabilities, X, labels, groups, seed=1) == permutation_importance(
        by_second_column, X, labels, groups, seed=1
    )


def test_no_more_rows_are_predicted_than_allowed_and_none_is_changed() -> None:
    X, labels = sample(3000)
    before, seen = X.copy(), []

    def counting(rows: Features) -> NDArray[np.int64]:
        seen.append(len(rows))
        return by_second_column(rows)

    permutation_importance(counting, X, labels, {"signal": [1]}, seed=1, max_rows=500, repeats=2)
    assert seen == [500, 500, 500]
    assert np.array_equal(X, before)


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="no labelled basket"):
        permutation_importance(by_second_column, np.empty((0, 4), np.float32), np.array([], np.int64), {}, seed=1)
