import pytest

from ml.evaluation.explain import feature_groups, learning_curve
from ml.features.vector import FeatureVector
from ml.training.split import assign_folds
from tests.baskets import draw_baskets
from tests.models import small, training_data


def features() -> FeatureVector:
    data = training_data()
    return FeatureVector(basket_features=data.basket_features, classes=small().label.words, encoder=data.encoders.final)


def test_every_column_belongs_to_a_group_and_product_columns_to_one_more_of_their_own() -> None:
    names = features().names
    groups = feature_groups(names)
    everything = groups.pop("products (all)")
    parts = [column for columns in groups.values() for column in columns]
    assert sorted(parts) == list(range(len(names)))
    of_products = [column for key, columns in groups.items() if key.startswith("products: ") for column in columns]
    assert everything == sorted(of_products)


def test_columns_that_say_the_same_thing_in_other_words_stand_together() -> None:
    names = features().names
    groups = {name: {names[column] for column in columns} for name, columns in feature_groups(names).items()}
    assert groups["spend"] == {"spend", "spend_min", "spend_max", "spend_per_line", "spend_per_unit"}
    assert groups["store_region"] == {"store_region=E01", "store_region=N02", "store_region=W03"}
    assert "mean_High_minus_Low_of_telling" in groups["products: means"]
    assert {"min_High", "max_neutral"} <= groups["products: extremes"]
    assert {"count_Low", "share_High_minus_Low"} <= groups["products: counts"]


def test_a_model_without_encoding_has_no_product_groups() -> None:
    groups = feature_groups(training_data().basket_features.names)
    assert not [name for name in groups if name.startswith("products")]


def curve(monkeypatch: pytest.MonkeyPatch, *, baskets: int = 2_400, smallest: int = 60) -> list[dict[str, float]]:
    monkeypatch.setattr("ml.evaluation.explain.SMALLEST_CURVE_POINT", smallest)
    drawn = draw_baskets(baskets=baskets, products=60).baskets
    train, holdout = drawn.take(drawn.weeks < 200706), drawn.take(drawn.weeks == 200706)
    data = training_data()
    return learning_curve(
        "decision_tree",
        parameters={"max_depth": 6},
        encoder=data.encoders.parameters,
        train=train,
        folds=assign_folds(train, folds=3, seed=1),
        holdout=holdout,
        use_case=small(),
        threads=1,
    )


def test_the_curve_rises_with_the_share_that_is_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    points = curve(monkeypatch)
    assert [point["baskets"] for point in points] == [60, 200, 600]
    assert points[-1]["accuracy"] > points[0]["accuracy"] + 0.05
    for point in points:
        assert 0 <= point["macro_f1"] <= 1
        assert 0 <= point["train_accuracy"] <= 1


def test_a_share_too_small_to_hold_every_class_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.evaluation.explain.CURVE_SHARES", (0.001, 0.3))
    points = curve(monkeypatch, smallest=2)
    assert [point["baskets"] for point in points] == [600]


def test_data_too_small_for_a_curve_give_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert curve(monkeypatch, baskets=300, smallest=1_000) == []


def test_the_curve_is_the_same_whenever_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.evaluation.explain.CURVE_SHARES", (0.1,))
    first, second = curve(monkeypatch), curve(monkeypatch)
    assert first == second
    assert len(first) == 1
