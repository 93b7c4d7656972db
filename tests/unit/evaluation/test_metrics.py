import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as oracle

from ml.errors import DataError
from ml.evaluation.confusion import rates
from ml.evaluation.metrics import Scores, calibration_curve, score, slice_scores
from tests.unit.evaluation.samples import CLASSES, certain, predictions


@given(
    rows=st.integers(1, 300),
    classes=st.integers(2, 5),
    quality=st.floats(0, 6),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_every_figure_agrees_with_scikit_learn(rows: int, classes: int, quality: float, seed: int) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.ones(classes))
    labels, probabilities = predictions(rows, seed=seed, quality=quality, shares=tuple(shares))
    names = [f"class {index}" for index in range(classes)]
    found = score(labels, probabilities, classes=names, seed=seed, replicates=20)

    predicted = probabilities.argmax(axis=1)
    everything = np.arange(classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        macro = oracle.precision_recall_fscore_support(labels, predicted, average="macro", zero_division=0)
        each = oracle.precision_recall_fscore_support(labels, predicted, labels=everything, zero_division=0)
        log_loss = oracle.log_loss(labels, probabilities, labels=everything)
        brier = oracle.brier_score_loss(labels, probabilities, labels=everything, scale_by_half=False)
    assert found.accuracy.value == pytest.approx(oracle.accuracy_score(labels, predicted))
    assert [found.macro_precision.value, found.macro_recall.value, found.macro_f1.value] == pytest.approx(
        list(macro[:3])
    )
    assert [c.precision.value for c in found.per_class] == pytest.approx(list(each[0]))
    assert [c.recall.value for c in found.per_class] == pytest.approx(list(each[1]))
    assert [c.f1.value for c in found.per_class] == pytest.approx(list(each[2]))
    assert [c.support for c in found.per_class] == list(each[3])
    assert found.log_loss.value == pytest.approx(log_loss)
    assert found.brier.value == pytest.approx(brier)
    assert np.array_equal(found.confusion, oracle.confusion_matrix(labels, predicted, labels=everything))


def row_bootstrap(labels: NDArray[np.int64], predicted: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Macro F1 and accuracy (2, 1000) of rows drawn with replacement, the plain way."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(1000):
        rows = rng.integers(0, len(labels), size=len(labels))
        matrix = np.zeros((3, 3), dtype=np.int64)
        np.add.at(matrix, (labels[rows], predicted[rows]), 1)
        found.append((rates(matrix).macro_f1, rates(matrix).accuracy))
    return np.array(found).T


def test_the_multinomial_interval_equals_a_bootstrap_over_rows() -> None:
    labels, probabilities = predictions(2000, seed=11, quality=1.5)
    found = score(labels, probabilities, classes=CLASSES, seed=3, replicates=4000)
    macro_f1, accuracy = row_bootstrap(labels, probabilities.argmax(axis=1), seed=4)
    width = found.macro_f1.high - found.macro_f1.low
    assert [found.macro_f1.low, found.macro_f1.high] == pytest.approx(
        list(np.quantile(macro_f1, [0.025, 0.975])), abs=0.1 * width
    )
    # Accuracy has a Wilson interval: at this size the two ways may differ by little only.
    assert [found.accuracy.low, found.accuracy.high] == pytest.approx(
        list(np.quantile(accuracy, [0.025, 0.975])), abs=0.1 * width
    )


def test_the_interval_of_macro_f1_covers_the_truth_about_95_times_in_100() -> None:
    labels, probabilities = predictions(200_000, seed=1, quality=1.5)
    truth = score(labels, probabilities, classes=CLASSES, seed=1, replicates=2).macro_f1.value
    covered = 0
    for number in range(200):
        rows = slice(1000 * number, 1000 * (number + 1))
        found = score(labels[rows], probabilities[rows], classes=CLASSES, seed=number, replicates=300)
        covered += found.macro_f1.low <= truth <= found.macro_f1.high
    assert 0.89 <= covered / 200 <= 0.99


def test_a_perfect_score_on_few_rows_is_not_taken_as_certain() -> None:
    labels = np.array([0, 1, 2] * 4, dtype=np.int64)
    found = score(labels, certain(labels), classes=CLASSES, seed=1)
    assert found.accuracy.value == found.accuracy.high == 1.0
    assert found.accuracy.low < 0.8


def test_the_same_seed_gives_the_same_intervals_and_the_json_form_reads_back() -> None:
    labels, probabilities = predictions(500, seed=2)
    first = score(labels, probabilities, classes=CLASSES, seed=9)
    second = score(labels, probabilities, classes=CLASSES, seed=9)
    text = json.dumps(first.model_dump(mode="json"), allow_nan=False)
    assert first == second == Scores.model_validate_json(text)


@pytest.mark.parametrize("row", [(np.nan, 0.5, 0.5), (np.inf, 0, 0), (0.9, 0.9, 0.9), (-0.5, 1.0, 0.5)])
def test_rows_that_are_no_distribution_are_counted_and_held_as_mistakes(row: tuple[float, ...]) -> None:
    labels, probabilities = predictions(400, seed=8, quality=9.0)
    assert score(labels, probabilities, classes=CLASSES, seed=1).accuracy.value == 1.0
    probabilities[:40] = row
    found = score(labels, probabilities, classes=CLASSES, seed=1)
    assert found.unusable_rows == 40
    assert found.accuracy.value == pytest.approx(0.9)
    assert np.isfinite(found.log_loss.value)


def test_single_precision_rounding_does_not_make_a_row_unusable() -> None:
    labels, probabilities = predictions(400, seed=8)
    rounded = probabilities.astype(np.float32).astype(np.float64)
    assert score(labels, rounded, classes=CLASSES, seed=1).unusable_rows == 0


def test_the_weakest_class_is_the_one_of_least_precision() -> None:
    labels = np.array([0] * 50 + [1] * 50 + [2] * 50, dtype=np.int64)
    predicted = labels.copy()
    predicted[:10] = 2
    found = score(labels, certain(predicted), classes=CLASSES, seed=1)
    assert found.weakest_class == "Low"
    assert found.class_precision_minimum.value == pytest.approx(50 / 60)


def test_a_class_that_is_never_predicted_is_the_weakest_with_precision_nought() -> None:
    labels = np.array([0, 0, 1, 1, 2], dtype=np.int64)
    found = score(labels, certain(np.array([0, 0, 1, 1, 1])), classes=CLASSES, seed=1)
    assert (found.weakest_class, found.class_precision_minimum.value) == ("Low", 0.0)


def test_no_rows_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DataError, match="hold out more weeks"):
        score(np.array([], dtype=np.int64), np.empty((0, 3)), classes=CLASSES, seed=1)


def test_labels_and_probabilities_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="probabilities are"):
        score(np.array([0]), np.ones((2, 3)) / 3, classes=CLASSES, seed=1)
    with pytest.raises(ValueError, match="lies outside"):
        score(np.array([3]), np.ones((1, 3)) / 3, classes=CLASSES, seed=1)


