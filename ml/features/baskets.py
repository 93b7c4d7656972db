"""Gold in memory: one row per basket, and its product lines as flat arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUMBERS = (
    "lines",
    "products",
    "quantity",
    "quantity_max",
    "spend_pennies",
    "spend_pennies_min",
    "spend_pennies_max",
    "shop_hour",
)
UNLABELLED = -1


@dataclass(frozen=True)
class Baskets:
    """``n`` baskets with ``m`` lines of ``p`` distinct products, in order of week and basket id.

    ids: (n,) basket ids. weeks: (n,) SHOP_WEEK. labels: (n,) index into the use case's classes, -1 where
    the basket is unclassified or the file had no label. numbers: gold's integer totals by name, each (n,)
    float64. categories: text columns by name, each (n,) with "" for missing. offsets: (n + 1,) where each
    basket's lines start. line_products: (m,) row of the catalogue, rising within a basket. catalogue: for
    each encoder level, (p,) codes, "" for missing; the first level is the product itself, sorted.
    """

    ids: NDArray[np.int64]
    weeks: NDArray[np.int32]
    labels: NDArray[np.int64]
    numbers: dict[str, NDArray[np.float64]]
    categories: dict[str, NDArray[np.str_]]
    offsets: NDArray[np.int64]
    line_products: NDArray[np.int64]
    catalogue: dict[str, NDArray[np.str_]]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def line_counts(self) -> NDArray[np.int64]:
        """Lines of each basket, (n,)."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Baskets":
        """Return the baskets at ``rows`` (a mask or rising positions) with the whole catalogue."""
        positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        counts = self.line_counts[positions]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        shift = np.repeat(self.offsets[positions] - offsets[:-1], counts)
        return Baskets(
            ids=self.ids[positions],
            weeks=self.weeks[positions],
            labels=self.labels[positions],
            numbers={name: values[positions] for name, values in self.numbers.items()},
            categories={name: values[positions] for name, values in self.categories.items()},
            offsets=offsets,
            line_products=self.line_products[np.arange(offsets[-1]) + shift],
            catalogue=self.catalogue,
        )
