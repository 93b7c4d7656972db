from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.tree import DecisionTreeClassifier

from ml.bundle import PARITY_TOLERANCE, Classifier
from ml.errors import ModelError, SettingsError
from ml.features.vector import Matrix
from ml.training.candidates import TITLES, build
from ml.training.export import check_parity, export, parity_rows
from ml.training.train import fit
from ml.use_case import ModelName
from tests.models import small, training_data

NAMES: tuple[ModelName, ...] = tuple(TITLES)


@cache
def vectors() -> Matrix:
    return training_data().vectors()


@cache
def fitted(name: ModelName) -> BaseEstimator:
    parameters = {**small().candidates[name].fixed}
    return fit(name, parameters, vectors(), training_data().baskets.labels, small(), threads=1)


@cache
def exported(name: ModelName) -> bytes:
    return export(fitted(name), vectors().shape[1])


def thresholds_of(name: ModelName) -> int:
    rows = parity_rows(fitted(name), vectors(), seed=1)
    return len(rows) - len(vectors()) - 200


@pytest.mark.parametrize("name", NAMES)
def test_the_exported_candidate_answers_as_the_fitted_one_also_on_missing_values_and_thresholds(
    name: ModelName,
) -> None:
    rows = parity_rows(fitted(name), vectors(), seed=1)
    np.testing.assert_array_equal(rows[: len(vectors())], vectors())
    assert np.isnan(rows).any(axis=1).sum() >= 150
    given_ = check_parity(fitted(name), exported(name), rows)
    wanted = fitted(name).predict_proba(rows)
    assert np.abs(given_ - wanted).max() <= PARITY_TOLERANCE
    top = np.sort(wanted, axis=1)
    clear = top[:, -1] - top[:, -2] > 2 * PARITY_TOLERANCE
    assert clear.mean() > 0.5 or name == "majority"
    np.testing.assert_array_equal(given_.argmax(axis=1)[clear], fitted(name).predict(rows)[clear])


@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "xgboost"])
def test_trees_are_compared_on_rows_that_stand_on_their_thresholds(name: ModelName) -> None:
    assert thresholds_of(name) > 5


@pytest.mark.parametrize("name", ["majority", "logistic_regression"])
def test_models_without_splits_have_no_thresholds(name: ModelName) -> None:
    assert thresholds_of(name) == 0


@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "xgboost"])
def test_one_float_above_or_below_a_threshold_goes_the_same_way_in_both(name: ModelName) -> None:
    rows = parity_rows(fitted(name), vectors(), seed=1)
    for near in (np.nextafter(rows, np.float32(np.inf)), np.nextafter(rows, np.float32(-np.inf))):
        check_parity(fitted(name), exported(name), near)


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([10.0, 1e4, 1e8]))
@settings(max_examples=30, deadline=None)
def test_two_neighbouring_floats_stay_on_their_sides_of_a_threshold_that_no_float32_holds(
    seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    below = (rng.normal(size=20) * scale).astype(np.float32)
    values = np.concatenate([below, np.nextafter(below, np.float32(np.inf))])
    labels = np.repeat([0, 1], 20)
    tree = DecisionTreeClassifier(random_state=0).fit(values[:, None], labels)
    wanted = tree.predict_proba(values[:, None])
    given_ = Classifier(export(tree, 1)).probabilities(values[:, None])
    np.testing.assert_array_equal(given_.argmax(axis=1), wanted.argmax(axis=1))


@pytest.mark.parametrize("name", ["decision_tree", "logistic_regression", "xgboost"])
def test_another_models_bytes_are_refused(name: ModelName) -> None:
    rows = parity_rows(fitted(name), vectors(), seed=1)
    with pytest.raises(ModelError, match="differs from the fitted one by"):
        check_parity(fitted(name), exported("majority"), rows)


def test_a_model_of_another_width_or_of_other_classes_is_refused() -> None:
    rows, labels = vectors(), training_data().baskets.labels
    tree = fitted("decision_tree")
    narrow = DecisionTreeClassifier(max_depth=2).fit(rows[:, :5], labels)
    with pytest.raises(ModelError, match=f"takes 5 features, not {rows.shape[1]}"):
        check_parity(tree, export(narrow, 5), rows)
    binary = DecisionTreeClassifier(max_depth=2).fit(rows, labels == 0)
    with pytest.raises(ModelError, match="differs from the fitted one by inf"):
        check_parity(tree, export(binary, rows.shape[1]), rows)


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(ModelError, match="the classifier cannot be loaded"):
        check_parity(fitted("majority"), b"no model", vectors())


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_give_no_probabilities(name: ModelName) -> None:
    assert Classifier(exported(name)).probabilities(vectors()[:0]).shape == (0, 3)


def test_many_rows_are_answered_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Classifier(exported("xgboost")).probabilities(vectors())
    monkeypatch.setattr("ml.bundle.SCORING_ROWS", 7)
    np.testing.assert_array_equal(Classifier(exported("xgboost")).probabilities(vectors()), whole)


@pytest.mark.parametrize("name", NAMES)
def test_a_candidate_is_the_same_whenever_it_is_trained(name: ModelName) -> None:
    parameters = {**small().candidates[name].fixed}
    again = fit(name, parameters, vectors(), training_data().baskets.labels, small(), threads=2)
    assert export(again, vectors().shape[1]) == exported(name)


def test_the_majority_candidate_answers_with_the_shares_of_the_classes() -> None:
    shares = np.bincount(training_data().baskets.labels) / len(training_data().baskets)
    found = Classifier(exported("majority")).probabilities(vectors())
    np.testing.assert_allclose(found, np.tile(shares, (len(found), 1)), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_that_a_model_does_not_know_names_candidate_and_parameter(name: ModelName) -> None:
    with pytest.raises(SettingsError, match=rf"candidates.{name}: .*max_depht"):
        build(name, {"max_depht": 3}, seed=1, threads=1)


@pytest.mark.parametrize("name", ["decision_tree", "xgboost"])
def test_a_value_that_a_model_refuses_names_candidate_and_parameter(name: ModelName) -> None:
    labels = training_data().baskets.labels
    with pytest.raises(SettingsError, match=rf"(?s)candidates.{name}: .*max_depth"):
        fit(name, {"max_depth": -3}, vectors(), labels, small(), threads=1)
