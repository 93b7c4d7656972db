"""What moves the winner: groups of features for permutation importance, and its learning curve."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from ml.features.baskets import Baskets
from ml.features.vector import TOTALS, FeatureVector
from ml.progress import track
from ml.training.encoders import Folds, fit_encoder_set
from ml.training.product_vectors import EncoderParameters
from ml.training.train import TrainingData, fit
from ml.use_case import ModelName, UseCase

CURVE_SHARES = (0.01, 0.03, 0.1, 0.3)
SMALLEST_CURVE_POINT = 1_000

_PRODUCT_GROUPS = {
    "products: means": ("mean_",),
    "products: extremes": ("min_", "max_"),
    "products: counts": ("count_", "share_"),
}
_TOTAL_GROUPS = {
    "basket size": ("lines", "products"),
    "quantity": ("quantity", "quantity_max", "quantity_per_line"),
    "spend": ("spend", "spend_min", "spend_max", "spend_per_line", "spend_per_unit"),
    "hour": ("shop_hour",),
}


def feature_groups(names: Sequence[str]) -> dict[str, list[int]]:
    """Return columns by group; columns that say the same thing in other words stand together."""
    groups: dict[str, list[int]] = {}
    of_total = {name: group for group, members in _TOTAL_GROUPS.items() for name in members}
    for index, name in enumerate(names):
        if name in TOTALS:
            groups.setdefault(of_total[name], []).append(index)
        elif "=" in name:
            groups.setdefault(name.split("=")[0], []).append(index)
        else:
            groups.setdefault("products (all)", []).append(index)
            group = next(key for key, starts in _PRODUCT_GROUPS.items() if name.startswith(starts))
            groups.setdefault(group, []).append(index)
    return groups


def learning_curve(
    name: ModelName,
    *,
    parameters: Mapping[str, Any],
    encoder: EncoderParameters,
    train: Baskets,
    folds: Folds,
    holdout: Baskets,
    use_case: UseCase,
    threads: int,
) -> list[dict[str, Any]]:
    """Return the figures on ``holdout`` of models learnt from growing shares of ``train``.

    Encoder and model are both fitted on the share alone. ``train_accuracy`` is over cross-fitted features.
    """
    order = np.random.default_rng(use_case.split.seed).permutation(len(train))
    wanted = sorted({max(int(share * len(train)), SMALLEST_CURVE_POINT) for share in CURVE_SHARES})
    sizes = [size for size in wanted if size < len(train) / 2]
    points = []
    for size in track(sizes, label="learning curve"):
        rows = np.sort(order[:size])
        part, part_folds = train.take(rows), folds[rows]
        if len(np.unique(part.labels)) < len(use_case.label.classes):
            continue
        encoders = fit_encoder_set(
            part,
            part_folds,
            encoder,
            classes=len(use_case.label.classes),
            search=[],
            pairs=False,
            threads=threads,
            label="",
        )
        data = TrainingData.prepare(part, part_folds, encoders, use_case)
        vectors = data.vectors()
        estimator = fit(name, parameters, vectors, part.labels, use_case, threads=threads)
        features = FeatureVector(
            basket_features=data.basket_features, classes=use_case.label.words, encoder=encoders.final
        )
        predicted = estimator.predict(features.transform(holdout))
        points.append(
            {
                "baskets": int(size),
                "accuracy": float(accuracy_score(holdout.labels, predicted)),
                "macro_f1": float(f1_score(holdout.labels, predicted, average="macro")),
                "train_accuracy": float(accuracy_score(part.labels, estimator.predict(vectors))),
            }
        )
    return points
