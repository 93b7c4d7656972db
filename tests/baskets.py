"""Makers of baskets for tests: from lists, drawn from hidden product classes, and written as a gold layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from config.names import BASKETS, PRODUCTS, WEEK_PARTITION
from ml.features.baskets import NUMBERS, Baskets
from ml.use_case import UseCase, load_use_case

LEVELS = ("prod_code", "prod_code_10", "prod_code_20", "prod_code_30", "prod_code_40")
TEXTS = (
    "store_format",
    "store_region",
    "seg_1",
    "seg_2",
    "shop_weekday",
    "basket_size",
    "basket_type",
    "store_code",
)
NEUTRAL = -1  # hidden class of products that say nothing


def small_use_case(**encoder: object) -> UseCase:
    """Return the built-in use case with one small grid point everywhere, two held-out weeks and four folds."""
    built_in = load_use_case("price_sensitivity")
    settings = {"basket_weight_power": (2.0,), "smoothing": (0.3,), "rounds": (3,), **encoder}
    features = built_in.features.model_copy(update={"encoder": built_in.features.encoder.model_copy(update=settings)})
    candidates = {
        "majority": {},
        "logistic_regression": {"grid": {"C": (1.0,)}},
        "decision_tree": {"fixed": {"min_samples_leaf": 10}, "grid": {"max_depth": (4, 6)}},
        "random_forest": {"fixed": {"n_estimators": 5, "min_samples_leaf": 5}},
        "xgboost": {"fixed": {"n_estimators": 5, "learning_rate": 0.3, "max_depth": 3}},
    }
    types = type(built_in.candidates["majority"])
    return built_in.model_copy(
        update={
            "features": features,
            "split": built_in.split.model_copy(update={"holdout_weeks": 2, "folds": 4}),
            "candidates": {name: types.model_validate(value) for name, value in candidates.items()},
            "search_rows": 500,
        }
    )


def baskets_of(
    rows: Sequence[tuple[int, Sequence[str]]],
    *,
    parents: Mapping[str, Sequence[str]] | None = None,
    weeks: Sequence[int] | None = None,
    ids: Sequence[int] | None = None,
    numbers: Mapping[str, Sequence[float]] | None = None,
    categories: Mapping[str, Sequence[str]] | None = None,
) -> Baskets:
    """Return baskets from ``rows`` of (label index, product codes).

    ``parents`` gives a product's codes at the four levels above it, "" where left out.
    """
    codes = np.unique(np.array([code for _, products in rows for code in products], dtype=str))
    above = {code: [*(parents or {}).get(code, ()), "", "", "", ""][:4] for code in codes.tolist()}
    catalogue = {LEVELS[0]: codes}
    for depth, level in enumerate(LEVELS[1:]):
        catalogue[level] = np.array([above[code][depth] for code in codes.tolist()], dtype=str)
    counts = np.array([len(products) for _, products in rows], dtype=np.int64)
    lines = [np.sort(np.searchsorted(codes, np.array(products, dtype=str))) for _, products in rows]
    totals = {
        "lines": counts.astype(np.float64),
        "products": np.array([len(set(products)) for _, products in rows], dtype=np.float64),
        "quantity": counts.astype(np.float64),
        "quantity_max": np.ones(len(rows)),
        "spend_pennies": counts * 100.0,
        "spend_pennies_min": np.full(len(rows), 100.0),
        "spend_pennies_max": np.full(len(rows), 100.0),
        "shop_hour": np.full(len(rows), 12.0),
        **{name: np.asarray(values, dtype=np.float64) for name, values in (numbers or {}).items()},
    }
    texts = {name: np.full(len(rows), "", dtype=str) for name in TEXTS}
    texts |= {name: np.asarray(values, dtype=str) for name, values in (categories or {}).items()}
    return Baskets(
        ids=np.asarray(ids if ids is not None else range(1, len(rows) + 1), dtype=np.int64),
        weeks=np.asarray(weeks if weeks is not None else [200701] * len(rows), dtype=np.int32),
        labels=np.array([label for label, _ in rows], dtype=np.int64),
        numbers=totals,
        categories=texts,
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        line_products=np.concatenate(lines).astype(np.int64) if lines else np.array([], dtype=np.int64),
        catalogue=catalogue,
    )


@dataclass(frozen=True)
class Drawn:
    """Baskets drawn from hidden product classes: ``product_class`` is by catalogue row, NEUTRAL for none."""

    baskets: Baskets
    product_class: NDArray[np.int64]


def draw_baskets(
    *,
    seed: int = 5,
    baskets: int = 2_400,
    weeks: Sequence[int] = (200701, 200702, 200703, 200704, 200705, 200706),
    products: int = 90,
    classes: int = 3,
    neutral: float = 0.15,
    leaning: float = 3.0,
    shy: float = 0.0,
) -> Drawn:
    """Draw baskets whose label follows from their products: the first class or the last where it prevails.

    With three classes the middle one stands for no clear majority. Products of the middle class dilute,
    neutral ones do not count. ``leaning`` is how much likelier some baskets take one class's products. The
    share ``shy`` of the products is found in baskets of six lines or more only.
    """
    rng = np.random.default_rng(seed)
    telling = round(products * (1 - neutral))
    product_class = np.full(products, NEUTRAL, dtype=np.int64)
    product_class[:telling] = np.arange(telling) % classes
    product_class = rng.permutation(product_class)
    is_shy = np.arange(products) < round(shy * products)
    codes = [f"P{number:04d}" for number in range(products)]
    parents = {
        code: (f"D{number % 12:02d}", f"G{number % 6:02d}", f"S{number % 3}", "") for number, code in enumerate(codes)
    }
    rows: list[tuple[int, list[str]]] = []
    while len(rows) < baskets:
        size = int(rng.geometric(0.3))
        weights = np.where(product_class == rng.choice([0, classes - 1, classes]), leaning, 1.0)
        weights = weights * (~is_shy | (size >= 6))
        chosen = rng.choice(products, size=size, p=weights / weights.sum())
        counts = np.bincount(product_class[chosen][product_class[chosen] != NEUTRAL], minlength=classes)
        if not counts.sum():
            continue
        net = (counts[-1] - counts[0]) / counts.sum()
        if classes == 2 and net == 0:
            continue
        label = 0 if net < -0.2 else classes - 1 if net > 0.2 else 1
        rows.append((label, [codes[product] for product in chosen]))
    made = baskets_of(
        rows,
        parents=parents,
        weeks=sorted(np.resize(weeks, baskets).tolist()),
        ids=(1_000_000 + np.arange(baskets)).tolist(),
        numbers={
            "spend_pennies": rng.integers(50, 9_000, baskets).tolist(),
            "shop_hour": rng.integers(8, 21, baskets).tolist(),
        },
        categories={
            "store_region": rng.choice(["E01", "N02", "W03"], baskets).tolist(),
            "store_format": rng.choice(["LS", "SS"], baskets).tolist(),
            "seg_1": rng.choice(["AZ", "BG", ""], baskets).tolist(),
        },
    )
    return Drawn(
        baskets=made, product_class=product_class[np.unique([int(code[1:]) for code in made.catalogue["prod_code"]])]
    )


def relabelled(baskets: Baskets, rows: NDArray[np.bool_], *, classes: int = 3) -> Baskets:
    """Return ``baskets`` where every basket of ``rows`` has another label than before."""
    return replace(baskets, labels=np.where(rows, (baskets.labels + 1) % classes, baskets.labels))


def write_gold(gold: Path, baskets: Baskets, use_case: UseCase, *, shuffle: int | None = None) -> Path:
    """Write ``baskets`` as a gold layer, as the ETL would; ``shuffle`` seeds another order of rows and lines."""
    rng = np.random.default_rng(shuffle)
    codes = np.array([*use_case.label.codes, None], dtype=object)
    for week in np.unique(baskets.weeks).tolist():
        rows = np.flatnonzero(baskets.weeks == week)
        if shuffle is not None:
            rows = rng.permutation(rows)
        lines = [baskets.line_products[baskets.offsets[row] : baskets.offsets[row + 1]] for row in rows]
        if shuffle is not None:
            lines = [rng.permutation(each) for each in lines]
        products = baskets.catalogue[LEVELS[0]]
        table: dict[str, object] = {
            "basket_id": baskets.ids[rows],
            "label": pa.array(codes[baskets.labels[rows]], pa.string()),
        }
        table |= {name: baskets.numbers[name][rows].astype(np.int64) for name in NUMBERS}
        table |= {
            name: pa.array([each or None for each in baskets.categories[name][rows]], pa.string()) for name in TEXTS
        }
        table["prod_codes"] = [products[each].tolist() for each in lines]
        _write(gold / BASKETS / f"{WEEK_PARTITION}={week}", pa.table(table))
        seen = np.unique(np.concatenate(lines))
        seen = rng.permutation(seen) if shuffle is not None else seen
        columns = {
            level: pa.array([each or None for each in baskets.catalogue[level][seen]], pa.string()) for level in LEVELS
        }
        _write(gold / PRODUCTS / f"{WEEK_PARTITION}={week}", pa.table(columns))
    return gold


def _write(folder: Path, table: pa.Table) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "part-0.parquet")
