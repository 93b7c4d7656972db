"""The feature vector: the one definition that training, batch scoring and the service share.

Gold holds exact integers and texts; everything with a decimal point is computed here, in one order, so a
basket gives the same vector wherever it is scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml.features.baskets import Baskets
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

    def transform(self, baskets: Baskets) -> Matrix:
        """Return (n, len(names)) float32."""
        numbers = dict(baskets.numbers)
        for name, cutoff in self.cutoffs.items():
            numbers[name] = np.minimum(numbers[name], cutoff)
        lines = np.maximum(numbers["lines"], 1.0)
        spend = numbers["spend_pennies"] / PENNIES
        columns = [
            numbers["lines"],
            numbers["products"],
            numbers["quantity"],
            numbers["quantity_max"],
            spend,
            numbers["spend_pennies_min"] / PENNIES,
            numbers["spend_pennies_max"] / PENNIES,
            spend / lines,
            spend / np.maximum(numbers["quantity"], 1.0),
            numbers["quantity"] / lines,
            numbers["shop_hour"],
        ]
        for name, values in self.values.items():
            columns.extend(baskets.categories[name] == value for value in values)
        return np.column_stack([column.astype(np.float32) for column in columns])

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


def product_features(line_vectors: Vectors, offsets: NDArray[np.int64], *, classes: int) -> NDArray[np.float32]:
    """Aggregate the lines' vectors by basket.

    Args:
        line_vectors: (m, states) encoder vectors of each line's product.
        offsets: (n + 1,) where each basket's lines start.
        classes: how many of the states are classes; one more may be neutral.

    Returns:
        (n, f) float32 in the order of ``product_feature_names``: mean, least and greatest of each state,
        count and share of the lines where it is the likeliest, the same means and shares among the lines
        that tell (not neutral), and the differences of each pair of classes.

    """
    states = line_vectors.shape[1]
    starts, lines = offsets[:-1], np.diff(offsets)[:, None].astype(np.float64)
    likeliest = np.argmax(line_vectors, axis=1)
    columns = line_vectors.T
    mean = np.stack([np.add.reduceat(column, starts) for column in columns], axis=1) / lines
    least = np.stack([np.minimum.reduceat(column, starts) for column in columns], axis=1)
    greatest = np.stack([np.maximum.reduceat(column, starts) for column in columns], axis=1)
    count = np.stack(
        [np.add.reduceat((likeliest == state).astype(np.float64), starts) for state in range(states)], axis=1
    )
    share = count / lines
    blocks = [mean, least, greatest, count, share]
    contrasts = [mean[:, :classes], share[:, :classes]]
    if states > classes:
        telling = [part[:, :classes] / np.maximum(1.0 - part[:, classes:], 1e-6) for part in (mean, share)]
        blocks += telling
        contrasts += telling
    for part in contrasts:
        blocks += [(part[:, a] - part[:, b])[:, None] for a, b in combinations(range(classes), 2)]
    return np.hstack(blocks).astype(np.float32)


@dataclass(frozen=True)
class FeatureVector:
    """Baskets to a float32 matrix: totals and categories, then, with an encoder, the products."""

    basket_features: BasketFeatures
    classes: tuple[str, ...]
    encoder: ProductEncoder | None

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
        lines = vectors[baskets.line_products]
        return np.hstack([features, product_features(lines, baskets.offsets, classes=len(self.classes))])

    def unseen_lines(self, baskets: Baskets) -> int:
        """Return how many lines hold a product that the encoder does not know."""
        if self.encoder is None:
            return 0
        _, known = self.encoder.catalogue_vectors(baskets.catalogue)
        return int((~known[baskets.line_products]).sum())
