"""A week of invented baskets: who shops where and when, and what is on each line."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from ml.data.market import (
    KINDS,
    LABELS,
    LEANINGS,
    NO_CUSTOMER_LEANING,
    PRICE_SEGMENTS,
    UNCLASSED_LEANING,
    Generator,
    Ints,
    Market,
    draw,
    label_of,
)

# Lines per basket: log-normal, rounded up, so that the mean is 6.3, the median 4 and the 99th percentile 31.
_LINES_MEDIAN, _LINES_SPREAD, _LINES_MOST = 3.97, 0.9, 200
_NO_CUSTOMER_SHARE = 0.20
_HOME_STORE_SHARE = 0.80
_OPENING_HOUR = 8
_HOUR_SHARES = np.array([4, 6, 8, 9, 9, 9, 8, 8, 8, 9, 8, 6, 5, 3]) / 100
_QUANTITY_SHARES = np.array([0.82, 0.138, 0.018, 0.010, 0.005, 0.005, 0.002, 0.002])  # of 1, 2, … pieces
_WILD_SHARE = 6e-6  # of lines: a slip of the hand in the quantity, another in the spend


@dataclass(frozen=True)
class Week:
    """One week's baskets and lines; text is kept as indices until it is written."""

    week: int
    # per basket
    day: Ints  # 0 is Monday
    hour: Ints
    customer: Ints  # -1 where unknown
    store: Ints
    lines: Ints
    label: Ints
    mission: Ints  # index into KINDS, len(KINDS) where mixed
    # per line, in order of store, product and basket
    basket: Ints
    product: Ints
    quantity: Ints
    spend_pennies: Ints


def draw_week(random: Generator, market: Market, *, week: int, baskets: int) -> Week:
    """Draw customers, stores and lines first; labels follow from the lines."""
    customer = random.integers(len(market.customer_number), size=baskets)
    customer[random.random(baskets) < _NO_CUSTOMER_SHARE] = -1
    store = draw(random, np.cumsum(market.store_share), baskets)
    at_home = (customer >= 0) & (random.random(baskets) < _HOME_STORE_SHARE)
    store[at_home] = market.customer_store[customer[at_home]]
    leaning = _draw_leanings(random, market, customer)
    basket, product = _draw_lines(random, market, store, leaning)
    quantity = draw(random, np.cumsum(_QUANTITY_SHARES), len(basket)) + 1
    spend = market.price_pennies[product] * quantity
    slips = random.random((2, len(basket))) < _WILD_SHARE
    quantity[slips[0]] *= 100
    spend[slips[1]] *= 100
    classed = _count(basket, market.product_class[product], baskets, len(LABELS))
    return Week(
        week=week,
        day=random.integers(7, size=baskets),
        hour=draw(random, np.cumsum(_HOUR_SHARES), baskets) + _OPENING_HOUR,
        customer=customer,
        store=store,
        lines=classed.sum(axis=1),
        label=label_of(classed),
        mission=_missions(_count(basket, market.product_kind[product], baskets, len(KINDS))),
        basket=basket,
        product=product,
        quantity=quantity,
        spend_pennies=spend,
    )


def _draw_leanings(random: Generator, market: Market, customer: Ints) -> Ints:
    chances = np.array([*(row[-1] for row in PRICE_SEGMENTS), NO_CUSTOMER_LEANING])
    segment = np.where(customer >= 0, market.customer_segment[customer], len(PRICE_SEGMENTS))
    cumulative = np.cumsum(chances, axis=1)[:, :-1]
    return cast("Ints", (random.random((len(customer), 1)) >= cumulative[segment]).sum(axis=1))


def _draw_lines(random: Generator, market: Market, store: Ints, leaning: Ints) -> tuple[Ints, Ints]:
    """Return each line's basket and product; a basket has a product once at most."""
    baskets, products = len(store), market.products
    lines = np.ceil(random.lognormal(np.log(_LINES_MEDIAN), _LINES_SPREAD, baskets)).astype(np.int64)
    most = np.where(leaning == UNCLASSED_LEANING, 2, _LINES_MOST)  # errands, such as one newspaper
    basket = np.repeat(np.arange(baskets), np.minimum(lines, most))
    product = np.empty(len(basket), dtype=np.int64)
    for each in range(len(LEANINGS)):
        rows = np.flatnonzero(leaning[basket] == each)
        product[rows] = draw(random, market.cumulative_popularity[each], len(rows))
    # One sort puts lines in the files' order and brings a basket's equal products together.
    keys = np.sort((store[basket] * products + product) * baskets + basket)
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    return keys % baskets, keys // baskets % products


def _count(basket: Ints, group: Ints, baskets: int, groups: int) -> Ints:
    return np.bincount(basket * groups + group, minlength=baskets * groups).reshape(baskets, groups)


def _missions(lines_by_kind: Ints) -> Ints:
    dominant = lines_by_kind.max(axis=1) >= 0.6 * lines_by_kind.sum(axis=1)
    return np.where(dominant, lines_by_kind.argmax(axis=1), len(KINDS))
