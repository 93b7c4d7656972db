"""Does a pipeline let a basket, or an encoder fit, cross the split? Found out by changing what must not matter.

``leaks`` runs a pipeline from gold to bundles, looking at what every model is given. It then changes labels,
and hold-out products, on one side of a border and runs it again: nothing on the other side may move.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ml.features.baskets import Baskets
from ml.features.vector import Matrix
from ml.files import sha256_of
from ml.jobs.encode import load_holdout, load_training
from ml.training import train as training
from ml.training.encoders import EncoderSet, Folds, fit_encoder_set, search_encoder
from ml.training.split import check_disjoint
from ml.training.train import TRAINING, TrainingData, train_candidate
from ml.use_case import ModelName, UseCase
from tests.baskets import relabelled, write_gold

MODEL: ModelName = "decision_tree"


@dataclass(frozen=True)
class Parts:
    """What a pipeline learns from, with a fold for each row, and what it holds out."""

    train: Baskets
    folds: Folds
    holdout: Baskets


@dataclass(frozen=True)
class Pipeline:
    """The product's own steps; a planted leak overrides one of them."""

    use_case: UseCase

    def parts(self, gold: Path) -> Parts:
        """Read gold and divide it."""
        split, train, folds = load_training(gold, self.use_case)
        holdout = load_holdout(gold, self.use_case, split)
        check_disjoint(train.baskets, holdout.baskets)
        return Parts(train=train.baskets, folds=folds, holdout=holdout.baskets)

    def encoders(self, parts: Parts) -> EncoderSet:
        """Fit the product encoders."""
        parameters, tried = search_encoder(parts.train, parts.folds, self.use_case)
        return fit_encoder_set(parts.train, parts.folds, parameters, classes=self.classes, search=tried)

    def train(self, parts: Parts, encoders: EncoderSet, folder: Path) -> dict[str, Any]:
        """Train a candidate with and without the encoders into ``folder``."""
        data = TrainingData.prepare(parts.train, parts.folds, encoders, self.use_case)
        description = {"classes": [each.model_dump() for each in self.use_case.label.classes]}
        return train_candidate(MODEL, data, self.use_case, folder=folder, description=description, threads=1)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.use_case.label.classes)


@dataclass(frozen=True)
class Seen:
    """One run: its parts, the encoders' vectors, what each model was fitted on and asked, the bundle's files."""

    parts: Parts
    encoders: dict[str, NDArray[np.float64]]
    fitted: list[Matrix]
    asked: list[Matrix]
    bundle: dict[str, str]

    @property
    def searched(self) -> list[Matrix]:
        """What the search was fitted and judged on, point by point; it is judged on fold 0."""
        return [*self.fitted[: self._searches], *self.asked[: self._searches]]

    def learnt(self, fold: int) -> Matrix:
        """What cross-validation on ``fold`` was fitted on: the rows of all other folds."""
        return self.fitted[self._searches + fold]

    def judged(self, fold: int) -> Matrix:
        """What cross-validation on ``fold`` was judged on."""
        return self.asked[self._searches + fold]

    @property
    def final(self) -> Matrix:
        """What the shipped model was fitted on: all training rows."""
        return self.fitted[-2]

    @property
    def _searches(self) -> int:
        # Fits come in this order: the search, one for each fold, the shipped model, the one without encoding.
        return len(self.fitted) - 2 - len(np.unique(self.parts.folds))


def observe(pipeline: Pipeline, baskets: Baskets) -> Seen:
    """Run ``pipeline`` on ``baskets`` from gold to bundle."""
    with TemporaryDirectory() as scratch, _recorded() as (fitted, asked):
        parts = pipeline.parts(write_gold(Path(scratch) / "gold", baskets, pipeline.use_case))
        encoders = pipeline.encoders(parts)
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        pipeline.train(parts, encoders, folder)
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != TRAINING]
        return Seen(
            parts=parts,
            encoders={
                f"{excluded} {level}": vectors
                for excluded, encoder in encoders.encoders.items()
                for level, vectors in {**encoder.vectors, "prior": encoder.prior}.items()
            },
            fitted=fitted,
            asked=asked,
            bundle={str(path.relative_to(folder)): sha256_of(path) for path in files},
        )


