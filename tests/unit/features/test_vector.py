import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.features.baskets import Baskets
from ml.features.vector import (
    TOTALS,
    BasketFeatures,
    FeatureVector,
    line_values,
    product_feature_names,
    product_features,
)
from ml.files import to_json
from ml.training.product_vectors import EncoderParameters, fit_encoder
from tests.baskets import baskets_of, draw_baskets

WORDS = ("High", "Medium", "Low")


@pytest.fixture(scope="module")
def baskets() -> Baskets:
    return draw_baskets(baskets=400, products=40).baskets


def features_of(baskets: Baskets, *, neutral_state: bool = True) -> FeatureVector:
    parameters = EncoderParameters(basket_weight_power=2.0, smoothing=0.3, rounds=2, neutral_state=neutral_state)
    return FeatureVector(
        basket_features=BasketFeatures.fit(
            baskets, categories=("store_region", "seg_1", "store_format"), quantile=0.99
        ),
        classes=WORDS,
        encoder=fit_encoder(baskets, parameters, classes=3),
    )


@pytest.mark.parametrize("neutral_state", [True, False])
def test_there_is_one_name_for_each_column_and_no_name_twice(baskets: Baskets, neutral_state: bool) -> None:
    features = features_of(baskets, neutral_state=neutral_state)
    matrix = features.transform(baskets)
    assert matrix.shape == (len(baskets), len(features.names))
    assert len(set(features.names)) == len(features.names)
    assert matrix.dtype == np.float32
    assert np.isfinite(matrix).all()


def test_without_an_encoder_the_totals_and_categories_are_left(baskets: Baskets) -> None:
    with_products = features_of(baskets)
    plain = FeatureVector(basket_features=with_products.basket_features, classes=WORDS, encoder=None)
    width = len(plain.names)
    assert plain.names == with_products.names[:width]
    np.testing.assert_array_equal(plain.transform(baskets), with_products.transform(baskets)[:, :width])
    assert plain.schema_version != with_products.schema_version
    assert plain.unseen_lines(baskets) == 0


def slow_product_features(rows: list[list[list[float]]], classes: int) -> dict[str, list[float]]:
    """The definition, basket by basket and line by line."""
    states = len(rows[0][0])
    words = (*WORDS[:classes], "neutral")[:states]
    found: dict[str, list[float]] = {}

    def put(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for lines in rows:
        count = [0.0] * states
        for line in lines:
            count[line.index(max(line))] += 1
        measures = {
            "mean": [sum(line[state] for line in lines) / len(lines) for state in range(states)],
            "share": [each / len(lines) for each in count],
        }
        for state, word in enumerate(words):
            put(f"mean_{word}", measures["mean"][state])
            put(f"share_{word}", measures["share"][state])
            put(f"count_{word}", count[state])
            put(f"min_{word}", min(line[state] for line in lines))
            put(f"max_{word}", max(line[state] for line in lines))
        for kind, values in measures.items():
            told = {"": values[:classes]}
            if states > classes:
                told["_of_telling"] = [value / max(1 - values[classes], 1e-6) for value in values[:classes]]
                for word, value in zip(words, told["_of_telling"], strict=False):
                    put(f"{kind}_{word}_of_telling", value)
            for suffix, each in told.items():
                for a, b in combinations(range(classes), 2):
                    put(f"{kind}_{words[a]}_minus_{words[b]}{suffix}", each[a] - each[b])
    return found


@st.composite
def line_vectors(draw: st.DrawFn) -> tuple[int, list[list[list[float]]]]:
    """Baskets of lines of probability vectors; ties and certainty included."""
    classes = draw(st.integers(2, 3))
    states = classes + draw(st.integers(0, 1))
    line = st.lists(st.integers(0, 4), min_size=states, max_size=states).filter(any)
    baskets = draw(st.lists(st.lists(line, min_size=1, max_size=6), min_size=1, max_size=5))
    return classes, [[[each / sum(line) for each in line] for line in lines] for lines in baskets]


@given(line_vectors())
@settings(max_examples=60, deadline=None)
def test_product_features_equal_their_definition_line_by_line(drawn: tuple[int, list[list[list[float]]]]) -> None:
    classes, rows = drawn
    lines = np.array([line for basket in rows for line in basket])
    offsets = np.cumsum([0, *map(len, rows)])
    found = product_features(line_values(lines), offsets, classes=classes)
    names = product_feature_names(WORDS[:classes], lines.shape[1])
    expected = slow_product_features(rows, classes)
    assert set(names) == set(expected)
    assert found.shape == (len(rows), len(names))
    for column, name in enumerate(names):
        np.testing.assert_allclose(found[:, column], expected[name], rtol=1e-5, atol=1e-5, err_msg=name)


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 500), st.integers(0, 10_000), st.integers(0, 23)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=60, deadline=None)
def test_totals_equal_their_definition(drawn: list[tuple[int, int, int, int]]) -> None:
    baskets = baskets_of(
        [(0, ["a"] * lines) for lines, *_ in drawn],
        numbers={
            "quantity": [quantity for _, quantity, _, _ in drawn],
            "spend_pennies": [spend for _, _, spend, _ in drawn],
            "shop_hour": [hour for *_, hour in drawn],
        },
    )
    found = BasketFeatures.fit(baskets, categories=(), quantile=1.0).transform(baskets)
    for row, (lines, quantity, spend, hour) in enumerate(drawn):
        pounds = spend / 100
        expected = {
            "lines": lines,
            "products": 1,
            "quantity": quantity,
            "quantity_max": 1,
            "spend": pounds,
            "spend_min": 1,
            "spend_max": 1,
            "spend_per_line": pounds / lines,
            "spend_per_unit": pounds / quantity,
            "quantity_per_line": quantity / lines,
            "shop_hour": hour,
        }
        assert set(expected) == set(TOTALS)
        np.testing.assert_allclose(found[row], [expected[name] for name in TOTALS], rtol=1e-6)


