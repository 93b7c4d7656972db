"""Versions that should never have been released pass what their makers look at, and fail where they must be caught."""

import shutil
from pathlib import Path

import pytest
from msgspec import convert

from ml.bundle import MODEL, PARITY, read_manifest
from ml.errors import ModelError
from ml.files import read_json, write_json
from ml.serving.contract import Basket
from ml.serving.examples import EXAMPLE
from ml.serving.predictor import Predictor
from rehearsal.story import versions
from rehearsal.story.versions import _seconds_of
from tests.models import train_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "good"
    train_bundle(folder)
    return folder


def _at(hour: int) -> list[Basket]:
    return [convert({**EXAMPLE, "shop_hour": hour}, Basket)]


def test_the_damaged_one_is_refused_when_it_is_loaded(bundle: Path, tmp_path: Path) -> None:
    version = versions.damaged(bundle, tmp_path / "damaged")

    with pytest.raises(ModelError, match=rf"{MODEL}: the checksum differs"):
        Predictor.load(tmp_path / "damaged")
    assert version != Predictor.load(bundle).version


def test_the_failing_one_is_loaded_and_answers_until_the_evening(bundle: Path, tmp_path: Path) -> None:
    version = versions.failing(bundle, tmp_path / "failing", from_hour=20)
    predictor, good = Predictor.load(tmp_path / "failing"), Predictor.load(bundle)

    (answer,) = predictor.predict(_at(19))

    assert answer.model_version == version
    assert answer.probabilities == good.predict(_at(19))[0].probabilities
    with pytest.raises(Exception, match="invalid index found, index = 20"):
        predictor.predict(_at(20))


def test_the_failing_ones_sample_has_no_basket_that_it_cannot_answer(bundle: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    shutil.copytree(bundle, odd)
    sample, hour = read_json(odd / PARITY), read_manifest(odd)["feature_schema"]["names"].index("shop_hour")
    for row, value in zip(sample["vectors"], (None, 19.0, 20.0), strict=False):
        row[hour] = value
    write_json(odd / PARITY, sample)
    versions.failing(odd, tmp_path / "failing", from_hour=20)
    kept = [row[hour] for row in read_json(tmp_path / "failing" / PARITY)["vectors"]]
    assert kept[0] == 19.0
    assert all(each is not None and each < 20 for each in kept)


def test_the_slow_one_answers_the_same_and_computes_more_in_the_evening_only(bundle: Path, tmp_path: Path) -> None:
    versions.slow(bundle, tmp_path / "slow", from_hour=20, seconds=0.02)
    predictor, good = Predictor.load(tmp_path / "slow"), Predictor.load(bundle)

    for hour in (19, 20):
        assert predictor.predict(_at(hour))[0].probabilities == good.predict(_at(hour))[0].probabilities

    few, _ = versions._with_products(bundle, 20, 1)
    many, column = versions._with_products(bundle, 20, 40)
    assert _seconds_of(many, column) > _seconds_of(few, column)
