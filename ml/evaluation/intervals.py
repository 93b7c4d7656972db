"""An estimate and its 95 % interval, and the ways such an interval is found."""

import math

import numpy as np
from numpy.typing import NDArray

from config.document import Frozen

LEVEL = 0.95
Z = 1.959963984540054  # standard normal quantile at (1 + LEVEL) / 2


class Estimate(Frozen):
    """A figure measured on a sample and the ends of its 95 % interval, all in the same unit."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Estimate":
        """Return the estimate and both ends multiplied by ``factor`` ≥ 0."""
        return Estimate(value=self.value * factor, low=self.low * factor, high=self.high * factor)

    def plus(self, amount: float) -> "Estimate":
        """Return the estimate and both ends with the certain ``amount`` added."""
        return Estimate(value=self.value + amount, low=self.low + amount, high=self.high + amount)


def proportion(*, successes: int, rows: int) -> Estimate:
    """Return ``successes / rows`` with its score interval.

    Unlike a bootstrap, it stays wider than nothing where all rows (or none) are successes.
    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    J. Am. Stat. Assoc. 22 (1927). With no rows the value is 0 and the interval the whole of [0, 1].
    """
    if rows == 0:
        return Estimate(value=0.0, low=0.0, high=1.0)
    share = successes / rows
    scale = 1 + Z * Z / rows
    centre = (share + Z * Z / (2 * rows)) / scale
    half = Z * math.sqrt(share * (1 - share) / rows + Z * Z / (4 * rows * rows)) / scale
    return Estimate(value=share, low=min(share, max(0.0, centre - half)), high=max(share, min(1.0, centre + half)))


def mean_of(values: NDArray[np.float64]) -> Estimate:
    """Return the mean of ``values`` (n,) ≥ 0 with its normal interval: mean ± z · standard error."""
    value = float(values.mean())
    half = Z * float(values.std()) / math.sqrt(len(values))
    return Estimate(value=value, low=max(0.0, value - half), high=value + half)


def percentiles(value: float, replicates: NDArray[np.float64]) -> Estimate:
    """Return ``value`` with the percentile interval of its bootstrap ``replicates`` (r,).

    Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value=float(value), low=float(low), high=float(high))


def resample(table: NDArray[np.int64], *, replicates: int, seed: int) -> NDArray[np.int64]:
    """Return ``replicates`` bootstrap samples of a table of counts: shape (replicates, *table.shape).

    Drawing n rows with replacement from rows that fall into cells fills the cells as one multinomial
    draw of n with the observed shares does, so this is the bootstrap over rows, exactly, without touching
    the rows. Source: B. Efron, "Bootstrap methods: another look at the jackknife", Ann. Stat. 7 (1979),
    the case of a finite sample space. Rows are taken as independent of each other.
    """
    flat = table.ravel().astype(np.float64)
    total = int(table.sum())
    draws = np.random.default_rng(seed).multinomial(total, flat / flat.sum(), size=replicates)
    return draws.reshape(replicates, *table.shape).astype(np.int64)
