"""Models for tests of the service."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from ml.features.baskets import Baskets
from ml.serving.contract import Basket, Line
from ml.training.encoders import fit_encoder_set
from ml.training.product_vectors import EncoderParameters
from ml.training.split import assign_folds
from ml.training.train import TrainingData, train_candidate
from ml.use_case import UseCase


def train_on(baskets: Baskets, use_case: UseCase, folder: Path, description: Mapping[str, Any]) -> None:
    """Train a shallow tree on the labelled ones of ``baskets`` into the new ``folder``."""
    labelled = baskets.take(baskets.labels >= 0)
    small = use_case.model_copy(update={"split": use_case.split.model_copy(update={"folds": 3})})
    folds = assign_folds(labelled, folds=3, seed=small.split.seed)
    parameters = EncoderParameters(basket_weight_power=2.0, smoothing=0.3, rounds=2, neutral_state=True)
    encoders = fit_encoder_set(labelled, folds, parameters, classes=3, search=[], label="")
    data = TrainingData.prepare(labelled, folds, encoders, small)
    chosen = small.with_changes(models=["decision_tree"], parameters={"decision_tree": {"max_depth": 6}})
    folder.mkdir(parents=True)
    train_candidate("decision_tree", data, chosen, folder=folder, description=description, threads=1)


def as_sent(silver: Path) -> list[Basket]:
    """Silver's baskets as a till would send them, in order of week and basket."""
    rows = duckdb.execute(
        "SELECT shop_week, basket_id, shop_hour, shop_weekday, store_format, store_region, seg_1, seg_2, prod_code,"
        " quantity, spend_pennies, prod_code_10, prod_code_20, prod_code_30, prod_code_40"
        " FROM read_parquet(?, hive_partitioning = true)",
        [str(silver / "transactions" / "*" / "*" / "*.parquet")],
    ).fetchall()
    found: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for row in rows:
        found[row[:8]].append(Line(row[8], row[9], row[10] / 100, *row[11:]))
    return [
        Basket(
            lines=lines,
            shop_hour=key[2],
            shop_weekday=key[3],
            store_format=key[4],
            store_region=key[5],
            seg_1=key[6],
            seg_2=key[7],
            basket_id=key[1],
        )
        for key, lines in sorted(found.items(), key=lambda each: each[0][:2])
    ]
