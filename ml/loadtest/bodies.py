"""What requests carry: baskets of the invented market, no two alike, or a file of the caller's."""

import csv
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ml.errors import SettingsError
from ml.loadtest.target import Bodies

JSON, CSV = "application/json", "text/csv"

_BASKETS = 500
_FIRST_ID = 994_900_000_000_000
_LARGEST_FILE = 64 << 20


def sample_baskets(*, seed: int) -> Bodies:
    """Return bodies of one basket each, in the shape of ``POST /predict``.

    The baskets are those of `mlops data generate` with the same seed: 500 different ones in turn, of one to some
    thirty lines, each time under another ``basket_id``, so that a cache of whole requests answers none of them.

    Raises:
        SettingsError: the libraries of the data generator are not installed.

    """
    try:  # here and not above: a test with --body needs none of the generator's libraries
        from ml.data.generate import generate_weeks  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"--body: {error.name} is not installed, which inventing sample baskets takes; name a file of bodies"
        ) from error

    with TemporaryDirectory(prefix="mlops-loadtest-") as folder:
        (file,) = generate_weeks(weeks=1, baskets_per_week=_BASKETS, seed=seed, output=Path(folder), label=False)
        with file.open(newline="", encoding="utf-8") as stream:
            rows = sorted(csv.DictReader(stream), key=lambda row: row["BASKET_ID"])
    baskets = [basket_of(list(lines)) for _, lines in groupby(rows, key=lambda row: row["BASKET_ID"])]
    rests = [json.dumps(basket, separators=(",", ":")).encode()[1:] for basket in baskets]
    return lambda number: b'{"basket_id":%d,%b' % (_FIRST_ID + number, rests[number % len(rests)])


def bodies_from(file: Path) -> tuple[Bodies, str]:
    """Return the bodies that ``file`` holds and their content type.

    A ``.jsonl`` file holds one body a line, sent in turn; any other file is one body, the same for each request.

    Raises:
        SettingsError: the file cannot be read, is empty or larger than 64 MiB.

    """
    try:
        size = file.stat().st_size
        content = file.read_bytes() if size <= _LARGEST_FILE else b""
    except OSError as error:
        raise SettingsError(f"--body: {file}: {error.strerror}") from error
    if size > _LARGEST_FILE:
        raise SettingsError(f"--body: {file} has {size:,} bytes; at most {_LARGEST_FILE:,} are kept in memory")
    if file.suffix == ".jsonl":
        lines = [line for line in content.splitlines() if line.strip()]
    else:
        lines = [content] if content.strip() else []
    if not lines:
        raise SettingsError(f"--body: {file} is empty; leave --body out to send sample baskets")
    return (lambda number: lines[number % len(lines)]), CSV if file.suffix == ".csv" else JSON


def basket_of(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the basket of a weekly file's rows in the shape of ``POST /predict``, without an id."""
    first = rows[0]
    basket: dict[str, Any] = {
        "shop_hour": int(first["SHOP_HOUR"]),
        "shop_weekday": int(first["SHOP_WEEKDAY"]),
        "store_code": first["STORE_CODE"],
        "store_format": first["STORE_FORMAT"],
        "store_region": first["STORE_REGION"],
    }
    basket |= {name: first[name] for name in ("seg_1", "seg_2") if first.get(name)}
    codes = ("PROD_CODE", "PROD_CODE_10", "PROD_CODE_20", "PROD_CODE_30", "PROD_CODE_40")
    basket["lines"] = [
        {
            "quantity": int(row["QUANTITY"]),
            "spend": float(row["SPEND"]),
            **{code.lower(): row[code] for code in codes if row.get(code)},
        }
        for row in rows
    ]
    return basket
