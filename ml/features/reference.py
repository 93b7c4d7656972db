"""What the training baskets looked like: a histogram of every feature, to compare later baskets with.

A bundle carries it as ``reference.json``. Bins are fixed here, on training rows; later rows are only counted into them.
"""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from config.document import Frozen
from ml.features.vector import Matrix

# Training rows that are counted, at most: the error of a share of one in ten is then a seven-hundredth.
REFERENCE_ROWS = 50_000
_BINS = 10
# Edges of a bin stand further apart than this share of the feature's range. Many features pile up at their ends
# (a probability near 1), where deciles would tell rows apart by differences that mean nothing.
_RESOLUTION = 1 / 50

Counts = NDArray[np.int64]
Bins = NDArray[np.uint8]


class FeatureHistogram(Frozen):
    """A feature's bins and how many training rows fell into each.

    A number has one column and rising ``edges``: bin i holds edges[i - 1] < x ≤ edges[i], the first and last are open.
    A category has a column for each value, one of which is 1, and no edges; its last bin is for values unknown then.
    """

    name: str
    columns: tuple[int, ...] = Field(min_length=1)
    edges: tuple[float, ...] | None
    counts: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many bins there are."""
        return 1 + len(self.columns if self.edges is None else self.edges)

    def bins(self, vectors: Matrix) -> Bins:
        """Return the bin of each row of ``vectors`` (n, features), as (n,)."""
        if self.edges is not None:
            return np.searchsorted(np.asarray(self.edges), vectors[:, self.columns[0]]).astype(np.uint8)
        ones = vectors[:, list(self.columns)]
        return np.where(ones.any(axis=1), ones.argmax(axis=1), len(self.columns)).astype(np.uint8)


class Reference(Frozen):
    """Histograms of training rows, and how many of them were predicted as each class, in the model's order."""

    schema_version: Literal[1] = 1
    features: tuple[FeatureHistogram, ...]
    predicted: tuple[int, ...]

    @classmethod
    def fit(cls, vectors: Matrix, names: Sequence[str], predicted: NDArray[np.int64], *, classes: int) -> Self:
        """Choose bins for and count (n, features) training ``vectors`` and their (n,) predicted class indices."""
        features = []
        for name, columns in _columns(names).items():
            category = len(columns) > 1 or "=" in names[columns[0]]
            edges = None if category else _edges(vectors[:, columns[0]])
            empty = FeatureHistogram(name=name, columns=columns, edges=edges, counts=())
            counts = np.bincount(empty.bins(vectors), minlength=empty.size)
            features.append(empty.model_copy(update={"counts": tuple(counts.tolist())}))
        return cls(features=tuple(features), predicted=tuple(np.bincount(predicted, minlength=classes).tolist()))

    def bins(self, vectors: Matrix) -> Bins:
        """Return the bin of each row and feature, (n, len(features))."""
        return np.column_stack([feature.bins(vectors) for feature in self.features])


def reference_rows(rows: int) -> NDArray[np.int64]:
    """Return which of ``rows`` rows are counted: at most ``REFERENCE_ROWS``, evenly spread."""
    return np.unique(np.linspace(0, rows - 1, min(REFERENCE_ROWS, rows)).astype(np.int64))


def _columns(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the columns of each feature: those called ``category=value`` are one feature."""
    found: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        found.setdefault(name.partition("=")[0], []).append(column)
    return {name: tuple(columns) for name, columns in found.items()}


def _edges(values: NDArray[np.float32]) -> tuple[float, ...]:
    low, high = np.quantile(values, [0.01, 0.99])
    edges: list[float] = []
    for edge in np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1], method="lower").tolist():
        if not edges or edge - edges[-1] > (high - low) * _RESOLUTION:
            edges.append(edge)
    return tuple(edges)
