"""Products as vectors: what a product in a basket says about the basket's class.

A product has the vector it was fitted (``ml.training.product_vectors``); an unseen product takes its nearest
known category's, at last the prior.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml.errors import ModelError

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
        """Write the vectors as Parquet: level, code, state_0 … ; the prior is the row of level ""."""
        levels = np.concatenate([np.repeat([level], len(self.codes[level])) for level in self.levels] + [[""]])
        codes = np.concatenate([*(self.codes[level] for level in self.levels), [""]])
        values = np.vstack([*(self.vectors[level] for level in self.levels), self.prior])
        columns: dict[str, object] = {"level": levels, "code": codes}
        columns |= {f"state_{state}": values[:, state] for state in range(self.states)}
        table = pa.table(columns).replace_schema_metadata(
            {"levels": ",".join(self.levels), "classes": str(self.classes)}
        )
        pq.write_table(table, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            ModelError: the file is missing or is not an encoder.

        """
        try:
            table = pq.read_table(path)
            metadata = table.schema.metadata
            levels = tuple(metadata[b"levels"].decode().split(","))
            classes = int(metadata[b"classes"])
            of_row = np.asarray(table.column("level").to_pylist(), dtype=str)
            codes = np.asarray(table.column("code").to_pylist(), dtype=str)
        except (OSError, pa.ArrowException, KeyError, TypeError) as error:
            raise ModelError(f"{path}: not an encoder: {error}") from error
        states = [name for name in table.column_names if name.startswith("state_")]
        values = np.column_stack([table.column(name).to_numpy() for name in states])
        return cls(
            levels=levels,
            codes={level: codes[of_row == level] for level in levels},
            vectors={level: values[of_row == level] for level in levels},
            prior=values[of_row == ""][0],
            classes=classes,
        )
