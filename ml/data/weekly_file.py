"""The official file format: one line per basket and product, 22 columns, two variants of the header."""

import gzip
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.data.fiscal_weeks import monday_of, weeks_since_anchor
from ml.data.invented_week import Week
from ml.data.market import (
    KINDS,
    LABELS,
    LIFE_STAGES,
    PRICE_SEGMENTS,
    STORE_FORMATS,
    STORE_REGIONS,
    XX,
    Ints,
    Market,
)

HeaderVariant = Literal["segments", "older"]

LABEL_HEADER = "BASKET_PRICE_SENSITIVITY"
_HEADER = (
    "SHOP_WEEK,SHOP_DATE,SHOP_WEEKDAY,SHOP_HOUR,QUANTITY,SPEND,PROD_CODE,PROD_CODE_10,PROD_CODE_20,"
    "PROD_CODE_30,PROD_CODE_40,CUST_CODE,{segment},{stage},BASKET_ID,BASKET_SIZE,"
    f"{LABEL_HEADER},BASKET_TYPE,BASKET_DOMINANT_MISSION,STORE_CODE,STORE_FORMAT,STORE_REGION"
)
# The variants and what they call the customer segments; the order is that of the codes in the market.
HEADER_VARIANTS = {"segments": ("seg_1", "seg_2"), "older": ("CUST_PRICE_SENSITIVITY", "CUST_LIFESTAGE")}
_MISSING = '""'  # as in the official files
_ROWS_PER_WRITE = 250_000


def write_week(target: Path, drawn: Week, market: Market, *, header: HeaderVariant, label: bool) -> None:
    """Write ``drawn`` to ``target``, gzipped if that ends in ``.gz``.

    A line is joined from ready-made texts of its basket and product, and the text of many lines is one
    buffer: several times as fast as a CSV writer that formats 22 columns.
    """
    segment, stage = HEADER_VARIANTS[header]
    heading = _HEADER.format(segment=segment, stage=stage)
    if not label:
        heading = heading.replace(f",{LABEL_HEADER}", "")
    moments, moment_of_basket = _moment_texts(drawn)
    products = _product_texts(market)
    baskets = _basket_texts(drawn, market, header, label=label)
    # As in the official files: at least one digit after the point, no second one that is 0.
    cents = pa.array([f"{hundredth / 100:.2f}".removesuffix("0")[1:] for hundredth in range(100)])
    with ExitStack() as stack:
        stream: BinaryIO = stack.enter_context(target.open("wb"))
        if target.suffix == ".gz":  # no name and no time inside: equal content, equal bytes
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=4, fileobj=stream, mtime=0)
            stream = cast("BinaryIO", stack.enter_context(packed))
        stream.write(f"{heading}\n".encode())
        for start in range(0, len(drawn.basket), _ROWS_PER_WRITE):
            rows = slice(start, start + _ROWS_PER_WRITE)
            basket, pennies = drawn.basket[rows], drawn.spend_pennies[rows]
            spend = _join(_text(pennies // 100), cents.take(pa.array(pennies % 100)), separator="")
            text = _join(
                moments.take(pa.array(moment_of_basket[basket])),
                _text(drawn.quantity[rows]),
                spend,
                products.take(pa.array(drawn.product[rows])),
                baskets.take(pa.array(basket)),
            )
            stream.write(_bytes_of(text))


def _bytes_of(texts: pa.Array) -> memoryview:
    """Return the texts one after the other, as they lie in memory."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)
    return memoryview(data)[: ends[len(texts)]]


def _moment_texts(drawn: Week) -> tuple[pa.Array, Ints]:
    """Return the texts of all (day, hour) and the number of each basket's."""
    monday = monday_of(drawn.week)
    texts = [
        # SHOP_WEEKDAY counts from Sunday = 1
        f"{drawn.week},{monday + timedelta(days=day):%Y%m%d},{(day + 1) % 7 + 1},{hour}"
        for day in range(7)
        for hour in range(24)
    ]
    return pa.array(texts), drawn.day * 24 + drawn.hour


def _product_texts(market: Market) -> pa.Array:
    codes = [_codes("PRD09", np.arange(market.products), 5)]
    prefixes = ("CL", "DEP", "G", "D")
    codes += [_codes(prefix, group, 5) for prefix, group in zip(prefixes, market.parents, strict=True)]
    return _join(*codes)


def _basket_texts(drawn: Week, market: Market, header: HeaderVariant, *, label: bool) -> pa.Array:
    """Return, per basket, the columns from CUST_CODE to the end of the line."""
    known = drawn.customer >= 0
    codes_at = list(HEADER_VARIANTS).index(header)
    customer = pc.if_else(known, _codes("CUST", market.customer_number[drawn.customer] - 1, 10), _MISSING)
    segment = np.where(known, market.customer_segment[drawn.customer], -1)
    stage = np.where(known, market.customer_stage[drawn.customer], -1)
    unclassed = drawn.label == XX
    columns = [
        customer,
        _chosen([*(row[:2][codes_at] for row in PRICE_SEGMENTS), _MISSING], segment),
        _chosen([*(row[:2][codes_at] for row in LIFE_STAGES), _MISSING], stage),
        _text((994 * 10_000 + 1001 + weeks_since_anchor(drawn.week)) * 10**8 + np.arange(len(known)) + 1),
        _chosen(("S", "M", "L"), np.digitize(drawn.lines, [3, 6])),
        *([_chosen(LABELS, drawn.label)] if label else []),
        _chosen(
            ("Small Shop", "Top Up", "Full Shop", "XX"),
            np.where(unclassed, 3, np.digitize(drawn.lines, [5, 15])),
        ),
        _chosen((*KINDS, "Mixed", "XX"), np.where(unclassed, len(KINDS) + 1, drawn.mission)),
        _codes("STORE", drawn.store, 5),
        _chosen([name for name, *_ in STORE_FORMATS], market.store_format[drawn.store]),
        _chosen([f"{name}\n" for name in STORE_REGIONS], market.store_region[drawn.store]),
    ]
    return _join(*columns)


def _text(values: Ints) -> pa.Array:
    return pc.cast(pa.array(values), pa.string())


def _codes(prefix: str, numbers: Ints, digits: int) -> pa.Array:
    """Return codes such as CL00017; codes count from 1."""
    return pc.binary_join_element_wise(prefix, pc.utf8_lpad(_text(numbers + 1), digits, "0"), "")


def _chosen(texts: Sequence[str], index: Ints) -> pa.Array:
    return pa.array(texts).take(pa.array(index % len(texts)))


def _join(*columns: pa.Array, separator: str = ",") -> pa.Array:
    return pc.binary_join_element_wise(*columns, separator)
