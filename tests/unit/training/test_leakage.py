"""Bar 2: no basket, and no encoder fit, crosses the split; each planted leak is found, and shown to pay."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ml.errors import DataError
from ml.features.baskets import Baskets
from ml.files import read_json, sha256_of
from ml.jobs.encode import encode, load_holdout, load_training
from ml.jobs.train import train
from ml.training.encoders import EncoderSet, FeatureRows, Folds, fit_encoder_set
from ml.training.split import assign_folds
from ml.training.train import TRAINING
from ml.use_case import UseCase
from tests.baskets import draw_baskets, relabelled, small_use_case, write_gold
from tests.leakage import Parts, Pipeline, leaks


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    built = small_use_case(rounds=(1,))
    return built.model_copy(update={"split": built.split.model_copy(update={"folds": 3})})


@pytest.fixture(scope="module")
def baskets() -> Baskets:
    return draw_baskets(baskets=480, products=40).baskets


def by_lines(baskets: Baskets) -> Baskets:
    """Make each line a row of its own, under its basket's id."""
    lines = len(baskets.line_products)
    return replace(
        baskets.take(np.repeat(np.arange(len(baskets)), baskets.line_counts)),
        offsets=np.arange(lines + 1),
        line_products=baskets.line_products,
    )


@dataclass(frozen=True)
class EncoderOnEverything(Pipeline):
    def encoders(self, parts: Parts) -> EncoderSet:
        clean = super().encoders(parts)
        everything = joined(parts.train, parts.holdout)
        folds = np.concatenate([parts.folds, np.full(len(parts.holdout), -1)])
        leaky = fit_encoder_set(everything, folds, clean.parameters, classes=self.classes, search=[])
        return replace(clean, encoders={key: leaky.encoders[key] for key in clean.encoders})


def joined(first: Baskets, second: Baskets) -> Baskets:
    """Return both parts' baskets; they share the order of products."""
    assert np.array_equal(first.catalogue["prod_code"], second.catalogue["prod_code"])
    return replace(
        first,
        ids=np.concatenate([first.ids, second.ids]),
        weeks=np.concatenate([first.weeks, second.weeks]),
        labels=np.concatenate([first.labels, second.labels]),
        numbers={name: np.concatenate([first.numbers[name], second.numbers[name]]) for name in first.numbers},
        categories={
            name: np.concatenate([first.categories[name], second.categories[name]]) for name in first.categories
        },
        offsets=np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]]),
        line_products=np.concatenate([first.line_products, second.line_products]),
    )


class FeaturesOfTheFinalEncoder(EncoderSet):
    def training_features(self, baskets: Baskets, folds: Folds, *, without: int | None = None) -> FeatureRows:
        final = dict.fromkeys(self.encoders, self.final)
        same = EncoderSet(self.parameters, self.search, final, self.classes)
        return same.training_features(baskets, folds, without=without)


class SingleFoldExclusion(EncoderSet):
    def training_features(self, baskets: Baskets, folds: Folds, *, without: int | None = None) -> FeatureRows:
        return super().training_features(baskets, folds)


@dataclass(frozen=True)
class NotCrossFitted(Pipeline):
    def encoders(self, parts: Parts) -> EncoderSet:
        return FeaturesOfTheFinalEncoder(**vars(super().encoders(parts)))


@dataclass(frozen=True)
class CrossValidatedWithoutPairs(Pipeline):
    def encoders(self, parts: Parts) -> EncoderSet:
        return SingleFoldExclusion(**vars(super().encoders(parts)))


@dataclass(frozen=True)
class HeldOutByLines(Pipeline):
    def parts(self, gold: Path) -> Parts:
        clean = super().parts(gold)
        lines = by_lines(clean.train)
        odd = np.arange(len(lines)) % 2 == 1
        train = lines.take(~odd)
        folds = assign_folds(train, folds=3, seed=1)
        return Parts(train=train, folds=folds, holdout=lines.take(odd))


@dataclass(frozen=True)
class FoldsByLines(Pipeline):
    def parts(self, gold: Path) -> Parts:
        clean = super().parts(gold)
        train = by_lines(clean.train)
        return Parts(train=train, folds=assign_folds(train, folds=3, seed=1), holdout=clean.holdout)


@dataclass(frozen=True)
class UncheckedSplit(Pipeline):
    def parts(self, gold: Path) -> Parts:
        split, train, folds = load_training(gold, self.use_case)
        return Parts(train=train.baskets, folds=folds, holdout=load_holdout(gold, self.use_case, split).baskets)


def test_nothing_crosses_the_split_or_a_fold_of_the_products_own_pipeline(baskets: Baskets, use_case: UseCase) -> None:
    assert leaks(Pipeline(use_case), baskets) == []