def test_a_basket_alone_gives_exactly_the_vector_that_it_gives_among_others(baskets: Baskets) -> None:
    features = features_of(baskets)
    together = features.transform(baskets)
    for row in range(0, len(baskets), 7):
        alone = features.transform(baskets.take(np.array([row])))
        np.testing.assert_array_equal(alone[0], together[row])


def test_no_baskets_give_no_rows(baskets: Baskets) -> None:
    features = features_of(baskets)
    assert features.transform(baskets.take(np.zeros(len(baskets), dtype=bool))).shape == (0, len(features.names))


def test_wild_values_are_cut_at_the_training_quantile_and_what_follows_from_them_too() -> None:
    training = baskets_of([(0, ["a"])] * 101, numbers={"spend_pennies": range(101), "quantity": range(1, 102)})
    features = BasketFeatures.fit(training, categories=(), quantile=0.9)
    assert features.cutoffs["spend_pennies"] == pytest.approx(90.0)
    wild = baskets_of([(0, ["a"])] * 2, numbers={"spend_pennies": [10**9, 50], "quantity": [1, 10**6]})
    row = dict(zip(TOTALS, features.transform(wild).T, strict=True))
    np.testing.assert_allclose(row["spend"], [0.9, 0.5], rtol=1e-6)
    np.testing.assert_allclose(row["spend_per_line"], [0.9, 0.5], rtol=1e-6)
    np.testing.assert_allclose(row["quantity"], [1, 91], rtol=1e-6)
    np.testing.assert_allclose(row["lines"], [1, 1])


def test_an_unknown_category_leaves_its_columns_nought_and_a_missing_one_has_its_own() -> None:
    training = baskets_of([(0, ["a"])] * 3, categories={"store_region": ["E01", "N02", ""]})
    features = BasketFeatures.fit(training, categories=("store_region",), quantile=0.99)
    assert features.names[len(TOTALS) :] == ("store_region=(missing)", "store_region=E01", "store_region=N02")
    asked = baskets_of([(0, ["a"])] * 3, categories={"store_region": ["N02", "", "S09"]})
    assert features.transform(asked)[:, len(TOTALS) :].tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0]]


def test_the_order_of_columns_survives_json_with_sorted_keys(baskets: Baskets) -> None:
    features = features_of(baskets).basket_features
    assert list(features.values) != sorted(features.values)
    loaded = BasketFeatures.from_json(json.loads(to_json(features.to_json())))
    assert loaded.names == features.names
    assert loaded == features
    np.testing.assert_array_equal(loaded.transform(baskets), features.transform(baskets))


def test_the_schema_version_follows_from_names_and_order_alone(baskets: Baskets) -> None:
    features = features_of(baskets)
    same = features_of(baskets.take(np.arange(len(baskets)) % 3 > 0))
    assert same.names == features.names
    assert same.schema_version == features.schema_version
    turned = dict(reversed(features.basket_features.values.items()))
    other = FeatureVector(
        basket_features=BasketFeatures(cutoffs=features.basket_features.cutoffs, values=turned),
        classes=WORDS,
        encoder=features.encoder,
    )
    assert other.schema_version != features.schema_version


def test_lines_of_unseen_products_are_counted(baskets: Baskets) -> None:
    features = features_of(baskets)
    known = baskets.catalogue["prod_code"][0]
    assert features.unseen_lines(baskets_of([(0, [known, "new", "new"]), (0, ["newer"])])) == 3
