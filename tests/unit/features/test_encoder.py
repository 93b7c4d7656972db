from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.errors import ModelError
from ml.features.encoder import ProductEncoder
from ml.features.gold_reader import read_baskets
from ml.training.product_vectors import EncoderParameters, fit_encoder
from tests.baskets import LEVELS, NEUTRAL, Drawn, baskets_of, draw_baskets, small_use_case, write_gold

PRODUCTS, SHY = 60, 18
WITH_NEUTRAL = EncoderParameters(basket_weight_power=2.0, smoothing=0.3, rounds=12, neutral_state=True)


def of_parameters(**changes: Any) -> EncoderParameters:
    return replace(WITH_NEUTRAL, **changes)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """Products 0 to 17 stand in baskets of six lines or more only."""
    return draw_baskets(seed=1, baskets=5_000, products=PRODUCTS, neutral=0.2, leaning=1.0, shy=SHY / PRODUCTS)


def likeliest(drawn: Drawn, parameters: EncoderParameters) -> np.ndarray[Any, Any]:
    encoder = fit_encoder(drawn.baskets, parameters, classes=3)
    vectors, _ = encoder.catalogue_vectors(drawn.baskets.catalogue)
    return np.asarray(vectors.argmax(axis=1))


def test_rounds_recover_the_class_of_products_that_never_stand_alone(drawn: Drawn) -> None:
    sizes = np.repeat(drawn.baskets.line_counts, drawn.baskets.line_counts)
    assert sizes[drawn.baskets.line_products < SHY].min() >= 6
    telling = (np.arange(PRODUCTS) < SHY) & np.isin(drawn.product_class, (0, 2))
    truth = drawn.product_class[telling]
    assert (likeliest(drawn, of_parameters(rounds=0))[telling] == truth).mean() <= 0.6
    assert (likeliest(drawn, of_parameters(rounds=12))[telling] == truth).all()


def test_products_that_say_nothing_end_in_the_neutral_state_and_telling_ones_do_not(drawn: Drawn) -> None:
    found = likeliest(drawn, WITH_NEUTRAL)
    assert (found[drawn.product_class == NEUTRAL] == 3).all()
    assert (found[np.isin(drawn.product_class, (0, 2))] != 3).all()


def test_without_a_neutral_state_vectors_have_one_entry_for_each_class(drawn: Drawn) -> None:
    encoder = fit_encoder(drawn.baskets, of_parameters(neutral_state=False, rounds=2), classes=3)
    assert (encoder.states, encoder.classes) == (3, 3)
    assert fit_encoder(drawn.baskets, of_parameters(rounds=2), classes=3).states == 4


@pytest.mark.parametrize("rounds", [0, 5])
def test_vectors_are_probabilities_at_every_level(drawn: Drawn, rounds: int) -> None:
    encoder = fit_encoder(drawn.baskets, of_parameters(rounds=rounds), classes=3)
    for table in (*encoder.vectors.values(), encoder.prior[None, :]):
        assert (table >= 0).all()
        np.testing.assert_allclose(table.sum(axis=1), 1.0, atol=1e-12)


def test_two_classes_work_too() -> None:
    drawn = draw_baskets(seed=2, baskets=3_000, products=40, classes=2, leaning=1.0, neutral=0.2)
    encoder = fit_encoder(drawn.baskets, WITH_NEUTRAL, classes=2)
    vectors, _ = encoder.catalogue_vectors(drawn.baskets.catalogue)
    telling = drawn.product_class != NEUTRAL
    assert (vectors[telling, :2].argmax(axis=1) == drawn.product_class[telling]).all()
    assert (vectors[~telling].argmax(axis=1) == 2).all()


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_class_that_a_sample_lacks_leaves_the_others_learnt(missing: int) -> None:
    drawn = draw_baskets(seed=3, baskets=2_000, products=30, neutral=0.0)
    part = drawn.baskets.take(drawn.baskets.labels != missing)
    encoder = fit_encoder(part, of_parameters(rounds=4), classes=3)
    vectors, _ = encoder.catalogue_vectors(part.catalogue)
    assert np.isfinite(vectors).all()
    assert encoder.prior[missing] < 0.01
    for extreme in {0, 2} - {missing}:
        of_class = vectors[drawn.product_class == extreme].mean(axis=0)
        assert of_class[extreme] > vectors[drawn.product_class != extreme].mean(axis=0)[extreme]


