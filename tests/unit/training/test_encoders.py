from pathlib import Path

import numpy as np
import pytest

from ml.errors import ModelError
from ml.features.vector import line_values, product_features
from ml.training.encoders import EncoderSet, fit_encoder_set, search_encoder
from ml.training.split import assign_folds
from tests.baskets import draw_baskets, small_use_case
from tests.models import training_data


def test_there_is_an_encoder_without_each_fold_and_each_pair_and_one_that_saw_all() -> None:
    keys = set(training_data().encoders.encoders)
    assert keys == {(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)}


def test_without_pairs_only_training_is_served() -> None:
    data = training_data()
    fitted = fit_encoder_set(
        data.baskets, data.folds, data.encoders.parameters, classes=3, search=[], pairs=False, threads=1
    )
    assert set(fitted.encoders) == {(), (0,), (1,), (2,)}
    np.testing.assert_array_equal(
        fitted.training_features(data.baskets, data.folds),
        data.encoders.training_features(data.baskets, data.folds),
    )


@pytest.mark.parametrize("without", [None, 1])
def test_each_row_comes_from_the_encoder_that_saw_neither_its_fold_nor_the_one_left_out(without: int | None) -> None:
    data = training_data()
    found = data.encoders.training_features(data.baskets, data.folds, without=without)
    for row in range(0, len(data.baskets), 29):
        fold = int(data.folds[row])
        encoder = data.encoders.encoders[tuple(sorted({fold} if without is None else {fold, without}))]
        vectors, _ = encoder.catalogue_vectors(data.baskets.catalogue)
        alone = data.baskets.take(np.array([row]))
        np.testing.assert_array_equal(
            found[row], product_features(line_values(vectors)[alone.line_products], alone.offsets, classes=3)[0]
        )


def test_an_encoder_set_comes_back_from_its_folder(tmp_path: Path) -> None:
    data = training_data()
    data.encoders.save(tmp_path)
    loaded = EncoderSet.load(tmp_path)
    assert loaded.parameters == data.encoders.parameters
    assert loaded.search == data.encoders.search
    np.testing.assert_array_equal(
        loaded.training_features(data.baskets, data.folds, without=2),
        data.encoders.training_features(data.baskets, data.folds, without=2),
    )


def test_a_folder_without_encoders_says_which_command_makes_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"{tmp_path}: no encoders.json; run `mlops encode` first"):
        EncoderSet.load(tmp_path)


def test_an_encoder_that_is_missing_from_the_set_is_named(tmp_path: Path) -> None:
    training_data().encoders.save(tmp_path)
    (tmp_path / "encoder-without-0-2.json").unlink()
    with pytest.raises(ModelError, match=r"encoder-without-0-2\.json: not an encoder"):
        EncoderSet.load(tmp_path)


def test_the_search_tries_the_whole_grid_and_takes_the_best_macro_f1() -> None:
    use_case = small_use_case(smoothing=(0.1, 500.0), basket_weight_power=(0.0, 2.0), rounds=(0,))
    baskets = draw_baskets(baskets=1_500, products=80, leaning=1.0).baskets
    folds = assign_folds(baskets, folds=3, seed=1)
    chosen, tried = search_encoder(baskets, folds, use_case, threads=1)
    points = {(each["parameters"]["smoothing"], each["parameters"]["basket_weight_power"]) for each in tried}
    assert points == {(0.1, 0.0), (0.1, 2.0), (500.0, 0.0), (500.0, 2.0)}
    best = max(tried, key=lambda each: each["macro_f1"])
    assert vars(chosen) == best["parameters"]
    assert min(each["macro_f1"] for each in tried) < best["macro_f1"]


def test_a_grid_of_one_point_is_not_searched() -> None:
    data = training_data()
    chosen, tried = search_encoder(data.baskets, data.folds, small_use_case(rounds=(5,)))
    assert (chosen.rounds, tried) == (5, [])
