"""Predictions made up for tests: of a chosen quality, with chosen class shares."""

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import Scores, score

CLASSES = ("High", "Medium", "Low")
Rows = tuple[NDArray[np.int64], NDArray[np.float64]]


def predictions(rows: int, *, seed: int, quality: float = 3.0, shares: tuple[float, ...] = (0.24, 0.5, 0.26)) -> Rows:
    """Return (n,) labels and (n, K) probabilities; at quality 0 they know nothing of each other."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(shares), size=rows, p=shares)
    scores = rng.normal(size=(rows, len(shares))) + quality * np.eye(len(shares))[labels]
    odds = np.exp(scores * max(quality, 0.3))
    return labels.astype(np.int64), odds / odds.sum(axis=1, keepdims=True)


def scores(rows: int = 3000, *, seed: int = 5, quality: float = 4.0) -> Scores:
    """Return the scores of such predictions."""
    labels, probabilities = predictions(rows, seed=seed, quality=quality)
    return score(labels, probabilities, classes=CLASSES, seed=1)


def certain(predicted: NDArray[np.int64], classes: int = 3) -> NDArray[np.float64]:
    """Return (n, K) probabilities of 1 for the (n,) predicted classes."""
    found: NDArray[np.float64] = np.eye(classes)[predicted]
    return found