def test_an_overconfident_model_has_the_calibration_error_it_was_built_with() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, size=20_000)
    predicted = np.where(rng.random(20_000) < 0.7, labels, 1 - labels)
    probabilities = np.where(np.eye(2)[predicted] == 1, 0.9, 0.1)
    found = score(labels, probabilities, classes=("no", "yes"), seed=1).calibration_error
    assert found.value == pytest.approx(0.2, abs=0.01)
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.03


def test_the_calibration_curve_of_an_honest_model_lies_on_the_diagonal() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(3), size=30_000)
    labels = (probabilities.cumsum(axis=1) < rng.random((30_000, 1))).sum(axis=1)
    found = calibration_curve(labels, probabilities, classes=CLASSES)
    assert {each.curve for each in found} == {"predicted class", *CLASSES}
    for name in ("predicted class", *CLASSES):
        assert sum(each.rows for each in found if each.curve == name) == 30_000
    inside = [each.share.low <= each.mean_probability <= each.share.high for each in found]
    assert np.mean(inside) > 0.85
    assert all(each.low <= each.mean_probability <= each.high for each in found)


def test_slices_split_the_rows_by_value_and_keep_missing_ones_apart() -> None:
    labels, probabilities = predictions(1000, seed=3, quality=2.0)
    region = np.array(["N01"] * 600 + ["E01"] * 300 + [None] * 60 + [""] * 40, dtype=object)
    found = slice_scores(labels, probabilities, {"store_region": region}, seed=1)["store_region"]
    assert [(each.value, each.rows, each.small) for each in found] == [
        ("E01", 300, False),
        ("N01", 600, False),
        ("(missing)", 100, True),
    ]
    alone = score(labels[:600], probabilities[:600], classes=CLASSES, seed=1)
    assert found[1].accuracy == alone.accuracy
    assert found[1].macro_f1 == alone.macro_f1


def test_a_weak_slice_shows_as_weak() -> None:
    labels, probabilities = predictions(4000, seed=3, quality=5.0)
    _, noise = predictions(1000, seed=4, quality=0.0)
    probabilities[:1000] = noise
    found = slice_scores(labels, probabilities, {"part": np.repeat([1, 2, 3, 10], 1000)}, seed=1)["part"]
    assert [each.value for each in found] == ["1", "2", "3", "10"]
    assert found[0].macro_f1.high < min(each.macro_f1.low for each in found[1:])


def test_slices_of_numbers_with_gaps_and_masks_know_what_is_missing() -> None:
    labels, probabilities = predictions(4, seed=3)
    gaps = slice_scores(labels, probabilities, {"x": np.array([2.0, np.nan, 1.0, 2.0])}, seed=1)["x"]
    masked = np.ma.MaskedArray(["b", "a", "b", "b"], mask=[False, False, True, False])
    masks = slice_scores(labels, probabilities, {"x": masked}, seed=1)["x"]
    assert [(each.value, each.rows) for each in gaps] == [("1.0", 1), ("2.0", 2), ("(missing)", 1)]
    assert [(each.value, each.rows) for each in masks] == [("a", 1), ("b", 2), ("(missing)", 1)]


def test_a_column_of_many_values_shows_the_frequent_ones_and_sums_up_the_rest() -> None:
    labels, probabilities = predictions(3000, seed=3)
    stores = np.concatenate([np.repeat(np.arange(20), 100), np.arange(1000, 2000)])
    found = slice_scores(labels, probabilities, {"store": stores}, seed=1)["store"]
    assert len(found) == 30
    assert (found[-1].value, found[-1].rows) == ("(other)", 991)
    assert sum(each.rows for each in found) == 3000
