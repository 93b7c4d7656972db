"""What the model leans on: the loss in macro F1 when a feature no longer fits its row."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.document import Frozen
from ml.errors import DataError
from ml.evaluation.confusion import confusion_matrix, rates


class Importance(Frozen):
    """The mean loss in macro F1 over the repeats and its standard deviation; below 0 is noise."""

    feature: str
    drop: float
    std: float


def permutation_importance(
    predict: Callable[[NDArray[np.float32]], NDArray[Any]],
    X: NDArray[np.float32],
    labels: NDArray[np.int64],
    groups: Mapping[str, Sequence[int]],
    *,
    seed: int,
    repeats: int = 3,
    max_rows: int = 5000,
) -> tuple[Importance, ...]:
    """Return the importance of each group of columns, largest first.

    The columns of a group are shuffled together among the rows, so that what they say jointly is lost
    and their own correlations are not broken. Source: L. Breiman, "Random forests", Mach. Learn. 45
    (2001). Where two groups carry the same signal, each looks unimportant beside the other.

    Args:
        predict: (m, features) → (m,) class indices or (m, K) probabilities.
        X: (n, features).
        labels: (n,) class indices.
        groups: name → column indices of X.
        seed: of the rows drawn and the shuffles.
        repeats: shuffles per group.
        max_rows: rows drawn, without replacement, where there are more.

    """
    if len(labels) == 0:
        raise DataError("there is no labelled basket to measure importance on")
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(labels), size=min(max_rows, len(labels)), replace=False))
    sample, truth = X[rows], labels[rows]
    whole = _macro_f1(predict(sample), truth)
    found = []
    for name, columns in groups.items():
        chosen = list(columns)
        drops = []
        for _ in range(repeats):
            shuffled = sample.copy()
            shuffled[:, chosen] = sample[rng.permutation(len(rows))][:, chosen]
            drops.append(whole - _macro_f1(predict(shuffled), truth))
        found.append(Importance(feature=name, drop=float(np.mean(drops)), std=float(np.std(drops))))
    return tuple(sorted(found, key=lambda each: (-each.drop, each.feature)))


def _macro_f1(predictions: NDArray[Any], labels: NDArray[np.int64]) -> float:
    predicted = predictions.argmax(axis=1) if predictions.ndim == 2 else predictions
    count = 1 + int(max(labels.max(), predicted.max()))
    matrix = confusion_matrix(labels, predicted.astype(np.int64), classes=count)
    return float(rates(matrix).macro_f1)
