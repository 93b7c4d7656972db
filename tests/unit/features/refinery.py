"""A lake in a temporary folder, refined with one call; for the tests of the ETL."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ml.features.refine import Refinement, refine
from ml.files import read_json
from ml.use_case import UseCase, load_use_case


def use_case(*, max_dropped_share: float = 0.01) -> UseCase:
    """The built-in use case with a tolerance of one's own."""
    built_in = load_use_case("price_sensitivity")
    validation = built_in.validation.model_copy(update={"max_dropped_share": max_dropped_share})
    return built_in.model_copy(update={"validation": validation})


@dataclass(frozen=True)
class Refinery:
    """Silver, gold and reports below ``root``. Great Expectations is left out: it takes seconds."""

    root: Path

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def refine(self, inputs: Sequence[Path], *, max_dropped_share: float = 0.01, **options: Any) -> Refinement:
        settings = {"great_expectations": False, "use_case": use_case(max_dropped_share=max_dropped_share)}
        return refine(
            inputs,
            silver=self.root / "silver",
            gold=self.root / "gold",
            reports=self.reports,
            **{**settings, **options},
        )

    def silver(self, columns: str = "*") -> list[tuple[Any, ...]]:
        return self._read(columns, "silver/transactions/*/*/*.parquet")

    def baskets(self, columns: str = "*") -> list[tuple[Any, ...]]:
        return self._read(columns, "gold/baskets/*/*.parquet")

    def products(self, columns: str = "*") -> list[tuple[Any, ...]]:
        return self._read(columns, "gold/products/*/*.parquet")

    def quarantine(self, columns: str, *, week: int) -> list[tuple[Any, ...]]:
        return self._read(columns, f"reports/quarantine/{week}.parquet")

    def validation(self) -> Any:
        return read_json(self.reports / "validation.json")

    def contents(self) -> dict[str, bytes]:
        """Every file of silver and gold by its path."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for layer in ("silver", "gold")
            for path in sorted((self.root / layer).rglob("*"))
            if path.is_file()
        }

    def _read(self, columns: str, glob: str) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM read_parquet(?, hive_partitioning = true) ORDER BY ALL"
        rows: list[tuple[Any, ...]] = duckdb.execute(query, [str(self.root / glob)]).fetchall()
        return rows