@pytest.mark.parametrize(
    ("planted", "reported"),
    [
        (
            EncoderOnEverything,
            [
                "the encoders know the hold-out's labels",
                "the training features know the hold-out's labels",
                "the bundle knows the hold-out's labels",
                "the encoders know the hold-out's products",
            ],
        ),
        (
            NotCrossFitted,
            [
                "the training features of fold 0 know its own labels",
                "features in cross-validation on fold 0 know the labels that it is judged on",
                "in cross-validation on fold 1, features of fold 0 know its own labels",
            ],
        ),
        (
            CrossValidatedWithoutPairs,
            [
                "features in cross-validation on fold 0 know the labels that it is judged on",
                "features in the search know the labels that it is judged on",
                "features in cross-validation on fold 1 know the labels that it is judged on",
                "features in cross-validation on fold 2 know the labels that it is judged on",
            ],
        ),
        (HeldOutByLines, ["is in the training weeks and in the hold-out", "week 200701 is in the training weeks"]),
        (FoldsByLines, ["is in more than one fold"]),
    ],
)
def test_a_planted_leak_is_reported(
    planted: type[Pipeline], reported: list[str], baskets: Baskets, use_case: UseCase
) -> None:
    found = leaks(planted(use_case), baskets)
    assert [each for each in reported if not any(each in one for one in found)] == [], found
    if planted is CrossValidatedWithoutPairs:
        assert found == reported, "leaving out the pairs spoils search and cross-validation alone"


def in_two_weeks(baskets: Baskets, *, first: int, second: int) -> Baskets:
    """Give the first basket of week ``second`` the id of the first one of week ``first``."""
    ids = baskets.ids.copy()
    ids[np.flatnonzero(baskets.weeks == second)[0]] = ids[np.flatnonzero(baskets.weeks == first)[0]]
    return replace(baskets, ids=ids)


def test_a_basket_id_on_both_sides_stops_the_product_and_is_reported_where_nothing_checks(
    baskets: Baskets, use_case: UseCase, tmp_path: Path
) -> None:
    twice = in_two_weeks(baskets, first=200702, second=200706)
    basket = int(twice.ids[twice.weeks == 200702][0])
    gold = write_gold(tmp_path / "gold", twice, use_case)
    message = f"basket {basket} is in the training weeks and in the hold-out"
    with pytest.raises(DataError, match=message):
        Pipeline(use_case).parts(gold)
    with pytest.raises(DataError, match=message):
        encode(gold=gold, output=tmp_path / "encoders", use_case=use_case, threads=1)
    assert message in leaks(UncheckedSplit(use_case), twice)


def test_a_basket_id_in_two_training_weeks_is_not_learnt_from(
    baskets: Baskets, use_case: UseCase, tmp_path: Path
) -> None:
    twice = in_two_weeks(baskets, first=200701, second=200703)
    basket = twice.ids[twice.weeks == 200701][0]
    _, train_part, _ = load_training(write_gold(tmp_path, twice, use_case), use_case)
    assert basket not in train_part.baskets.ids
    assert train_part.dropped == {"unclassified": 0, "basket in two weeks": 2}


def test_the_jobs_write_the_same_bytes_whatever_the_held_out_weeks_hold(
    baskets: Baskets, use_case: UseCase, tmp_path: Path
) -> None:
    def artefacts(gold: Path, folder: Path) -> dict[str, str]:
        encode(gold=gold, output=folder / "encoders", use_case=use_case, threads=1)
        train(
            model="decision_tree",
            gold=gold,
            encoders=folder / "encoders",
            output=folder / "model",
            use_case=use_case,
            threads=1,
        )
        files = [path for path in folder.rglob("*") if path.is_file()]
        bytes_of = {str(path.relative_to(folder)): sha256_of(path) for path in files}
        timed = read_json(folder / "model" / TRAINING)
        assert timed.pop("seconds") >= 0
        return {**bytes_of, f"model/{TRAINING}": str(timed)}

    held = baskets.weeks >= 200705
    changed = relabelled(baskets, held)
    before = artefacts(write_gold(tmp_path / "gold", baskets, use_case), tmp_path / "before")
    shutil.rmtree(tmp_path / "gold")
    after = artefacts(write_gold(tmp_path / "gold", changed, use_case), tmp_path / "after")
    assert {"encoders/encoder-all.json", "model/model.onnx", "model/manifest.json"} < set(before)
    assert before == after


def test_on_noise_cross_fitting_stays_at_chance_where_the_leak_pretends_to_know(
    use_case: UseCase, tmp_path: Path
) -> None:
    drawn = draw_baskets(baskets=1_500, products=600, weeks=(200701, 200702, 200703)).baskets
    noise = replace(drawn, labels=np.random.default_rng(3).integers(0, 3, len(drawn)))
    gold = write_gold(tmp_path / "gold", noise, use_case)

    def accuracy(pipeline: Pipeline) -> float:
        parts = pipeline.parts(gold)
        folder = tmp_path / type(pipeline).__name__
        folder.mkdir()
        manifest = pipeline.train(parts, pipeline.encoders(parts), folder)
        return float(manifest["cross_validation"]["accuracy_mean"])

    small = use_case.model_copy(update={"split": use_case.split.model_copy(update={"holdout_weeks": 1})})
    chance = 1 / 3
    assert accuracy(Pipeline(small)) == pytest.approx(chance, abs=0.06)
    assert accuracy(NotCrossFitted(small)) > chance + 0.2
