"""The invented market behind generated data: catalogue, stores and customers, all fixed by the seed alone.

This module and its label rule are the generator's secret. Nothing of the pipeline may import it: what a
product's class is, and how classes make a basket's label, is what a model has to find out.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Generator = np.random.Generator

# Products unless said otherwise, and the groups on the four levels above; each level's are nested in the next one's.
PRODUCTS = 4_997
GROUPS = (250, 90, 31, 9)
ZIPF_EXPONENT = 0.7
MEDIAN_PRICE_PENNIES, PRICE_SPREAD = 110, 0.75
KINDS = ("Fresh", "Grocery", "Nonfood")  # what a top-level group sells

# Hidden classes of products, and the labels of baskets in the same order.
LABELS = ("MM", "LA", "UM", "XX")
MM, LA, UM, XX = range(4)
CLASS_SHARES = (0.70, 0.14, 0.13, 0.03)
LA_AT_MOST, UM_AT_LEAST = -0.2273, 0.1837

# How a basket leans: the factor by which it is likelier to take a product of each class.
LEANINGS = np.array(
    [
        [1.0, 1.0, 1.0, 1.0],  # even
        [1.0, 2.5, 0.45, 1.0],  # towards LA
        [1.0, 0.45, 2.5, 1.0],  # towards UM
        [0.0, 0.0, 0.0, 1.0],  # nothing that is classed
    ]
)
UNCLASSED_LEANING = 3

# Customer segments: code, the older files' code, share of customers, chances of the leanings above.
PRICE_SEGMENTS = (
    ("CT", "MM", 0.48, (0.604, 0.190, 0.190, 0.016)),
    ("AZ", "LA", 0.25, (0.394, 0.550, 0.040, 0.016)),
    ("BG", "UM", 0.25, (0.394, 0.040, 0.550, 0.016)),
    ("DY", "XX", 0.02, (0.750, 0.100, 0.100, 0.050)),
)
NO_CUSTOMER_LEANING = (0.584, 0.200, 0.200, 0.016)
LIFE_STAGES = (
    ("BU", "OT", 0.35),
    ("DI", "YF", 0.22),
    ("AT", "YA", 0.14),
    ("CZ", "OA", 0.12),
    ("FN", "PE", 0.08),
    ("EQ", "OF", 0.09),
)
NO_LIFE_STAGE_SHARE = 0.10

CUSTOMERS, STORES = 500_000, 760
STORE_FORMATS = (("LS", 0.45, 1.6), ("MS", 0.27, 0.8), ("SS", 0.20, 0.4), ("XLS", 0.08, 1.4))  # share, size
STORE_REGIONS = ("E01", "E02", "E03", "N01", "N02", "N03", "S01", "S02", "S03", "W01", "W02", "W03")


@dataclass(frozen=True)
class Market:
    """What all weeks of one seed share; arrays are indexed by product, store or customer number."""

    parents: tuple[Ints, ...]  # per level above products: the group each product belongs to
    product_class: Ints  # index into LABELS
    product_kind: Ints  # index into KINDS
    price_pennies: Ints
    cumulative_popularity: Floats  # one row per leaning: cumulative chance of each product
    store_format: Ints  # index into STORE_FORMATS
    store_region: Ints  # index into STORE_REGIONS
    store_share: Floats
    customer_number: Ints  # the digits of CUST_CODE
    customer_segment: Ints  # index into PRICE_SEGMENTS
    customer_stage: Ints  # index into LIFE_STAGES, -1 where unknown
    customer_store: Ints

    @property
    def products(self) -> int:
        """How many products its catalogue has."""
        return len(self.product_class)


@lru_cache(maxsize=2)
def market_of(seed: int, products: int = PRODUCTS) -> Market:
    """Return the market of ``seed`` with a catalogue of so many products, always the same one."""
    random = np.random.default_rng([seed, 0])
    parents = _nested_groups(random, products)
    popularity = _popularity(random, products)
    product_class = _product_classes(random, popularity)
    weights = LEANINGS[:, product_class] * popularity
    store_format = random.choice(len(STORE_FORMATS), STORES, p=[share for _, share, _ in STORE_FORMATS])
    sizes = np.array([size for _, _, size in STORE_FORMATS])[store_format] * random.lognormal(0, 0.4, STORES)
    store_share = sizes / sizes.sum()
    stages = random.choice(len(LIFE_STAGES), CUSTOMERS, p=[share for *_, share in LIFE_STAGES])
    return Market(
        parents=parents,
        product_class=product_class,
        product_kind=random.permutation([0, 0, 0, 1, 1, 1, 1, 2, 2])[parents[-1]],
        price_pennies=np.maximum(
            5, (MEDIAN_PRICE_PENNIES * random.lognormal(0, PRICE_SPREAD, products)).astype(np.int64)
        ),
        cumulative_popularity=np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True),
        store_format=store_format,
        store_region=random.integers(len(STORE_REGIONS), size=STORES),
        store_share=store_share,
        customer_number=random.permutation(2 * CUSTOMERS)[:CUSTOMERS] + 1,
        customer_segment=random.choice(len(PRICE_SEGMENTS), CUSTOMERS, p=[share for _, _, share, _ in PRICE_SEGMENTS]),
        customer_stage=np.where(random.random(CUSTOMERS) < NO_LIFE_STAGE_SHARE, -1, stages),
        customer_store=draw(random, np.cumsum(store_share), CUSTOMERS),
    )


def label_of(classed: Ints) -> Ints:
    """Return each basket's label, an index into ``LABELS``.

    Args:
        classed: one row per basket, one column per class of ``LABELS``: how many of the basket's lines
            are of a product of that class.

    The rule: ``net = (UM - LA) / (MM + LA + UM)``; LA at or below ``LA_AT_MOST``, UM at or above
    ``UM_AT_LEAST``, XX where no line is classed, MM otherwise.

    """
    lines = classed[:, MM] + classed[:, LA] + classed[:, UM]
    net = (classed[:, UM] - classed[:, LA]) / np.maximum(lines, 1)
    return np.select([lines == 0, net <= LA_AT_MOST, net >= UM_AT_LEAST], [XX, LA, UM], default=MM)


def draw(random: Generator, cumulative: Floats, size: int) -> Ints:
    """Draw ``size`` indices with the chances whose running sum is ``cumulative``."""
    drawn = np.searchsorted(cumulative, random.random(size), side="right")
    return np.minimum(drawn, len(cumulative) - 1)  # a running sum may end a rounding error below 1


def _nested_groups(random: Generator, products: int) -> tuple[Ints, ...]:
    """Give every product a group on each level: none is empty, and a group lies in one parent only."""
    levels: list[Ints] = []
    of_product = np.arange(products)
    for children, groups in pairwise((products, *GROUPS)):
        chances = random.dirichlet(np.full(groups, 2.0))
        extra = random.choice(groups, children - groups, p=chances)
        parent = random.permutation(np.concatenate([np.arange(groups), extra]))
        of_product = parent[of_product]
        levels.append(of_product)
    return tuple(levels)


def _popularity(random: Generator, products: int) -> Floats:
    weights = np.arange(1, products + 1, dtype=np.float64) ** -ZIPF_EXPONENT
    return random.permutation(weights / weights.sum())


def _product_classes(random: Generator, popularity: Floats) -> Ints:
    """Draw classes by product, so that their share of sales is near their share of products.

    A handful of products makes up a tenth of all sales; were their classes left to chance, the label's
    shares would differ much from seed to seed. So the best of many draws is kept.
    """
    shares = np.array(CLASS_SHARES)
    counts = np.round(shares * len(popularity)).astype(np.int64)
    counts[MM] += len(popularity) - counts.sum()
    ordered = np.repeat(np.arange(len(LABELS)), counts)
    draws = (random.permutation(ordered) for _ in range(200))
    return min(draws, key=lambda drawn: float(np.abs(np.bincount(drawn, popularity) - shares).sum()))
