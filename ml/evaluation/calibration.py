"""Do baskets given a probability of 0.8 turn out right 80 % of the time?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.document import Frozen
from ml.evaluation.intervals import Estimate, percentiles, proportion, resample

TOP_CLASS = "predicted class"


class CalibrationBin(Frozen):
    """Rows whose probability for ``curve`` lies in (low, high]: what was said and what came true.

    ``curve`` is a class, or ``TOP_CLASS`` for the probability of whichever class was predicted.
    """

    curve: str
    low: float
    high: float
    rows: int
    mean_probability: float
    share: Estimate


def calibration_curve(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    bins: int = 15,
    *,
    classes: Sequence[str] = (),
) -> tuple[CalibrationBin, ...]:
    """Return the bins that hold rows: of the predicted class first, then of each class.

    Args:
        labels: (n,) class indices.
        probabilities: (n, K).
        bins: bins of equal width over [0, 1].
        classes: names of the K classes; their indices as text where none are given.

    """
    names = list(classes) or [str(index) for index in range(probabilities.shape[1])]
    predicted = probabilities.argmax(axis=1)
    found = _bins(TOP_CLASS, probabilities.max(axis=1), predicted == labels, bins)
    for index, name in enumerate(names):
        found += _bins(name, probabilities[:, index], labels == index, bins)
    return tuple(found)


def calibration_error(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    *,
    seed: int,
    replicates: int,
    bins: int = 15,
) -> Estimate:
    """Return the expected calibration error of the predicted class, in [0, 1].

    Σ over bins of rows(bin)/n · |share correct − mean confidence|. Source: M. Pakdaman Naeini et al.,
    "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015. The interval resamples
    the table (bin, correct); because noise can only add to an absolute difference, the replicates lie too
    high on average and are shifted back by that bias.
    """
    counts, sums = _binned(confidence, correct, bins)
    rows = counts.sum(axis=1)
    mean = np.divide(sums, rows, out=np.zeros(bins), where=rows > 0)
    value = float(_error(counts[None], mean)[0])
    drawn = _error(resample(counts, replicates=replicates, seed=seed), mean)
    shifted = np.clip(drawn - (drawn.mean() - value), 0.0, 1.0)
    return percentiles(value, shifted)


def _error(counts: NDArray[np.int64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the error of each (bins, wrong/right) table in a stack, given the bins' mean confidence."""
    rows = counts.sum(axis=2)
    total = rows.sum(axis=1)
    gaps: NDArray[np.float64] = np.abs(counts[:, :, 1] - rows * mean).sum(axis=1) / total
    return gaps


def _binned(
    probability: NDArray[np.float64], came_true: NDArray[np.bool_], bins: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return rows per (bin, came true) as (bins, 2), and the sum of probabilities per bin."""
    index = np.clip(np.ceil(probability * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(index * 2 + came_true, minlength=2 * bins).reshape(bins, 2).astype(np.int64)
    sums = np.bincount(index, weights=probability, minlength=bins).astype(np.float64)
    return counts, sums


def _bins(
    curve: str, probability: NDArray[np.float64], came_true: NDArray[np.bool_], bins: int
) -> list[CalibrationBin]:
    counts, sums = _binned(probability, came_true, bins)
    return [
        CalibrationBin(
            curve=curve,
            low=number / bins,
            high=(number + 1) / bins,
            rows=int(counts[number].sum()),
            mean_probability=float(sums[number] / counts[number].sum()),
            share=proportion(successes=int(counts[number, 1]), rows=int(counts[number].sum())),
        )
        for number in range(bins)
        if counts[number].sum() > 0
    ]
