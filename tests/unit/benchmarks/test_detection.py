from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.detection import PATIENCE, Delay
from benchmarks.detection_worlds import SeenWeek, Version, draw, in_group, renamed
from ml.features.reference import Reference
from ml.features.vector import FeatureVector
from ml.training.train import TrainingData
from tests.baskets import draw_baskets
from tests.models import training_data


def seen(labels: Sequence[int], predicted: Sequence[int], weights: Sequence[float] | None = None) -> SeenWeek:
    count = len(labels)
    return SeenWeek(
        labels=np.asarray(labels),
        predicted=np.asarray(predicted),
        bins=np.arange(count, dtype=np.uint8)[:, None] % 2,
        lines=np.full(count, 3),
        unseen=np.arange(count),
        weights=np.ones(count) if weights is None else np.asarray(weights),
    )


def version_of(data: TrainingData) -> Version:
    encoder = data.encoders.final
    features = FeatureVector(basket_features=data.basket_features, classes=("High", "Medium", "Low"), encoder=encoder)
    vectors = features.transform(data.baskets)
    likeliest = [features.names.index(f"mean_{word}") for word in features.classes]
    classes = vectors[:, likeliest].argmax(axis=1)
    reference = Reference.fit(vectors, features.names, classes, classes=3)
    return Version(features, lambda matrix: matrix[:, likeliest].argmax(axis=1), reference)


def test_a_draw_counts_what_it_drew() -> None:
    drawn = draw(seen([0, 1, 2], [0, 1, 1], [1.0, 0.0, 3.0]), 7, 4_000, [2], np.random.default_rng(1))
    assert drawn.predictions == drawn.labelled == drawn.predicted.sum() == drawn.histograms[0].sum() == 4_000
    assert drawn.lines == 12_000
    assert drawn.confusion[1].sum() == 0
    assert drawn.confusion[2, 1] == pytest.approx(3_000, abs=150)
    assert drawn.unseen_lines == 2 * drawn.confusion[2, 1]


def test_a_delay_is_in_baskets_and_dashed_where_the_alarm_did_not_come() -> None:
    delay = Delay(500, np.array([1, 1, 2, 3, PATIENCE + 1]))
    assert (delay.at(0.5), delay.at(0.75), delay.at(0.9)) == ("1,000", "1,500", "–")


def test_shuffling_products_costs_accuracy_and_keeps_the_products_known() -> None:
    data = training_data()
    version = version_of(data)
    whole, worse = (each.see(data.baskets) for each in (version, version.with_shuffled(1.0, seed=1)))
    assert whole.accuracy > worse.accuracy + 0.2
    assert worse.unseen.sum() == 0
    assert version.with_shuffled(0.0, seed=1).see(data.baskets).accuracy == whole.accuracy


def test_renamed_products_are_unseen() -> None:
    data = training_data()
    found = version_of(data).see(renamed(data.baskets, 1.0, seed=1))
    assert (found.unseen == found.lines).all()


def test_baskets_with_a_product_of_a_group_are_found() -> None:
    baskets = draw_baskets(baskets=40).baskets
    code = baskets.catalogue["prod_code_10"][baskets.line_products[0]]
    rows = in_group(baskets, "prod_code_10", str(code))
    assert rows[0]
    assert 0 < rows.sum() < len(baskets)
