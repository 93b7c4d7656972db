"""The population stability index: how far counts have moved from those of the training baskets."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def psi(before: Sequence[int] | NDArray[np.int64], now: Sequence[int] | NDArray[np.int64]) -> float:
    """Return the PSI of two histograms (b,) over the same bins: Σ (q - p) · ln(q / p) over the bins' shares.

    Every bin gets half a count more, so that an empty one gives a finite figure. 0 means equal shares; with n and m
    rows of the same distribution it is about (b - 1) · (1/n + 1/m). Source: S. Kullback and R. A. Leibler, "On
    information and sufficiency", Ann. Math. Stat. 22 (1951), whose symmetric divergence it is; for its use, B.
    Yurdakul and J. Naranjo, "Statistical properties of the population stability index", J. Risk Model Valid. 14 (2020).
    """
    p, q = (_shares(np.asarray(counts, dtype=np.float64)) for counts in (before, now))
    return float(((q - p) * np.log(q / p)).sum())


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    smoothed = counts + 0.5
    return np.asarray(smoothed / smoothed.sum(), dtype=np.float64)
