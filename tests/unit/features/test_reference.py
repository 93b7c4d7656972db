import numpy as np
import pytest

from ml.features.reference import REFERENCE_ROWS, Reference, reference_rows
from ml.features.vector import Matrix


def matrix(*columns: list[float]) -> Matrix:
    return np.asarray(columns, dtype=np.float32).T


def test_a_number_gets_deciles_and_rows_beyond_them_fall_into_the_outer_bins() -> None:
    vectors = matrix(list(range(1, 101)))
    reference = Reference.fit(vectors, ["spend"], np.zeros(100, dtype=np.int64), classes=2)
    [spend] = reference.features
    assert spend.size == 10
    assert spend.counts == (10,) * 10
    assert reference.predicted == (100, 0)
    assert reference.bins(matrix([-5.0, 10.0, 10.5, 1e9])).ravel().tolist() == [0, 0, 1, 9]


def test_one_hot_columns_are_one_feature_whose_last_bin_is_a_value_unknown_then() -> None:
    vectors = matrix([1, 0, 0], [0, 1, 1], [0, 0, 0])
    names = ["store_region=E01", "store_region=N02", "store_region=W03"]
    reference = Reference.fit(vectors, names, np.zeros(3, dtype=np.int64), classes=1)
    [region] = reference.features
    assert (region.name, region.counts) == ("store_region", (1, 2, 0, 0))
    assert reference.bins(matrix([0, 0], [0, 0], [1, 0])).ravel().tolist() == [2, 3]


def test_a_category_with_one_value_is_still_a_category() -> None:
    reference = Reference.fit(matrix([1, 1]), ["format=LS"], np.zeros(2, dtype=np.int64), classes=1)
    assert reference.features[0].edges is None
    assert reference.bins(matrix([0])).ravel().tolist() == [1]


def test_rows_that_differ_by_a_hair_share_a_bin() -> None:
    piled = np.concatenate([np.linspace(0, 1, 40), 1 - np.linspace(0, 1e-4, 160)]).astype(np.float32)
    [feature] = Reference.fit(piled[:, None], ["max"], np.zeros(200, dtype=np.int64), classes=1).features
    assert feature.edges is not None
    assert np.diff(feature.edges).min() > 0.01
    bins = feature.bins(matrix([0.99995, 0.99999, 1.0]))
    assert len(set(bins.tolist())) == 1


def test_a_feature_that_never_moves_has_two_bins() -> None:
    [feature] = Reference.fit(matrix([3.0] * 5), ["n"], np.zeros(5, dtype=np.int64), classes=1).features
    assert feature.counts == (5, 0)


@pytest.mark.parametrize("rows", [1, 7, REFERENCE_ROWS + 1, 3 * REFERENCE_ROWS])
def test_counted_rows_are_spread_and_bounded(rows: int) -> None:
    chosen = reference_rows(rows)
    assert len(chosen) == min(rows, REFERENCE_ROWS)
    assert (chosen[0], chosen[-1]) == (0, rows - 1)
    assert (np.diff(chosen) > 0).all()


def test_json_brings_the_reference_back() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(50, 3)).astype(np.float32)
    reference = Reference.fit(vectors, ["a", "b", "c"], rng.integers(0, 3, 50), classes=3)
    again = Reference.model_validate_json(reference.model_dump_json())
    assert again == reference
    assert np.array_equal(again.bins(vectors), reference.bins(vectors))
