"""Gold of weekly files, and whether two golds are one."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from config.names import BASKETS, PRODUCTS
from ml.features.gold_reader import gold_weeks, load_gold
from ml.features.refine import refine
from ml.use_case import load_use_case

USE_CASE = load_use_case("price_sensitivity")


def gold_of(files: list[Path], folder: Path) -> Path:
    """Refine files into a lake in ``folder``; return its gold."""
    refine(
        files,
        silver=folder / "silver",
        gold=folder / "gold",
        reports=folder / "reports",
        use_case=USE_CASE,
        great_expectations=False,
    )
    return folder / "gold"


def assert_same(found: Path, gold: Path) -> None:
    """Fail unless both hold the same rows; the order of a file's rows means nothing."""
    for table, key in ((BASKETS, "basket_id"), (PRODUCTS, "prod_code")):
        files = sorted(path.relative_to(gold) for path in (gold / table).rglob("*.parquet"))
        assert files == sorted(path.relative_to(found) for path in (found / table).rglob("*.parquet"))
        for file in files:
            one, other = (pq.read_table(root / file, partitioning=None).sort_by(key) for root in (found, gold))
            # Whether a column could be empty depends on what DuckDB knows of its values, not on them.
            assert dict(zip(one.schema.names, one.schema.types, strict=True)) == dict(
                zip(other.schema.names, other.schema.types, strict=True)
            )
            for name in other.schema.names:
                assert one.column(name).equals(other.column(name)), name
    one, other = (load_gold(root, USE_CASE, weeks=gold_weeks(root)) for root in (found, gold))
    np.testing.assert_array_equal(one.line_products, other.line_products)
    np.testing.assert_array_equal(one.labels, other.labels)
