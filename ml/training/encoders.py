"""Cross-fitting: a basket's features come from an encoder that never saw the basket.

With k folds there is an encoder without each fold, one without each pair of folds (to cross-validate models
whose own features are cross-fitted too) and one fitted on all training baskets, which ships with the model.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from ml.errors import ModelError
from ml.features.baskets import Baskets
from ml.features.encoder import ProductEncoder
from ml.features.vector import line_values, product_features
from ml.files import read_json, write_json
from ml.progress import track
from ml.training.product_vectors import EncoderParameters, fit_encoder
from ml.use_case import UseCase

Folds = NDArray[np.int64]
FeatureRows = NDArray[np.float32]


@dataclass(frozen=True)
class EncoderSet:
    """Encoders by the folds they never saw: () for none, (k,), and (j, k) with j < k."""

    parameters: EncoderParameters
    search: list[dict[str, Any]]
    encoders: dict[tuple[int, ...], ProductEncoder]
    classes: int

    @property
    def final(self) -> ProductEncoder:
        """The encoder fitted on all training baskets."""
        return self.encoders[()]

    def training_features(self, baskets: Baskets, folds: Folds, *, without: int | None = None) -> FeatureRows:
        """Return (n, f) cross-fitted features: row i from the encoder that saw neither i's fold nor ``without``.

        Rows of fold ``without`` itself come from the encoder without that fold, as a hold-out's would.
        """
        lines = np.empty((len(baskets.line_products), 2 * self.final.states))
        fold_of_line = np.repeat(folds, baskets.line_counts)
        for fold in np.unique(folds).tolist():
            excluded = tuple(sorted({fold} if without is None else {fold, without}))
            vectors, _ = self.encoders[excluded].catalogue_vectors(baskets.catalogue)
            of_fold = fold_of_line == fold
            lines[of_fold] = line_values(vectors)[baskets.line_products[of_fold]]
        return product_features(lines, baskets.offsets, classes=self.classes)

    def save(self, folder: Path) -> None:
        """Write one file per encoder and ``encoders.json``."""
        for excluded, encoder in self.encoders.items():
            encoder.save(folder / _file_name(excluded))
        write_json(
            folder / "encoders.json",
            {
                "parameters": asdict(self.parameters),
                "search": self.search,
                "classes": self.classes,
                "excluded": [list(excluded) for excluded in self.encoders],
            },
        )

    @classmethod
    def load(cls, folder: Path) -> "EncoderSet":
        """Read what ``save`` wrote.

        Raises:
            ModelError: the folder holds no encoder set.

        """
        if not (folder / "encoders.json").is_file():
            raise ModelError(f"{folder}: no encoders.json; run `mlops encode` first")
        value = read_json(folder / "encoders.json")
        keys = [tuple(excluded) for excluded in value["excluded"]]
        return cls(
            parameters=EncoderParameters(**value["parameters"]),
            search=value["search"],
            encoders={key: ProductEncoder.load(folder / _file_name(key)) for key in keys},
            classes=value["classes"],
        )


def fit_encoder_set(
    baskets: Baskets,
    folds: Folds,
    parameters: EncoderParameters,
    *,
    classes: int,
    search: list[dict[str, Any]],
    pairs: bool = True,
    threads: int = 2,
    label: str = "fit encoders",
) -> EncoderSet:
    """Fit every encoder that training and, with ``pairs``, cross-validation need; a few at a time.

    ``label`` names the progress bar; an empty one shows none.
    """
    numbers = np.unique(folds).tolist()
    excluded: list[tuple[int, ...]] = [(), *((fold,) for fold in numbers)]
    if pairs:
        excluded += list(combinations(numbers, 2))

    def fit(without: tuple[int, ...]) -> ProductEncoder:
        return fit_encoder(baskets.take(~np.isin(folds, without)), parameters, classes=classes)

    # One BLAS thread each: the fits themselves are what runs side by side.
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        fits = pool.map(fit, excluded)
        fitted = list(track(fits, label=label, total=len(excluded)) if label else fits)
    encoders = dict(zip(excluded, fitted, strict=True))
    return EncoderSet(parameters=parameters, search=search, encoders=encoders, classes=classes)


def search_encoder(
    baskets: Baskets, folds: Folds, use_case: UseCase, *, threads: int = 2
) -> tuple[EncoderParameters, list[dict[str, Any]]]:
    """Try every point of the encoder's grid; return the best and what each reached.

    Each is fitted on all folds but two; a shallow tree learns on the one and is scored on the other, on at
    most ``search_rows`` baskets each: no basket is both learnt from and scored at any level.
    """
    classes = len(use_case.label.classes)
    fit_on = baskets.take(folds >= 2)
    learn, score = (_first(baskets.take(folds == fold), use_case.search_rows) for fold in (1, 0))

    def reached(parameters: EncoderParameters) -> dict[str, Any]:
        encoder = fit_encoder(fit_on, parameters, classes=classes)
        features = []
        for part in (learn, score):
            vectors, _ = encoder.catalogue_vectors(part.catalogue)
            features.append(product_features(line_values(vectors)[part.line_products], part.offsets, classes=classes))
        tree = DecisionTreeClassifier(max_depth=8, min_samples_leaf=20, random_state=use_case.split.seed)
        predicted = tree.fit(features[0], learn.labels).predict(features[1])
        return {"parameters": asdict(parameters), "macro_f1": float(f1_score(score.labels, predicted, average="macro"))}

    points = list(_grid(use_case))
    if len(points) == 1:
        return points[0], []
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        tried = list(track(pool.map(reached, points), label="search encoder", total=len(points)))
    best = max(range(len(points)), key=lambda index: (tried[index]["macro_f1"], -index))
    return points[best], tried


def _grid(use_case: UseCase) -> Iterable[EncoderParameters]:
    grid = use_case.features.encoder
    for power, smoothing, rounds in product(grid.basket_weight_power, grid.smoothing, grid.rounds):
        yield EncoderParameters(
            basket_weight_power=power, smoothing=smoothing, rounds=rounds, neutral_state=grid.neutral_state
        )


def _first(baskets: Baskets, rows: int) -> Baskets:
    """At most ``rows`` baskets, spread evenly over the weeks."""
    return baskets.take(np.unique(np.linspace(0, len(baskets) - 1, min(rows, len(baskets))).astype(np.int64)))


def _file_name(excluded: tuple[int, ...]) -> str:
    return "encoder-all.json" if not excluded else f"encoder-without-{'-'.join(map(str, excluded))}.json"