def test_of_four_classes_one_may_be_missing() -> None:
    rows = [(label, [f"p{label}", "p4"]) for label in (0, 1, 3)] * 40
    encoder = fit_encoder(baskets_of(rows), of_parameters(rounds=3, neutral_state=False), classes=4)
    assert encoder.vectors["prod_code"].argmax(axis=1)[:3].tolist() == [0, 1, 3]
    assert encoder.prior[2] < 0.01


def test_a_basket_without_a_label_is_no_teacher() -> None:
    with pytest.raises(ValueError, match="labelled baskets only"):
        fit_encoder(baskets_of([(0, ["a"]), (-1, ["b"])]), WITH_NEUTRAL, classes=3)


@pytest.mark.parametrize("power", [0.0, 2.0])
def test_without_rounds_a_vector_is_the_weighted_share_of_labels(power: float) -> None:
    baskets = baskets_of([(0, ["a"]), (2, ["a", "b"]), (2, ["a", "b", "c", "c"])])
    parameters = of_parameters(rounds=0, smoothing=1e-12, basket_weight_power=power, neutral_state=False)
    encoder = fit_encoder(baskets, parameters, classes=3)
    high, low = 1.0, 0.5**power + 0.25**power
    expected = [high / (high + low), 0.0, low / (high + low)]
    np.testing.assert_allclose(encoder.vectors["prod_code"][0], expected, atol=1e-9)


def nested() -> dict[str, tuple[str, ...]]:
    return {"known": ("D1", "G1"), "rare": ("D1", "G1"), "other": ("D2", "G2"), "blank": ("", "G1")}


def fitted_on_a_tree(smoothing: float = 5.0) -> ProductEncoder:
    rows = [(0, ["known"])] * 30 + [(2, ["rare"])] + [(2, ["other"])] * 40 + [(0, ["blank"])] * 2
    baskets = baskets_of(rows, parents=nested())
    return fit_encoder(baskets, of_parameters(rounds=0, smoothing=smoothing), classes=3)


def vector_of(encoder: ProductEncoder, code: str, *parents: str) -> np.ndarray[Any, Any]:
    vectors, _ = encoder.catalogue_vectors(baskets_of([(0, [code])], parents={code: parents}).catalogue)
    return np.asarray(vectors[0])


def test_smoothing_draws_a_rare_product_to_its_category_and_leaves_a_frequent_one() -> None:
    heavy, light = fitted_on_a_tree(5.0), fitted_on_a_tree(0.01)
    assert vector_of(light, "rare")[2] > 0.95
    assert vector_of(heavy, "rare")[0] > 0.7  # one basket of class 2 against thirty of its category
    assert vector_of(heavy, "known")[0] > 0.95
    assert vector_of(heavy, "other")[2] > 0.9


def test_an_unseen_product_takes_its_nearest_known_category_and_at_last_the_prior() -> None:
    encoder = fitted_on_a_tree()
    first = {level: dict(zip(encoder.codes[level].tolist(), encoder.vectors[level], strict=True)) for level in LEVELS}
    np.testing.assert_array_equal(vector_of(encoder, "new", "D1", "G2"), first["prod_code_10"]["D1"])
    np.testing.assert_array_equal(vector_of(encoder, "new", "D9", "G2"), first["prod_code_20"]["G2"])
    np.testing.assert_array_equal(vector_of(encoder, "new", "", "G1"), first["prod_code_20"]["G1"])
    np.testing.assert_array_equal(vector_of(encoder, "new", "D9", "G9"), encoder.prior)


