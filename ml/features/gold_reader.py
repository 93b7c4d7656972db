"""Gold from Parquet into memory."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from config.names import BASKETS, PRODUCTS, WEEK_PARTITION
from ml.errors import DataError
from ml.features.baskets import NUMBERS, UNLABELLED, Baskets
from ml.use_case import UseCase


def gold_weeks(gold: Path) -> list[int]:
    """Return the weeks that gold holds, in order.

    Raises:
        DataError: it holds none.

    """
    folders = (gold / BASKETS).glob(f"{WEEK_PARTITION}=*")
    weeks = sorted(int(folder.name.split("=")[1]) for folder in folders)
    if not weeks:
        raise DataError(f"{gold}: no gold data here; make it with `mlops etl` or `mlops run`")
    return weeks


def load_gold(gold: Path, use_case: UseCase, *, weeks: Sequence[int]) -> Baskets:
    """Read the baskets and products of ``weeks`` from the gold layer.

    Raises:
        DataError: a week is not there.

    """
    missing = sorted(set(weeks) - set(gold_weeks(gold)))
    if missing:
        raise DataError(f"{gold}: no gold data for week {missing[0]}; run the ETL on its file first")
    baskets = [gold / BASKETS / f"{WEEK_PARTITION}={week}" / "*.parquet" for week in weeks]
    products = [gold / PRODUCTS / f"{WEEK_PARTITION}={week}" / "*.parquet" for week in weeks]
    return read_baskets([str(path) for path in baskets], [str(path) for path in products], use_case)


def read_baskets(baskets: Sequence[str], products: Sequence[str], use_case: UseCase) -> Baskets:
    """Read gold's two tables from Parquet ``baskets`` and ``products`` (paths or globs)."""
    categories = tuple(dict.fromkeys((*use_case.features.categories, *use_case.slices, "store_code")))
    texts = ", ".join(f"coalesce(CAST({name} AS VARCHAR), '') AS {name}" for name in categories)
    numbers = ", ".join(f"CAST(b.{name} AS DOUBLE) AS number_{name}" for name in NUMBERS)
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        connection.execute("SET enable_progress_bar = false")
        table = connection.sql(
            f"SELECT basket_id, CAST(shop_week AS INTEGER) AS shop_week, coalesce(label, '') AS label, {numbers},"
            f" {texts}, prod_codes FROM read_parquet($files, hive_partitioning = true) b ORDER BY shop_week, basket_id",
            params={"files": list(baskets)},
        ).to_arrow_table()
        levels = use_case.features.encoder.levels
        parents = ", ".join(f"coalesce(min({level}), '') AS {level}" for level in levels[1:])
        catalogue = connection.execute(
            f"SELECT {levels[0]}, {parents} FROM read_parquet($files, hive_partitioning = true)"
            f" GROUP BY {levels[0]} ORDER BY {levels[0]}",
            {"files": list(products)},
        ).fetchnumpy()
    codes = {level: np.asarray(values, dtype=str) for level, values in catalogue.items()}
    lists = table.column("prod_codes").combine_chunks()
    offsets = np.asarray(lists.offsets, dtype=np.int64)
    flat = lists.values.slice(offsets[0], offsets[-1] - offsets[0]).dictionary_encode()
    of_dictionary = _positions(np.asarray(flat.dictionary.to_pylist(), dtype=str), codes[levels[0]])
    lines = of_dictionary[np.asarray(flat.indices)]
    offsets = offsets - offsets[0]
    # Lines in one order, whatever the files' order was: sums of floats then come out equal.
    basket_of_line = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    lines = np.sort(basket_of_line * len(codes[levels[0]]) + lines) - basket_of_line * len(codes[levels[0]])
    return Baskets(
        ids=_column(table, "basket_id").astype(np.int64),
        weeks=_column(table, "shop_week").astype(np.int32),
        labels=_labels(table, use_case),
        numbers={name: _column(table, f"number_{name}").astype(np.float64) for name in NUMBERS},
        categories={name: _texts(table, name) for name in categories},
        offsets=offsets,
        line_products=lines,
        catalogue=codes,
    )


def _column(table: object, name: str) -> NDArray[np.generic]:
    values: NDArray[np.generic] = table.column(name).to_numpy()  # type: ignore[attr-defined]
    return values


def _texts(table: object, name: str) -> NDArray[np.str_]:
    encoded = table.column(name).combine_chunks().dictionary_encode()  # type: ignore[attr-defined]
    words = np.asarray(encoded.dictionary.to_pylist(), dtype=str)
    texts: NDArray[np.str_] = words[np.asarray(encoded.indices)]
    return texts


def _labels(table: object, use_case: UseCase) -> NDArray[np.int64]:
    texts = _texts(table, "label")
    labels = np.full(len(texts), UNLABELLED, dtype=np.int64)
    for index, code in enumerate(use_case.label.codes):
        labels[texts == code] = index
    return labels


def _positions(wanted: NDArray[np.str_], known: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return where each of ``wanted`` stands in the sorted ``known``; all are there."""
    positions = np.searchsorted(known, wanted)
    if len(wanted) and not np.array_equal(known[np.minimum(positions, len(known) - 1)], wanted):
        raise DataError("gold's products table lacks products that its baskets hold; run the ETL again")
    return positions.astype(np.int64)
