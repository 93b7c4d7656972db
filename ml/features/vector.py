"""The feature vector: the one definition that training, batch scoring and the service share.

Gold holds exact integers and texts; everything with a decimal point is computed here, in one order, so a
basket gives the same vector wherever it is scored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml.features.baskets import NUMBERS, Baskets
from ml.features.encoder import ProductEncoder, Vectors
from ml.files import fingerprint

PENNIES = 100.0
# Heavy-tailed totals are cut at a quantile of the training baskets.
WINSORIZED = ("quantity", "quantity_max", "spend_pennies", "spend_pennies_min", "spend_pennies_max")
TOTALS = (
    "lines",
    "products",
    "quantity",
    "quantity_max",
    "spend",
    "spend_min",
    "spend_max",
    "spend_per_line",
    "spend_per_unit",
    "quantity_per_line",
    "shop_hour",
)
# Where the totals stand among ``NUMBERS``: all but the hour come first, as they are or in pounds; then three ratios.
_PLAIN = NUMBERS.index("shop_hour")
_SPENDS = slice(NUMBERS.index("spend_pennies"), _PLAIN)
_DIVIDENDS = np.asarray([NUMBERS.index(name) for name in ("spend_pennies", "spend_pennies", "quantity")])
_DIVISORS = np.asarray([NUMBERS.index(name) for name in ("lines", "quantity", "lines")])
NO_COLUMN = -1
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class BasketFeatures:
    """Totals and one-hot categories, with the cut-offs and category values found on training baskets."""

    cutoffs: dict[str, float]
    values: dict[str, tuple[str, ...]]

    @classmethod
    def fit(cls, baskets: Baskets, *, categories: Sequence[str], quantile: float) -> Self:
        """Find cut-offs and category values on training ``baskets``."""
        return cls(
            cutoffs={name: float(np.quantile(baskets.numbers[name], quantile)) for name in WINSORIZED},
            values={name: tuple(np.unique(baskets.categories[name]).tolist()) for name in categories},
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order; an unknown category leaves all of its columns nought."""
        one_hot = (f"{name}={value or '(missing)'}" for name, values in self.values.items() for value in values)
        return (*TOTALS, *one_hot)

    @cached_property
    def limits(self) -> NDArray[np.float64]:
        """The greatest value of each of ``NUMBERS``, (8,): its cut-off, where it has one."""
        return np.asarray([self.cutoffs.get(name, np.inf) for name in NUMBERS])

    @cached_property
    def width(self) -> int:
        """How many columns there are."""
        return len(TOTALS) + sum(map(len, self.values.values()))

    @cached_property
    def positions(self) -> tuple[dict[str, int], ...]:
        """For each category in order, the column of each of its values."""
        found, start = [], len(TOTALS)
        for values in self.values.values():
            found.append({value: start + index for index, value in enumerate(values)})
            start += len(values)
        return tuple(found)

    def transform(self, baskets: Baskets) -> Matrix:
        """Return (n, len(names)) float32."""
        numbers = np.column_stack([baskets.numbers[name] for name in NUMBERS])
        columns = np.full((len(baskets), len(self.values)), NO_COLUMN)
        for kind, (name, positions) in enumerate(zip(self.values, self.positions, strict=True)):
            for value, column in positions.items():
                columns[baskets.categories[name] == value, kind] = column
        return self.combine(numbers, columns)

    def combine(self, numbers: NDArray[np.float64], columns: NDArray[np.int64]) -> Matrix:
        """Return (n, len(names)) float32 for (n, 8) ``NUMBERS`` and the (n, k) columns that are one.

        A category without a column (unknown to the model) is ``NO_COLUMN``.
        """
        cut = np.minimum(numbers, self.limits)
        count, width = len(numbers), self.width
        # One column more takes the ones of unknown categories, and is left out.
        matrix = np.zeros((count, width + 1), dtype=np.float32)
        cut[:, _SPENDS] /= PENNIES
        matrix[:, :_PLAIN] = cut[:, :_PLAIN]
        matrix[:, _PLAIN : _PLAIN + 3] = cut.take(_DIVIDENDS, axis=1) / np.maximum(cut.take(_DIVISORS, axis=1), 1.0)
        matrix[:, _PLAIN + 3] = cut[:, -1]
        rows = np.arange(0, count * (width + 1), width + 1)
        matrix.reshape(-1)[columns % (width + 1) + rows[:, None]] = 1.0
        return matrix[:, :width]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``from_json``; the categories are a list, because their order counts."""
        return {"cutoffs": self.cutoffs, "values": [[name, list(values)] for name, values in self.values.items()]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return what ``to_json`` was called on."""
        return cls(cutoffs=dict(value["cutoffs"]), values={name: tuple(values) for name, values in value["values"]})


