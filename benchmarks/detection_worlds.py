"""Real weeks as a version sees them: a champion, worse versions of it, and shifted traffic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.features.baskets import Baskets
from ml.features.encoder import ProductEncoder
from ml.features.gold_reader import load_gold
from ml.features.reference import Reference, reference_rows
from ml.features.vector import FeatureVector, Matrix
from ml.monitoring.counts import WeekCounts
from ml.training.encoders import fit_encoder_set
from ml.training.product_vectors import EncoderParameters
from ml.training.split import assign_folds, labelled
from ml.training.train import TrainingData, fit
from ml.use_case import UseCase

# What the full training chose on these weeks; the search is not what is measured here.
ENCODER = EncoderParameters(basket_weight_power=4.0, smoothing=0.1, rounds=12, neutral_state=True)
DEPTH = 3


@dataclass(frozen=True)
class SeenWeek:
    """A week's labelled baskets as one version sees them, each array by basket; ``weights`` draw them."""

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    bins: NDArray[np.uint8]
    lines: NDArray[np.int64]
    unseen: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """The accuracy over the draw's weights."""
        return float(self.weights @ (self.labels == self.predicted) / self.weights.sum())


@dataclass(frozen=True)
class Version:
    """A model that can look at baskets; ``classify`` takes feature vectors to class indices."""

    features: FeatureVector
    classify: Callable[[Matrix], NDArray[np.int64]]
    reference: Reference

    def see(self, baskets: Baskets, weights: NDArray[np.float64] | None = None) -> SeenWeek:
        """Return the baskets' labels, predictions and bins."""
        vectors = self.features.transform(baskets)
        encoder = self.features.encoder
        assert encoder is not None
        _, known = encoder.catalogue_vectors(baskets.catalogue)
        unseen = np.add.reduceat((~known[baskets.line_products]).astype(np.int64), baskets.offsets[:-1])
        return SeenWeek(
            labels=baskets.labels,
            predicted=self.classify(vectors),
            bins=self.reference.bins(vectors),
            lines=baskets.line_counts,
            unseen=unseen,
            weights=np.ones(len(baskets)) if weights is None else weights,
        )

    def with_shuffled(self, share: float, seed: int) -> "Version":
        """Return the version with the vectors of ``share`` of its products dealt out anew among them."""
        encoder = self.features.encoder
        assert encoder is not None
        level = encoder.levels[0]
        rng = np.random.default_rng(seed)
        count = len(encoder.codes[level])
        chosen = rng.permutation(count)[: round(share * count)]
        vectors = encoder.vectors[level].copy()
        vectors[chosen] = vectors[rng.permutation(chosen)]
        shuffled = ProductEncoder(
            encoder.levels, encoder.codes, {**encoder.vectors, level: vectors}, encoder.prior, encoder.classes
        )
        return replace(self, features=replace(self.features, encoder=shuffled))


def weeks_of(gold: Path, use_case: UseCase, weeks: Sequence[int]) -> list[Baskets]:
    """Return the labelled baskets of each week."""
    return [labelled(load_gold(gold, use_case, weeks=[week])).baskets for week in weeks]


def train(baskets: Baskets, use_case: UseCase) -> Version:
    """Train XGBoost on ``baskets`` as the train job does, with the hyper-parameters that it chose and three folds."""
    classes = use_case.label.words
    folds = assign_folds(baskets, folds=3, seed=use_case.split.seed)
    encoders = fit_encoder_set(baskets, folds, ENCODER, classes=len(classes), search=[], pairs=False, threads=2)
    data = TrainingData.prepare(baskets, folds, encoders, use_case)
    vectors = data.vectors()
    parameters = {**use_case.candidates["xgboost"].fixed, "max_depth": DEPTH}
    estimator = fit("xgboost", parameters, vectors, baskets.labels, use_case, threads=1)
    features = FeatureVector(basket_features=data.basket_features, classes=classes, encoder=encoders.final)

    def classify(matrix: Matrix) -> NDArray[np.int64]:
        return np.asarray(estimator.predict(matrix), dtype=np.int64)

    counted = vectors[reference_rows(len(vectors))]
    reference = Reference.fit(counted, features.names, classify(counted), classes=len(classes))
    return Version(features, classify, reference)


def first(baskets: Baskets, rows: int, seed: int) -> Baskets:
    """Return ``rows`` baskets drawn without replacement."""
    chosen = np.random.default_rng(seed).permutation(len(baskets))[:rows]
    return baskets.take(np.sort(chosen))


def renamed(baskets: Baskets, share: float, seed: int) -> Baskets:
    """Return baskets where ``share`` of the products have a code that no model knows; categories stay."""
    level = next(iter(baskets.catalogue))
    codes = baskets.catalogue[level]
    new = np.random.default_rng(seed).random(len(codes)) < share
    catalogue = {**baskets.catalogue, level: np.where(new, np.char.add("NEW", codes), codes)}
    return replace(baskets, catalogue=catalogue)


def weighted(rows: NDArray[np.bool_], factor: float) -> NDArray[np.float64]:
    """Return the weights of a draw in which the chosen baskets come ``factor`` times as often."""
    return np.where(rows, factor, 1.0)


def in_group(baskets: Baskets, level: str, code: str) -> NDArray[np.bool_]:
    """Return which baskets hold a product of the category ``code``."""
    member = (baskets.catalogue[level] == code)[baskets.line_products]
    return np.add.reduceat(member.astype(np.int64), baskets.offsets[:-1]) > 0


def draw(week: SeenWeek, name: int, baskets: int, sizes: Sequence[int], rng: np.random.Generator) -> WeekCounts:
    """Return the counts of ``baskets`` baskets drawn from ``week`` with replacement, as week ``name``."""
    rows = rng.choice(len(week.labels), size=baskets, p=week.weights / week.weights.sum())
    labels, predicted, bins = week.labels[rows], week.predicted[rows], week.bins[rows]
    return WeekCounts(
        weeks=(name,),
        predictions=baskets,
        unclassified=0,
        contradictory=0,
        lines=int(week.lines[rows].sum()),
        unseen_lines=int(week.unseen[rows].sum()),
        confusion=np.bincount(labels * 3 + predicted, minlength=9).reshape(3, 3),
        predicted=np.bincount(predicted, minlength=3),
        histograms=tuple(np.bincount(bins[:, place], minlength=size) for place, size in enumerate(sizes)),
    )
