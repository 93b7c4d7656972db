"""Train one candidate: search its grid, cross-validate, fit, export, and fit once more without the encoding."""

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, f1_score

from ml.bundle import Classifier, write_bundle
from ml.errors import SettingsError
from ml.features.baskets import Baskets
from ml.features.encoder import ProductEncoder
from ml.features.reference import Reference, reference_rows
from ml.features.vector import BasketFeatures, FeatureVector, Matrix
from ml.files import write_json
from ml.progress import track
from ml.training.candidates import build
from ml.training.checkpoints import Checkpoints
from ml.training.encoders import EncoderSet, Folds
from ml.training.export import CARRIED_ROWS, check_parity, export, parity_rows
from ml.use_case import ModelName, UseCase

WITHOUT_ENCODING = "without_encoding"
TRAINING = "training.json"
NO_CHECKPOINTS = Checkpoints()


@dataclass(frozen=True)
class TrainingData:
    """The training weeks' labelled baskets with their folds, encoders and totals.

    ``totals`` is (n, columns) float32 and needs no encoder.
    """

    baskets: Baskets
    folds: Folds
    encoders: EncoderSet
    basket_features: BasketFeatures
    totals: Matrix

    @classmethod
    def prepare(cls, baskets: Baskets, folds: Folds, encoders: EncoderSet, use_case: UseCase) -> "TrainingData":
        """Fit the cut-offs and category values on ``baskets`` and compute their totals."""
        features = BasketFeatures.fit(
            baskets, categories=use_case.features.categories, quantile=use_case.features.winsorize_quantile
        )
        return cls(
            baskets=baskets,
            folds=folds,
            encoders=encoders,
            basket_features=features,
            totals=features.transform(baskets),
        )

    @property
    def content(self) -> tuple[NDArray[Any], ...]:
        """What tells this training data from other: labels, folds, totals and the product vectors."""
        return (self.baskets.labels, self.folds, self.totals, *self.encoders.final.vectors.values())

    def vectors(self, *, without: int | None = None) -> Matrix:
        """Return cross-fitted feature vectors; see ``EncoderSet.training_features``."""
        products = self.encoders.training_features(self.baskets, self.folds, without=without)
        return np.hstack([self.totals, products])