def product_feature_names(classes: Sequence[str], states: int) -> tuple[str, ...]:
    """Names of the columns of ``product_features`` in order; a state beyond the classes is called neutral."""
    words = (*classes, "neutral")[:states]
    names = [f"{kind}_{word}" for kind in ("mean", "min", "max", "count", "share") for word in words]
    kinds = ["mean", "share"]
    if states > len(classes):
        names += [f"{kind}_{word}_of_telling" for kind in kinds for word in classes]
    pairs = list(combinations(classes, 2))
    names += [f"{kind}_{a}_minus_{b}" for kind in kinds for a, b in pairs]
    if states > len(classes):
        names += [f"{kind}_{a}_minus_{b}_of_telling" for kind in kinds for a, b in pairs]
    return tuple(names)


def line_values(vectors: Vectors) -> Vectors:
    """Return what a line of each product adds to its basket, (p, 2 × states): its vector, and one at its likeliest."""
    likeliest = np.zeros_like(vectors)
    likeliest[np.arange(len(vectors)), np.argmax(vectors, axis=1)] = 1.0
    return np.concatenate((vectors, likeliest), axis=1)


def product_features(lines: Vectors, offsets: NDArray[np.int64], *, classes: int) -> NDArray[np.float32]:
    """Aggregate the lines' values by basket.

    Args:
        lines: (m, 2 × states) ``line_values`` of each line's product.
        offsets: (n + 1,) where each basket's lines start.
        classes: how many of the states are classes; one more may be neutral.

    Returns:
        (n, f) float32 in the order of ``product_feature_names``: mean, least and greatest of each state,
        count and share of the lines where it is the likeliest, the same means and shares among the lines
        that tell (not neutral), and the differences of each pair of classes.

    """
    states = lines.shape[1] // 2
    starts = offsets[:-1]
    sums = np.add.reduceat(lines, starts, axis=0)
    baskets = len(sums)
    # (n, 2, states): the mean vector, and the shares of the likeliest states.
    means = (sums / (offsets[1:] - starts)[:, None]).reshape(baskets, 2, states)
    blocks = [
        means[:, 0],
        np.minimum.reduceat(lines[:, :states], starts, axis=0),
        np.maximum.reduceat(lines[:, :states], starts, axis=0),
        sums[:, states:],
        means[:, 1],
    ]
    contrasts = [means]
    if states > classes:
        telling = means[:, :, :classes] / np.maximum(1.0 - means[:, :, classes:], 1e-6)
        blocks.append(telling.reshape(baskets, 2 * classes))
        contrasts.append(telling)
    first, second = _pairs(classes)
    blocks += [
        (part.take(first, axis=2) - part.take(second, axis=2)).reshape(baskets, 2 * len(first)) for part in contrasts
    ]
    return np.concatenate(blocks, axis=1, dtype=np.float32, casting="same_kind")


@cache
def _pairs(classes: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    pairs = np.asarray(list(combinations(range(classes), 2)), dtype=np.intp).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


@dataclass(frozen=True)
class FeatureVector:
    """Baskets to a float32 matrix: totals and categories, then, with an encoder, the products."""

    basket_features: BasketFeatures
    classes: tuple[str, ...]
    encoder: ProductEncoder | None
    # By category: codes of older files, and what they are called today. The ETL has no need of them any more.
    older_codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        products = product_feature_names(self.classes, self.encoder.states) if self.encoder else ()
        return (*self.basket_features.names, *products)

    @property
    def schema_version(self) -> str:
        """A hash of the columns' names and order."""
        return fingerprint(list(self.names))[:12]

    def transform(self, baskets: Baskets) -> Matrix:
        """Return (n, len(names)) float32."""
        features = self.basket_features.transform(baskets)
        if self.encoder is None:
            return features
        vectors, _ = self.encoder.catalogue_vectors(baskets.catalogue)
        lines = line_values(vectors)[baskets.line_products]
        return np.hstack([features, product_features(lines, baskets.offsets, classes=len(self.classes))])

    def unseen_lines(self, baskets: Baskets) -> int:
        """Return how many lines hold a product that the encoder does not know."""
        if self.encoder is None:
            return 0
        _, known = self.encoder.catalogue_vectors(baskets.catalogue)
        return int((~known[baskets.line_products]).sum())
