"""Products as vectors: what a product in a basket says about the basket's class.

A product has the vector it was fitted (``ml.training.product_vectors``); an unseen product takes its nearest
known category's, at last the prior.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml.errors import ModelError
from ml.files import read_json, write_json

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class ProductEncoder:
    """Fitted vectors: for each level, sorted codes (c,) and their vectors (c, states); and the prior (states,).

    The first states are the use case's classes in order; one more is the neutral state, where there is one.
    """

    levels: tuple[str, ...]
    codes: dict[str, NDArray[np.str_]]
    vectors: dict[str, Vectors]
    prior: Vectors
    classes: int

    @property
    def states(self) -> int:
        """Length of a product's vector."""
        return len(self.prior)

    def catalogue_vectors(self, catalogue: dict[str, NDArray[np.str_]]) -> tuple[Vectors, NDArray[np.bool_]]:
        """Return each product's vector (p, states) and whether the product itself is known (p,)."""
        size = len(catalogue[self.levels[0]])
        vectors = np.tile(self.prior, (size, 1))
        open_rows = np.ones(size, dtype=bool)
        known = np.zeros(size, dtype=bool)
        for depth, level in enumerate(self.levels):
            codes = self.codes[level]
            if not len(codes) or level not in catalogue:
                continue
            positions = np.minimum(np.searchsorted(codes, catalogue[level]), len(codes) - 1)
            found = open_rows & (codes[positions] == catalogue[level]) & (catalogue[level] != "")
            vectors[found] = self.vectors[level][positions[found]]
            open_rows &= ~found
            if depth == 0:
                known = found
        return vectors, known

    def save(self, path: Path) -> None:
        """Write the vectors as JSON, whose numbers come back to the last bit."""
        write_json(
            path,
            {
                "classes": self.classes,
                "prior": self.prior.tolist(),
                "levels": [
                    {"name": level, "codes": self.codes[level].tolist(), "vectors": self.vectors[level].tolist()}
                    for level in self.levels
                ],
            },
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            ModelError: the file is missing or is not an encoder.

        """
        try:
            value = read_json(path)
            prior = np.asarray(value["prior"], dtype=np.float64)
            levels = {level["name"]: level for level in value["levels"]}
            return cls(
                levels=tuple(levels),
                codes={name: np.asarray(level["codes"], dtype=str) for name, level in levels.items()},
                vectors={
                    name: np.asarray(level["vectors"], dtype=np.float64).reshape(-1, len(prior))
                    for name, level in levels.items()
                },
                prior=prior,
                classes=int(value["classes"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: not an encoder: {error}") from error