def leaks(pipeline: Pipeline, baskets: Baskets) -> list[str]:
    """Return what crosses a border that nothing may cross, in words; an empty list is a clean pipeline."""
    seen = observe(pipeline, baskets)
    return [
        *_shared(seen.parts),
        *_from_holdout(pipeline, baskets, seen),
        *_between_folds(pipeline, baskets, seen),
    ]


def _shared(parts: Parts) -> Iterator[str]:
    for basket in np.intersect1d(parts.train.ids, parts.holdout.ids)[:1]:
        yield f"basket {basket} is in the training weeks and in the hold-out"
    for week in np.intersect1d(parts.train.weeks, parts.holdout.weeks)[:1]:
        yield f"week {week} is in the training weeks and in the hold-out"
    pairs = np.unique(np.column_stack([parts.train.ids, parts.folds]), axis=0)
    ids, folds = np.unique(pairs[:, 0], return_counts=True)
    for basket in ids[folds > 1][:1]:
        yield f"basket {basket} is in more than one fold"


def _from_holdout(pipeline: Pipeline, baskets: Baskets, seen: Seen) -> Iterator[str]:
    held = np.isin(baskets.ids, seen.parts.holdout.ids)
    changes = {
        "labels": relabelled(baskets, held, classes=pipeline.classes),
        "products": _other_products(baskets, held),
    }
    for what, changed in changes.items():
        again = observe(pipeline, changed)
        if not _same(list(seen.encoders.values()), list(again.encoders.values())):
            yield f"the encoders know the hold-out's {what}"
        if not _same([*seen.fitted, *seen.asked], [*again.fitted, *again.asked]):
            yield f"the training features know the hold-out's {what}"
        if seen.bundle != again.bundle:
            yield f"the bundle knows the hold-out's {what}"


def _between_folds(pipeline: Pipeline, baskets: Baskets, seen: Seen) -> Iterator[str]:
    folds = seen.parts.folds
    numbers = np.unique(folds).tolist()
    for fold in numbers:
        inside = np.isin(baskets.ids, seen.parts.train.ids[folds == fold])
        again = observe(pipeline, relabelled(baskets, inside, classes=pipeline.classes))
        if not _same([seen.final[folds == fold]], [again.final[folds == fold]]):
            yield f"the training features of fold {fold} know its own labels"
        if not _same([seen.learnt(fold), seen.judged(fold)], [again.learnt(fold), again.judged(fold)]):
            yield f"features in cross-validation on fold {fold} know the labels that it is judged on"
        if fold == 0 and not _same(seen.searched, again.searched):
            yield "features in the search know the labels that it is judged on"
        for other in set(numbers) - {fold}:
            own = folds[folds != other] == fold
            if not _same([seen.learnt(other)[own]], [again.learnt(other)[own]]):
                yield f"in cross-validation on fold {other}, features of fold {fold} know its own labels"


def _same(before: list[Any], after: list[Any]) -> bool:
    return len(before) == len(after) and all(map(np.array_equal, before, after))


def _other_products(baskets: Baskets, rows: NDArray[np.bool_]) -> Baskets:
    """Give each line of ``rows`` the product that follows in the catalogue."""
    moved = (baskets.line_products + 1) % len(baskets.catalogue["prod_code"])
    return replace(baskets, line_products=np.where(np.repeat(rows, baskets.line_counts), moved, baskets.line_products))


@contextmanager
def _recorded() -> Iterator[tuple[list[Matrix], list[Matrix]]]:
    """Keep every matrix that a model of ``ml.training.train`` is fitted on or asked to predict."""
    fitted: list[Matrix] = []
    asked: list[Matrix] = []
    fit = training.fit

    def recording(name: Any, parameters: Any, vectors: Matrix, *others: Any, **options: Any) -> BaseEstimator:
        estimator = fit(name, parameters, vectors, *others, **options)
        predict = estimator.predict

        def recording_predict(rows: Matrix) -> Any:
            asked.append(rows)
            return predict(rows)

        estimator.predict = recording_predict
        fitted.append(vectors)
        return estimator

    with patch.object(training, "fit", recording):
        yield fitted, asked