def test_only_products_seen_in_fitting_are_known() -> None:
    encoder = fitted_on_a_tree()
    catalogue = baskets_of([(0, ["known", "new"])], parents={"known": ("D1",), "new": ("D1",)}).catalogue
    assert encoder.catalogue_vectors(catalogue)[1].tolist() == [True, False]


def test_a_product_without_a_category_is_drawn_to_the_level_above_and_not_to_other_such_products() -> None:
    rows = [(0, ["of g1"])] * 30 + [(2, ["of g2"])] * 30 + [(2, ["blank 1"]), (2, ["blank 2"])]
    tree = {"of g1": ("D1", "G1"), "of g2": ("D2", "G2"), "blank 1": ("", "G1"), "blank 2": ("", "G2")}
    parameters = of_parameters(rounds=0, smoothing=20.0)
    encoder = fit_encoder(baskets_of(rows, parents=tree), parameters, classes=3)
    assert vector_of(encoder, "blank 1")[0] > 0.7
    assert vector_of(encoder, "blank 2")[2] > 0.7


def test_a_catalogue_without_a_level_looks_one_level_further_up() -> None:
    encoder = fitted_on_a_tree()
    catalogue = baskets_of([(0, ["new"])], parents={"new": ("D2", "G1")}).catalogue
    catalogue.pop("prod_code_10")
    vectors, _ = encoder.catalogue_vectors(catalogue)
    g1 = encoder.codes["prod_code_20"].tolist().index("G1")
    np.testing.assert_array_equal(vectors[0], encoder.vectors["prod_code_20"][g1])


def test_an_encoder_comes_back_from_its_file_exactly(drawn: Drawn, tmp_path: Path) -> None:
    encoder = fit_encoder(drawn.baskets, of_parameters(rounds=3), classes=3)
    encoder.save(tmp_path / "encoder.json")
    loaded = ProductEncoder.load(tmp_path / "encoder.json")
    assert (loaded.levels, loaded.classes) == (encoder.levels, encoder.classes)
    np.testing.assert_array_equal(loaded.prior, encoder.prior)
    for level in LEVELS:
        np.testing.assert_array_equal(loaded.codes[level], encoder.codes[level])
        np.testing.assert_array_equal(loaded.vectors[level], encoder.vectors[level])
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "encoder.json").read_bytes()


def test_a_file_that_is_no_encoder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not JSON")
    (tmp_path / "plain").write_text("{}")
    (tmp_path / "half").write_text('{"classes": 3, "prior": [1.0], "levels": [{"name": "prod_code", "codes": ["a"]}]}')
    for path in (tmp_path / name for name in ("absent", "text", "plain", "half")):
        with pytest.raises(ModelError, match=f"{path}: not an encoder"):
            ProductEncoder.load(path)


def test_the_order_of_rows_and_lines_in_gold_changes_nothing(drawn: Drawn, tmp_path: Path) -> None:
    use_case = small_use_case()
    part = drawn.baskets.take(np.arange(800))

    def fit(name: str, shuffle: int | None) -> ProductEncoder:
        gold = write_gold(tmp_path / name, part, use_case, shuffle=shuffle)
        weeks = sorted(str(path) for path in (gold / "baskets").glob("*/*.parquet"))
        products = sorted(str(path) for path in (gold / "products").glob("*/*.parquet"))
        if shuffle is not None:
            weeks, products = weeks[::-1], products[::-1]
        return fit_encoder(read_baskets(weeks, products, use_case), of_parameters(rounds=3), classes=3)

    ordered, shuffled = fit("ordered", None), fit("shuffled", 4)
    for level in LEVELS:
        np.testing.assert_array_equal(ordered.vectors[level], shuffled.vectors[level])


def test_splitting_the_lines_into_chunks_changes_nothing(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit_encoder(drawn.baskets, of_parameters(rounds=2), classes=3)
    monkeypatch.setattr("ml.training.product_vectors.CHUNK_LINES", 700)
    chunked = fit_encoder(drawn.baskets, of_parameters(rounds=2), classes=3)
    np.testing.assert_allclose(chunked.vectors["prod_code"], whole.vectors["prod_code"], atol=1e-12)
