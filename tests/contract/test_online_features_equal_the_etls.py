"""What the service computes of a basket's lines is what the ETL and batch scoring compute, to the last bit."""

from pathlib import Path

import numpy as np
import pytest

from ml.bundle import Bundle
from ml.data.generate import generate_weeks
from ml.features.baskets import Baskets
from ml.features.gold_reader import gold_weeks, load_gold
from ml.features.refine import refine
from ml.serving.contract import Basket
from ml.serving.predictor import Predictor
from ml.use_case import UseCase, load_use_case
from tests.models import description
from tests.serving import as_sent, train_on


def both(files: list[Path], folder: Path, use_case: UseCase) -> tuple[Bundle, Predictor, Baskets, list[Basket]]:
    refine(
        files,
        silver=folder / "silver",
        gold=folder / "gold",
        reports=folder / "reports",
        use_case=use_case,
        great_expectations=False,
    )
    gold = load_gold(folder / "gold", use_case, weeks=gold_weeks(folder / "gold"))
    # Trained on the first half, so that the second holds products that the model does not know.
    train_on(gold.take(np.arange(len(gold)) < len(gold) // 2), use_case, folder / "model", description())
    return Bundle.load(folder / "model"), Predictor.load(folder / "model"), gold, as_sent(folder / "silver")


def assert_equal(bundle: Bundle, predictor: Predictor, gold: Baskets, sent: list[Basket]) -> None:
    expected = bundle.probabilities(gold)
    answers = [each for start in range(0, len(sent), 500) for each in predictor.predict(sent[start : start + 500])]

    assert [each.basket_id for each in answers] == gold.ids.tolist()
    given = np.asarray([[each.probabilities[word] for word in bundle.words] for each in answers])
    np.testing.assert_array_equal(given, expected)
    assert [each.prediction for each in answers] == [bundle.words[best] for best in expected.argmax(axis=1)]
    assert sum(each.unknown_products for each in answers) == bundle.features.unseen_lines(gold)


def test_generated_weeks_of_both_headers(tmp_path: Path) -> None:
    files = generate_weeks(weeks=1, baskets_per_week=900, seed=4, output=tmp_path / "in")
    files += generate_weeks(
        weeks=1, baskets_per_week=900, seed=5, output=tmp_path / "in", first_week=200608, header="older"
    )
    bundle, predictor, gold, sent = both(files, tmp_path, load_use_case("price_sensitivity"))

    assert len(sent) == 1800
    assert bundle.features.unseen_lines(gold) > 0
    assert_equal(bundle, predictor, gold, sent)


@pytest.mark.real_data
def test_real_weeks(tmp_path: Path, real_files: list[Path]) -> None:
    bundle, predictor, gold, sent = both(real_files[-2:], tmp_path, load_use_case("price_sensitivity"))

    assert len(sent) > 8_000
    assert_equal(bundle, predictor, gold, sent)


def test_a_basket_is_answered_alike_alone_and_among_others(tmp_path: Path) -> None:
    files = generate_weeks(weeks=1, baskets_per_week=300, seed=4, output=tmp_path / "in")
    _, predictor, _, sent = both(files, tmp_path, load_use_case("price_sensitivity"))

    together = predictor.predict(sent)

    assert [predictor.predict([each])[0] for each in sent] == together
