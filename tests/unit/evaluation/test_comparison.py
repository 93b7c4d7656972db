import numpy as np
import pytest

from ml.errors import DataError
from ml.evaluation.metrics import compare
from tests.unit.evaluation.samples import predictions


def test_the_paired_interval_equals_a_bootstrap_over_rows() -> None:
    labels, probabilities = predictions(1500, seed=21, quality=1.5)
    a = probabilities.argmax(axis=1)
    b = np.where(np.random.default_rng(5).random(1500) < 0.1, (a + 1) % 3, a)
    found = compare(labels, a, b, 7, replicates=4000)

    rng = np.random.default_rng(8)
    differences = []
    for _ in range(1500):
        rows = rng.integers(0, 1500, size=1500)
        differences.append((a[rows] == labels[rows]).mean() - (b[rows] == labels[rows]).mean())
    low, high = np.quantile(differences, [0.025, 0.975])
    assert [found.accuracy_difference.low, found.accuracy_difference.high] == pytest.approx(
        [low, high], abs=0.12 * (high - low)
    )


def test_pairing_sees_a_small_difference_that_separate_intervals_would_hide() -> None:
    labels, probabilities = predictions(4000, seed=22, quality=1.5)
    a = probabilities.argmax(axis=1)
    b = a.copy()
    right = np.flatnonzero(a == labels)[:25]
    b[right] = (b[right] + 1) % 3
    found = compare(labels, a, b, 7)
    assert found.accuracy_difference.low > 0
    assert (found.only_a_right, found.only_b_right) == (25, 0)
    assert found.better_share > 0.95


def test_a_model_against_itself_differs_by_nothing() -> None:
    labels, probabilities = predictions(300, seed=23)
    found = compare(labels, probabilities.argmax(axis=1), probabilities.argmax(axis=1), 7)
    difference = found.macro_f1_difference
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    assert found.better_share == 0.5


def test_exchanging_the_models_exchanges_the_sign() -> None:
    labels, probabilities = predictions(800, seed=24, quality=1.0)
    a, b = probabilities.argmax(axis=1), labels
    there, back = compare(labels, a, b, 7), compare(labels, b, a, 7)
    assert there.macro_f1_difference.value == pytest.approx(-back.macro_f1_difference.value)
    assert (there.only_a_right, there.only_b_right) == (back.only_b_right, back.only_a_right)


def test_predictions_of_other_rows_or_of_none_are_refused() -> None:
    none = np.array([], dtype=np.int64)
    with pytest.raises(ValueError, match="paired"):
        compare(np.array([0, 1]), np.array([0, 1]), np.array([0]), 7)
    with pytest.raises(DataError, match="no labelled basket"):
        compare(none, none, none, 7)
