"""Baskets as they come over the wire to the feature vectors that training saw.

Only the look-ups are made for speed here: a product's code to its vector, a category to its column. The features
themselves are computed by the same functions as for training and batch scoring (``ml.features.vector``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.features.baskets import NUMBERS
from ml.features.encoder import ProductEncoder
from ml.features.vector import NO_COLUMN, FeatureVector, Matrix, line_values, product_features
from ml.serving.contract import Basket, Line

_PENNIES: Final = 100
# A spend has at most two decimals when it stands this close to a whole number of pennies.
_EXACT: Final = 1e-6


class NotAnAmountError(ValueError):
    """A spend with more than two decimals; says which line of which basket holds it."""

    def __init__(self, basket: int, line: int) -> None:
        super().__init__("Expected an amount with at most two decimals")
        self.basket, self.line = basket, line


@dataclass(frozen=True)
class Vectors:
    """Feature vectors (n, f), and per basket how many lines and categories the model does not know."""

    matrix: Matrix
    unknown_products: list[int]
    unknown_categories: list[int]


class OnlineFeatures:
    """A model's feature vector with its look-ups laid out for single baskets."""

    def __init__(self, features: FeatureVector) -> None:
        self._features = features
        self._products = _Products(features.encoder) if features.encoder is not None else None
        self._classes = len(features.classes)
        self._categories = tuple(
            (name, _with_older_codes(positions, features.older_codes.get(name, {})))
            for name, positions in zip(features.basket_features.values, features.basket_features.positions, strict=True)
        )

    def vectors(self, baskets: Sequence[Basket]) -> Vectors:
        """Return the feature vectors of ``baskets``.

        Raises:
            NotAnAmountError: a spend has more than two decimals.

        """
        numbers: list[float] = []
        columns: list[int] = []
        rows: list[int] = []
        offsets = [0]
        unknown_products, unknown_categories = [], []
        for place, basket in enumerate(baskets):
            # In the order of their codes, as batch scoring takes them: sums of floats then come out equal.
            lines = sorted(basket.lines, key=_code)
            numbers += _numbers(lines, basket, place)
            unknown = 0
            for name, positions in self._categories:
                value = getattr(basket, name)
                column = positions.get("" if value is None else str(value), NO_COLUMN)
                unknown += column == NO_COLUMN
                columns.append(column)
            unknown_categories.append(unknown)
            if self._products is not None:
                unknown_products.append(self._products.look_up(lines, rows))
                offsets.append(len(rows))
        count = len(baskets)
        matrix = self._features.basket_features.combine(
            np.asarray(numbers, dtype=np.float64).reshape(count, len(NUMBERS)),
            np.asarray(columns, dtype=np.int64).reshape(count, len(self._categories)),
        )
        if self._products is None:
            return Vectors(matrix, [0] * count, unknown_categories)
        told = product_features(self._products.values.take(rows, axis=0), np.asarray(offsets), classes=self._classes)
        return Vectors(np.concatenate((matrix, told), axis=1), unknown_products, unknown_categories)

    def says(self, line: Line) -> tuple[NDArray[np.float64], bool]:
        """Return what a line's product says by itself, a share per class, and whether the product is known."""
        if self._products is None:
            return np.full(self._classes, 1.0 / self._classes), False
        rows: list[int] = []
        unknown = self._products.look_up([line], rows)
        return self._products.values[rows[0], : self._classes], not unknown


class _Products:
    """What a line of each product adds, in one table, with a row per code of each level; the last row is the prior."""

    def __init__(self, encoder: ProductEncoder) -> None:
        vectors = np.vstack([*(encoder.vectors[level] for level in encoder.levels), encoder.prior])
        self.values = line_values(vectors)
        self._prior = len(vectors) - 1
        self._levels: list[tuple[str, dict[str, int]]] = []
        start = 0
        for level in encoder.levels:
            codes = encoder.codes[level].tolist()
            self._levels.append((level, {code: start + index for index, code in enumerate(codes)}))
            start += len(codes)
        self._known = self._levels[0][1]

    def look_up(self, lines: Sequence[Line], rows: list[int]) -> int:
        """Append each line's row to ``rows``; return how many of the products are unknown."""
        unknown = 0
        for line in lines:
            row = self._known.get(line.prod_code)
            if row is None:
                unknown += 1
                row = self._fallback(line)
            rows.append(row)
        return unknown

    def _fallback(self, line: Line) -> int:
        """Return the row of the nearest category that is known, or of the prior."""
        for level, codes in self._levels[1:]:
            row = codes.get(getattr(line, level) or "")
            if row is not None:
                return row
        return self._prior


def _code(line: Line) -> str:
    return line.prod_code


def _numbers(lines: Sequence[Line], basket: Basket, place: int) -> tuple[float, ...]:
    """Return ``NUMBERS`` of one basket."""
    quantities = [line.quantity for line in lines]
    pennies = [round(line.spend * _PENNIES) for line in lines]
    for line, amount in zip(lines, pennies, strict=True):
        if abs(line.spend * _PENNIES - amount) > _EXACT * max(1.0, amount):
            raise NotAnAmountError(place, basket.lines.index(line))
    products = len({line.prod_code for line in lines})
    return (
        len(lines),
        products,
        sum(quantities),
        max(quantities),
        sum(pennies),
        min(pennies),
        max(pennies),
        basket.shop_hour,
    )


def _with_older_codes(positions: Mapping[str, int], recode: Mapping[str, str]) -> dict[str, int]:
    """Return ``positions`` with the codes of older files beside today's."""
    return dict(positions) | {old: positions[new] for old, new in recode.items() if new in positions}
