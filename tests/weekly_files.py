"""Small weekly files for tests: valid rows to start from, and a writer for whatever is made of them."""

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

WEEK = 200720
HEADER = [
    "SHOP_WEEK",
    "SHOP_DATE",
    "SHOP_WEEKDAY",
    "SHOP_HOUR",
    "QUANTITY",
    "SPEND",
    "PROD_CODE",
    "PROD_CODE_10",
    "PROD_CODE_20",
    "PROD_CODE_30",
    "PROD_CODE_40",
    "CUST_CODE",
    "seg_1",
    "seg_2",
    "BASKET_ID",
    "BASKET_SIZE",
    "BASKET_PRICE_SENSITIVITY",
    "BASKET_TYPE",
    "BASKET_DOMINANT_MISSION",
    "STORE_CODE",
    "STORE_FORMAT",
    "STORE_REGION",
]
OLDER = {"seg_1": "CUST_PRICE_SENSITIVITY", "seg_2": "CUST_LIFESTAGE"}

Row = dict[str, str]

_REGIONS = ("E01", "E02", "N01", "S03", "W02")
_FORMATS = ("LS", "MS", "SS", "XLS")


def valid_rows(*, baskets: int = 100, lines: int = 4, week: int = WEEK) -> list[Row]:
    """Return ``baskets`` × ``lines`` valid rows, a product at most once in a basket."""
    return [
        {
            "SHOP_WEEK": str(week),
            "SHOP_DATE": "20070709",
            "SHOP_WEEKDAY": str(1 + basket % 7),
            "SHOP_HOUR": f"{8 + basket % 12}",
            "QUANTITY": str(1 + line % 3),
            "SPEND": f"{(137 * basket + 59 * line) % 900 / 100 + 0.05:.2f}",
            "PROD_CODE": f"PRD{(7 * basket + line) % 40:07d}",
            "PROD_CODE_10": f"CL{(7 * basket + line) % 40 // 4:05d}",
            "PROD_CODE_20": f"DEP{(7 * basket + line) % 40 // 8:05d}",
            "PROD_CODE_30": f"G{(7 * basket + line) % 40 // 20:05d}",
            "PROD_CODE_40": "D00001",
            "CUST_CODE": "" if basket % 5 == 0 else f"CUST{basket:010d}",
            "seg_1": ("AZ", "BG", "CT", "DY")[basket % 4] if basket % 5 else "",
            "seg_2": ("AT", "CZ", "DI", "EQ", "FN", "BU")[basket % 6] if basket % 5 else "",
            "BASKET_ID": str(994_100_100_000_000 + basket),
            "BASKET_SIZE": "SML"[basket % 3],
            "BASKET_PRICE_SENSITIVITY": ("LA", "MM", "UM", "MM", "XX")[basket % 5],
            "BASKET_TYPE": ("Small Shop", "Top Up", "Full Shop")[basket % 3],
            "BASKET_DOMINANT_MISSION": ("Fresh", "Mixed", "Grocery", "Nonfood")[basket % 4],
            "STORE_CODE": f"STORE{basket % 20:05d}",
            "STORE_FORMAT": _FORMATS[basket % 20 % 4],
            "STORE_REGION": _REGIONS[basket % 20 % 5],
        }
        for basket in range(baskets)
        for line in range(lines)
    ]


def csv_text(rows: Iterable[Row], *, header: Sequence[str] = HEADER) -> str:
    """Return rows as CSV under ``header``; a cell that a row lacks is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([row.get(name, "") for name in header] for row in rows)
    return buffer.getvalue()


def write_week_file(
    target: Path, rows: Iterable[Row] | None = None, *, header: Sequence[str] = HEADER, encoding: str = "utf-8"
) -> Path:
    """Write ``rows`` (valid ones if none are given) to ``target``, gzipped if that ends in .gz; return it."""
    data = csv_text(valid_rows() if rows is None else rows, header=header).encode(encoding)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(data, mtime=0) if target.suffix == ".gz" else data)
    return target


def in_older_words(rows: Iterable[Row]) -> list[Row]:
    """Return rows under the older headers and in the older codes of segments and label."""
    codes = {
        "seg_1": {"AZ": "LA", "CT": "MM", "BG": "UM", "DY": "XX"},
        "seg_2": {"AT": "YA", "CZ": "OA", "DI": "YF", "EQ": "OF", "FN": "PE", "BU": "OT"},
        "BASKET_PRICE_SENSITIVITY": {"LA": "High", "MM": "Medium", "UM": "Low"},
    }
    return [
        {OLDER.get(name, name): codes.get(name, {}).get(value, value) for name, value in row.items()} for row in rows
    ]
