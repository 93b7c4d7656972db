"""Baskets of a weekly file as a till would send them."""

import csv
import gzip
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

Basket = dict[str, Any]
_TEXTS = ("store_code", "store_format", "store_region", "seg_1", "seg_2")
_CODES = ("prod_code", "prod_code_10", "prod_code_20", "prod_code_30", "prod_code_40")


def read_baskets(file: Path, *, limit: int) -> list[Basket]:
    """Return the first ``limit`` baskets of a weekly ``.csv`` or ``.csv.gz`` file, by basket id, in the API's shape."""
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: row["BASKET_ID"])
    # A file repeats some lines word for word; the ETL drops those, and so does a till.
    unique = [dict(pairs) for pairs in dict.fromkeys(tuple(row.items()) for row in rows)]
    groups = (list(lines) for _, lines in groupby(unique, key=lambda row: row["BASKET_ID"]))
    return [_basket(lines) for lines, _ in zip(groups, range(limit), strict=False)]


def of_lines(baskets: Sequence[Basket], lines: int) -> Basket:
    """Return the first basket with so many ``lines``.

    Raises:
        ValueError: there is none.

    """
    for basket in baskets:
        if len(basket["lines"]) == lines:
            return basket
    raise ValueError(f"none of {len(baskets)} baskets has {lines} lines")


def columns_of(baskets: Sequence[Basket]) -> dict[str, list[Any]]:
    """Return the baskets' lines as columns, a basket's own values repeated: what a data frame is made of."""
    names = [name for name in baskets[0] if name != "lines"]
    pairs = [(basket, line) for basket in baskets for line in basket["lines"]]
    columns = {name: [basket[name] for basket, _ in pairs] for name in names}
    return columns | {name: [line[name] for _, line in pairs] for name in baskets[0]["lines"][0]}


def _basket(rows: Sequence[dict[str, str]]) -> Basket:
    first = {name.lower(): value for name, value in rows[0].items()}
    return {
        "basket_id": first["basket_id"],
        "shop_weekday": int(first["shop_weekday"]),
        "shop_hour": int(first["shop_hour"]),
        **{name: first[name] or None for name in _TEXTS},
        "lines": [
            {
                "quantity": int(row["QUANTITY"]),
                "spend": float(row["SPEND"]),
                **{name: row[name.upper()] for name in _CODES},
            }
            for row in rows
        ],
    }