def train_candidate(
    name: ModelName,
    data: TrainingData,
    use_case: UseCase,
    *,
    folder: Path,
    description: Mapping[str, Any],
    threads: int,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> dict[str, Any]:
    """Train candidate ``name`` and write its bundle into the empty ``folder``; return the manifest.

    ``folder`` also gets ``training.json`` (search, cross-validation, seconds) and the bundle of the same
    model without product encoding in ``without_encoding/``. What search and cross-validation find goes into
    ``checkpoints`` at once, and is not computed again where it is there.

    Raises:
        SettingsError: a hyper-parameter is unknown or out of range.
        ModelError: the exported model does not answer as the fitted one.

    """
    started = time.monotonic()
    own = checkpoints.of({"model": name, **description}, *data.content)
    parameters, tried = _search(name, data, use_case, threads=threads, checkpoints=own)
    scores = _cross_validate(name, data, parameters, use_case, threads=threads, checkpoints=own)
    description = {**description, "model": name, "parameters": parameters}

    def write(
        target: Path, vectors: Matrix, encoder: ProductEncoder | None, extra: Mapping[str, Any]
    ) -> dict[str, Any]:
        estimator = fit(name, parameters, vectors, data.baskets.labels, use_case, threads=threads)
        model = export(estimator, vectors.shape[1])
        rows = parity_rows(estimator, vectors, seed=use_case.split.seed)
        given = check_parity(estimator, model, rows)
        carried = np.unique(np.linspace(0, len(rows) - 1, min(CARRIED_ROWS, len(rows))).astype(np.int64))
        words = use_case.label.words
        features = FeatureVector(
            basket_features=data.basket_features, classes=words, encoder=encoder, older_codes=use_case.older_codes
        )
        # Cross-fitted vectors, as every basket is new to the encoder where the model serves.
        counted = vectors[reference_rows(len(vectors))]
        likeliest = Classifier(model).probabilities(counted).argmax(axis=1)
        reference = Reference.fit(counted, features.names, likeliest, classes=len(words))
        return write_bundle(
            target,
            model=model,
            features=features,
            parity_vectors=rows[carried],
            parity_probabilities=given[carried],
            reference=reference.model_dump(mode="json"),
            trained_through=int(data.baskets.weeks.max()),
            description={**description, **extra},
        )

    manifest = write(folder, data.vectors(), data.encoders.final, {"cross_validation": scores})
    plain = folder / WITHOUT_ENCODING
    plain.mkdir()
    write(plain, data.totals, None, {})
    write_json(
        folder / TRAINING,
        {"search": tried, "cross_validation": scores, "seconds": round(time.monotonic() - started, 1)},
    )
    return manifest


def fit(
    name: ModelName,
    parameters: Mapping[str, Any],
    vectors: Matrix,
    labels: NDArray[np.int64],
    use_case: UseCase,
    *,
    threads: int,
) -> BaseEstimator:
    """Return candidate ``name`` fitted on (n, features) ``vectors`` and (n,) ``labels``."""
    estimator = build(name, parameters, seed=use_case.split.seed, threads=threads)
    try:
        return estimator.fit(vectors, labels)
    except ValueError as error:
        raise SettingsError(f"candidates.{name}: {error}") from error


def _search(
    name: ModelName, data: TrainingData, use_case: UseCase, *, threads: int, checkpoints: Checkpoints
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the grid's best point by macro F1 on fold 0, and every point's figure."""
    candidate = use_case.candidates[name]
    keys = list(candidate.grid)
    points = [
        {**candidate.fixed, **dict(zip(keys, values, strict=True))}
        for values in itertools.product(*(candidate.grid[key] for key in keys))
    ]
    if len(points) == 1:
        return points[0], []
    vectors = data.vectors(without=0)
    learn = _spread(np.flatnonzero(data.folds != 0), use_case.search_rows)
    score = _spread(np.flatnonzero(data.folds == 0), use_case.search_rows)
    labels = data.baskets.labels

    def judge(point: dict[str, Any]) -> dict[str, Any]:
        estimator = fit(name, point, vectors[learn], labels[learn], use_case, threads=threads)
        return {"macro_f1": float(f1_score(labels[score], estimator.predict(vectors[score]), average="macro"))}

    tried = [
        {"parameters": point, **checkpoints.kept("search", point, partial(judge, point))}
        for point in track(points, label=f"{name}: search")
    ]
    best = max(range(len(points)), key=lambda index: (tried[index]["macro_f1"], -index))
    return points[best], tried


def _cross_validate(
    name: ModelName,
    data: TrainingData,
    parameters: Mapping[str, Any],
    use_case: UseCase,
    *,
    threads: int,
    checkpoints: Checkpoints,
) -> dict[str, Any]:
    """Return accuracy and macro F1 by fold, and their mean and standard deviation."""
    labels = data.baskets.labels
    folds: Iterable[int] = np.unique(data.folds).tolist()

    def judge(fold: int) -> dict[str, Any]:
        vectors = data.vectors(without=fold)
        inside = data.folds == fold
        estimator = fit(name, parameters, vectors[~inside], labels[~inside], use_case, threads=threads)
        predicted = estimator.predict(vectors[inside])
        return {
            "accuracy": float(accuracy_score(labels[inside], predicted)),
            "macro_f1": float(f1_score(labels[inside], predicted, average="macro")),
        }

    results = [
        checkpoints.kept(f"fold-{fold}", parameters, partial(judge, fold))
        for fold in track(list(folds), label=f"{name}: cross-validation")
    ]
    summary: dict[str, Any] = {"folds": results}
    for key in ("accuracy", "macro_f1"):
        values = np.array([each[key] for each in results])
        summary |= {f"{key}_mean": float(values.mean()), f"{key}_std": float(values.std(ddof=1))}
    return summary


def _spread(positions: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """At most ``rows`` of ``positions``, evenly spread."""
    return positions[np.unique(np.linspace(0, len(positions) - 1, min(rows, len(positions))).astype(np.int64))]
