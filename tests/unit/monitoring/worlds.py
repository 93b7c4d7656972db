"""Counts, captured lines and labels made up for tests of monitoring."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml.features.reference import Reference
from ml.monitoring.counts import WeekCounts
from ml.monitoring.judge import Known
from ml.use_case import UseCase, load_use_case

WEEK = 200720
TIME = "2006-07-12T10:00:00+00:00"  # in week 200620
CLASS = {"LA": "High", "MM": "Medium", "UM": "Low"}


def use_case(**changes: Any) -> UseCase:
    """Return the built-in use case with ``changes`` to its monitoring."""
    built_in = load_use_case("price_sensitivity")
    return built_in.model_copy(update={"monitoring": built_in.monitoring.model_copy(update=changes)})


def reference() -> Reference:
    """Return the reference of one feature, spread evenly over 0 to 100."""
    vectors = np.arange(1, 101, dtype=np.float32)[:, None]
    return Reference.fit(vectors, ["spend"], np.arange(100) % 3, classes=3)


def known(**promised: float) -> Known:
    """Return what is known of a version with that reference."""
    return Known(promised, reference())


def week(
    name: int = WEEK,
    *,
    labelled: int = 1_000,
    accuracy: float = 0.98,
    waiting: int = 0,
    unseen: float = 0.0,
    spend: Sequence[int] | None = None,
) -> WeekCounts:
    """Return a week with three equally frequent classes, whose mistakes go to the next class."""
    each = labelled // 3
    right = round(each * accuracy)
    confusion = np.eye(3, dtype=np.int64) * right + np.roll(np.eye(3, dtype=np.int64), 1, axis=1) * (each - right)
    predictions = int(confusion.sum()) + waiting
    bins = np.asarray(spend) if spend is not None else np.full(10, predictions // 10)
    return WeekCounts(
        weeks=(name,),
        predictions=predictions,
        unclassified=0,
        contradictory=0,
        lines=5 * predictions,
        unseen_lines=round(5 * predictions * unseen),
        confusion=confusion,
        predicted=np.full(3, predictions // 3),
        histograms=(bins,),
    )


def line(
    basket: object, code: str = "MM", *, version: str = "v1", time: str = TIME, unseen: int = 0, **more: Any
) -> bytes:
    """Return a captured prediction as the service writes it."""
    record = {
        "time": time,
        "basket": {
            "lines": [{"prod_code": "PRD1", "quantity": 1, "spend": 1.5}],
            "shop_hour": 10,
            "shop_weekday": 4,
            "store_format": "LS",
            "store_region": "E02",
            "basket_id": basket,
            **more,
        },
        "prediction": {
            "prediction": CLASS.get(code, code),
            "code": code,
            "probabilities": dict.fromkeys(CLASS.values(), 1 / 3),
            "model_version": version,
            "basket_id": basket,
            "unknown_products": unseen,
        },
    }
    return msgspec.json.encode(record)


def capture(folder: Path, *files: Sequence[bytes]) -> Path:
    """Write files of captured lines into ``folder``; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, lines in enumerate(files):
        (folder / f"{number:03}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return folder


def silver(folder: Path, weeks: Mapping[int, Mapping[int, str | Sequence[str] | None]]) -> Path:
    """Write labels by week and basket id as a silver layer, two lines to a basket; return the lake."""
    for name, baskets in weeks.items():
        rows = [
            (basket, label)
            for basket, given in baskets.items()
            for label in ((given, given) if given is None or isinstance(given, str) else given)
        ]
        part = folder / "silver" / "transactions" / f"shop_week={name}" / "store_region=E02"
        part.mkdir(parents=True)
        table = {
            "basket_id": pa.array([basket for basket, _ in rows], pa.int64()),
            "basket_price_sensitivity": pa.array([label for _, label in rows], pa.string()),
        }
        pq.write_table(pa.table(table), part / "part-0.parquet")
    return folder
