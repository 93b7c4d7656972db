"""Confusion matrices and every figure that follows from them, for one matrix or a stack of bootstrap ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rates:
    """Figures of confusion matrices of shape (…, K, K): the first five (…,), the rest (…, K).

    A rate whose denominator is 0 (precision of a class that is never predicted) is 0. The macro figures
    are plain means over the classes that occur as truth or as prediction, as in scikit-learn.
    """

    accuracy: NDArray[np.float64]
    macro_precision: NDArray[np.float64]
    macro_recall: NDArray[np.float64]
    macro_f1: NDArray[np.float64]
    precision_minimum: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]


def confusion_matrix(labels: NDArray[np.int64], predicted: NDArray[np.int64], *, classes: int) -> NDArray[np.int64]:
    """Return the (K, K) counts, rows true classes, columns predicted ones, of two (n,) class arrays."""
    cells = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def rates(matrices: NDArray[np.int64]) -> Rates:
    """Return the figures of one (K, K) confusion matrix or of each in a stack (…, K, K)."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1).astype(np.float64)
    true = matrices.sum(axis=-1).astype(np.float64)
    predicted = matrices.sum(axis=-2).astype(np.float64)
    precision = _divide(hits, predicted)
    recall = _divide(hits, true)
    f1 = _divide(2 * hits, true + predicted)
    occurs = (true + predicted) > 0
    count = occurs.sum(axis=-1)
    return Rates(
        accuracy=_divide(hits.sum(axis=-1), true.sum(axis=-1)),
        macro_precision=_divide(precision.sum(axis=-1), count),
        macro_recall=_divide(recall.sum(axis=-1), count),
        macro_f1=_divide(f1.sum(axis=-1), count),
        precision_minimum=np.where(occurs, precision, np.inf).min(axis=-1),
        precision=precision,
        recall=recall,
        f1=f1,
    )


def _divide(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.zeros_like(top, dtype=np.float64), where=bottom > 0)
