"""Evaluations made up for tests, whole and consistent: scored by the product's own metrics."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.business import business_impact
from ml.evaluation.gate import decide
from ml.evaluation.metrics import Scores, calibration_curve, compare, score, slice_scores
from ml.use_case import Business, Gate

WORDS = ("High", "Medium", "Low")
CLASSES = [
    {"code": "LA", "word": "High", "meaning": "less affluent"},
    {"code": "MM", "word": "Medium", "meaning": "mid market"},
    {"code": "UM", "word": "Low", "meaning": "up market"},
]
CANDIDATES = {  # name → title, quality with the product encoding and without it
    "majority": ("Majority class", None, None),
    "logistic_regression": ("Logistic regression", 2.6, 0.4),
    "decision_tree": ("Decision tree", 2.9, 0.35),
    "random_forest": ("Random forest", 3.5, 0.5),
    "xgboost": ("XGBoost", 4.0, 0.55),
}
GATE = Gate(accuracy=0.8, macro_f1=0.7, class_precision=0.65, max_regression=0.0, approval="automatic")
BUSINESS = Business(
    currency="GBP",
    baskets_per_week=420_000,
    value_per_correct_prediction=0.02,
    cost_per_pricing_error=0.05,
    manual_minutes_per_thousand_baskets=6.0,
    analyst_cost_per_hour=35.0,
)
TRAIN_BASKETS = 36_000


def evaluation(
    *, rows: int = 4000, quality: float = 1.0, champion: float | None = None, bare: bool = False
) -> dict[str, Any]:
    """Return the content of an ``evaluation.json``.

    Args:
        rows: hold-out baskets.
        quality: scales what the candidates know; 1.0 passes the gate, 0.2 does not.
        champion: quality of the champion, where there is one; 0.9 is a little worse than the winner.
        bare: leave out all that may be left out.

    """
    rng = np.random.default_rng(17)
    labels = rng.choice(3, size=rows, p=(0.24, 0.51, 0.25)).astype(np.int64)
    noise = rng.normal(size=(rows, 3))
    segment = rng.choice(np.array(["AZ", "BG", "CT", "DI", None], dtype=object), size=rows)
    noise[segment == "DI"] *= 1.6  # the slice that is weaker than the rest
    names = [name for name in CANDIDATES if not (bare and name != "xgboost")]
    probabilities = {name: _probabilities(labels, noise, CANDIDATES[name][1], quality) for name in names}
    candidates = [_candidate(name, labels, noise, quality, bare=bare) for name in names]
    best = probabilities["xgboost"]
    scores = score(labels, best, classes=WORDS, seed=1)
    before = _probabilities(labels, noise, 4.0, champion or 0.0)
    champion_scores = score(labels, before, classes=WORDS, seed=1)
    duel = compare(labels, best.argmax(axis=1), before.argmax(axis=1), 1)
    decision = decide(
        scores, GATE, champion=champion_scores if champion else None, comparison=duel if champion else None
    )
    counts = np.bincount(labels, minlength=3)
    return {
        "schema": 1,
        "run": "20260105T020000-3f9c1a",
        "use_case": {
            "name": "price_sensitivity",
            "title": "Basket price sensitivity",
            "source": "generated weekly transactions",
        },
        "classes": CLASSES,
        "data": {
            "train_weeks": list(range(200701, 200731)),
            "holdout_weeks": list(range(200731, 200735)),
            "train_baskets": TRAIN_BASKETS,
            "holdout_baskets": rows,
            "train_class_counts": {"High": 8640, "Medium": 18360, "Low": 9000},
            "holdout_class_counts": dict(zip(WORDS, map(int, counts), strict=True)),
            "unclassified_dropped": 812,
            "products_known": 4981,
            "holdout_lines_unseen_product_share": 0.0031,
            "dropped": {} if bare else {"duplicate line": 12, "quantity below 1": 3},
        },
        "candidates": candidates,
        "encoder": {
            "parameters": {"basket_weight_power": 4.0, "smoothing": 0.1, "rounds": 12},
            "search": []
            if bare
            else [
                {"parameters": {"basket_weight_power": 2.0, "smoothing": 0.3}, "macro_f1": 0.9412},
                {"parameters": {"basket_weight_power": 4.0, "smoothing": 0.1}, "macro_f1": 0.9633},
            ],
            "products": 4981,
        },
        "winner": "xgboost",
        "winner_detail": _bare_detail() if bare else _detail(labels, best, rng, scores, segment),
        "champion": {
            "version": "v0007-9d2e41",
            "holdout": champion_scores.model_dump(mode="json"),
            "comparison": duel.model_dump(mode="json"),
        }
        if champion
        else None,
        "decision": {
            "accepted": decision.accepted,
            "status": str(decision.status),
            "reasons": list(decision.reasons),
        },
        "business": None if bare else _business(scores, candidates[0]["holdout"]),
        "lineage": {
            "as_of": None,
            "inputs": [
                {
                    "name": f"transactions_{week}.csv.gz",
                    "sha256": f"{week:064x}",
                    "week": week,
                    "rows": 26_000 + week % 100,
                }
                for week in range(200701, 200735)
            ],
            "code_version": "0.1.0",
            "feature_schema": {"version": "1-5b0a", "columns": 74},
            "use_case_fingerprint": "c0ffee" * 10 + "beef",
            "libraries": {"numpy": "2.4.0", "scikit-learn": "1.9.0", "xgboost": "3.2.0"},
            "seed": 20080707,
        },
        "model_version": "v0008-77b1c2" if decision.accepted else None,
        **({} if bare else {"links": {"Validation of the input": "../../validation/report.html"}}),
    }


def _probabilities(
    labels: NDArray[np.int64], noise: NDArray[np.float64], knows: float | None, quality: float
) -> NDArray[np.float64]:
    """Return (n, 3): for ``knows`` None always the second class, else the better the more it knows."""
    if knows is None:
        return np.tile(np.array([0.24, 0.51, 0.25]), (len(labels), 1))
    strength = knows * quality
    odds = np.exp(strength * (noise + strength * np.eye(3)[labels]))
    shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return shares


def _candidate(
    name: str, labels: NDArray[np.int64], noise: NDArray[np.float64], quality: float, *, bare: bool
) -> dict[str, Any]:
    title, with_encoding, without = CANDIDATES[name]
    scores = score(labels, _probabilities(labels, noise, with_encoding, quality), classes=WORDS, seed=1)
    plain = score(labels, _probabilities(labels, noise, without, quality), classes=WORDS, seed=1)
    folds = [
        {"accuracy": scores.accuracy.value - lost, "macro_f1": scores.macro_f1.value - lost}
        for lost in (0.004, 0.001, 0.006, 0.002, 0.003)
    ]
    return {
        "name": name,
        "title": title,
        "parameters": {} if name == "majority" else {"n_estimators": 150, "max_depth": 6},
        "cross_validation": {
            "folds": folds,
            "accuracy_mean": scores.accuracy.value - 0.0032,
            "accuracy_std": 0.0018,
            "macro_f1_mean": scores.macro_f1.value - 0.0032,
            "macro_f1_std": 0.0018,
        },
        "holdout": scores.model_dump(mode="json"),
        "without_encoding": None
        if bare or without is None
        else {"holdout": plain.model_dump(mode="json"), "train_baskets": 20_000},
        "seconds": 12.4,
        "search": []
        if bare or without is None
        else [
            {"parameters": {"max_depth": depth}, "macro_f1": scores.macro_f1.value - lost}
            for depth, lost in ((4, 0.011), (6, 0.003))
        ],
    }


def _bare_detail() -> dict[str, Any]:
    return {"calibration": [], "slices": {}, "importance": [], "learning_curve": []}


def _detail(
    labels: NDArray[np.int64],
    best: NDArray[np.float64],
    rng: np.random.Generator,
    scores: Scores,
    segment: NDArray[np.object_],
) -> dict[str, Any]:
    rows = len(labels)
    region = rng.choice(["E01", "E02", "N01", "N02", "N03", "S01", "S02", "W01", "W02"], size=rows)
    store = np.where(rng.random(rows) < 0.01, "XLS", rng.choice(["LS", "MS", "SS"], size=rows))
    columns = {"store_region": region, "store_format": store, "seg_1": segment}
    slices = slice_scores(labels, best, columns, seed=1)
    return {
        "calibration": [each.model_dump(mode="json") for each in calibration_curve(labels, best, classes=WORDS)],
        "slices": {column: [each.model_dump(mode="json") for each in values] for column, values in slices.items()},
        "importance": [
            {"feature": feature, "drop": 0.31 * 0.6**place, "std": 0.02 * 0.7**place}
            for place, feature in enumerate(
                [f"encoding of prod_code{level}" for level in ("", "_10", "_20", "_30", "_40")]
                + ["basket totals", "store_format", "store_region", "seg_1", "seg_2", "shop_weekday"]
                + [f"totals, part {part}" for part in range(1, 8)]
            )
        ],
        "learning_curve": [
            {
                "baskets": baskets,
                "accuracy": scores.accuracy.value - gap,
                "macro_f1": scores.macro_f1.value - 1.1 * gap,
                "train_accuracy": min(1.0, scores.accuracy.value + 0.2 * gap),
            }
            for baskets, gap in ((2250, 0.18), (4500, 0.11), (9000, 0.05), (18000, 0.02), (36000, 0.0))
        ],
    }


def _business(scores: Scores, baseline: dict[str, Any]) -> dict[str, Any]:
    return business_impact(scores, Scores.model_validate(baseline), BUSINESS).model_dump(mode="json")
