"""The evaluation report: one HTML page, its charts as PNG, the model card; all from ``evaluation.json``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ml.evaluation import charts
from ml.evaluation.gate import FAILED
from ml.evaluation.model_card import model_card, weakest_slices, weeks
from ml.reports.figures import embed
from ml.reports.page import render_page, render_text

PAGE = "report.html"
CARD = "model_card.md"
CHARTS = "charts"
SCHEMA = 1

SECTIONS = (
    ("decision", "Decision"),
    ("data", "Data"),
    ("candidates", "Candidates"),
    ("classes", "Classes"),
    ("confusion", "Confusion"),
    ("calibration", "Calibration"),
    ("importance", "Importance"),
    ("slices", "Slices"),
    ("learning", "Learning curve"),
    ("business", "Business impact"),
    ("lineage", "Lineage"),
    ("card", "Model card"),
)


def write_report(folder: Path, evaluation: Mapping[str, Any]) -> Path:
    """Write ``report.html``, ``charts/*.png`` and ``model_card.md`` into ``folder``; return the page.

    Args:
        folder: is made where it does not exist; other files in it are left alone.
        evaluation: the content of ``evaluation.json`` and nothing else, so that a report can be rendered
            again from that file.

    Raises:
        ValueError: the evaluation has another schema, or its winner is not one of its candidates.

    """
    if evaluation["schema"] != SCHEMA:
        raise ValueError(f"evaluation.json has schema {evaluation['schema']}; this report reads {SCHEMA}")
    by_name = {each["name"]: each for each in evaluation["candidates"]}
    if evaluation["winner"] not in by_name:
        raise ValueError(f"the winner {evaluation['winner']!r} is not among the candidates")
    winner = by_name[evaluation["winner"]]
    reasons = evaluation["decision"]["reasons"]
    context = {
        "evaluation": evaluation,
        "winner": winner,
        "baseline": by_name.get("majority"),
        "card": model_card(evaluation),
    }
    render_text(folder / CARD, "model_card.md.j2", **context)
    images = {
        name: embed(chart.figure, chart.alt, png=folder / CHARTS / f"{name}.png")
        for name, chart in _charts(evaluation, winner).items()
    }
    return render_page(
        folder / PAGE,
        "evaluation.html.j2",
        **context,
        failed=[reason for reason in reasons if reason.startswith(FAILED)],
        passed=[reason for reason in reasons if not reason.startswith(FAILED)],
        sections=[each for each in SECTIONS if _has(each[0], evaluation)],
        images=images,
        slice_images=_chosen(images, "slice-"),
        candidate_images=_chosen(images, "confusion-candidate-"),
        weakest=weakest_slices(evaluation["winner_detail"]["slices"], winner["holdout"]["macro_f1"]),
        weeks=weeks,
    )


def _charts(evaluation: Mapping[str, Any], winner: Mapping[str, Any]) -> dict[str, charts.Chart]:
    """Return file name without ending → chart, for the parts that the evaluation has."""
    candidates, scores, detail = evaluation["candidates"], winner["holdout"], evaluation["winner_detail"]
    found = {
        f"comparison-{metric.replace('_', '-')}": charts.comparison(
            candidates, metric=metric, title=title, winner=winner["name"]
        )
        for metric, title in (("macro_f1", "Macro F1"), ("accuracy", "Accuracy"))
    }
    found["classes"] = charts.classes(scores)
    found["confusion-counts"] = charts.confusion(scores, shares=False, title="baskets")
    found["confusion-shares"] = charts.confusion(scores, shares=True, title="share of the true class")
    for each in candidates:
        found[f"confusion-candidate-{_slug(each['name'])}"] = charts.confusion(
            each["holdout"], shares=True, title=each["title"], width=charts.SMALL_WIDTH, axis_names=False
        )
    if detail["calibration"]:
        found["calibration"] = charts.calibration(detail["calibration"])
    if detail["importance"]:
        found["importance"] = charts.importance(detail["importance"])
    between = charts.slice_range(detail["slices"], scores["macro_f1"])
    for column, values in detail["slices"].items():
        if values:
            found[f"slice-{_slug(column)}"] = charts.slices(column, values, whole=scores["macro_f1"], between=between)
    if len(detail["learning_curve"]) > 1:
        found["learning-curve"] = charts.learning_curve(detail["learning_curve"])
    if evaluation["business"]:
        found["business"] = charts.business(evaluation["business"])
    return found


def _has(section: str, evaluation: Mapping[str, Any]) -> bool:
    """Return whether the evaluation has what the section shows."""
    detail = evaluation["winner_detail"]
    return {
        "calibration": bool(detail["calibration"]),
        "importance": bool(detail["importance"]),
        "slices": any(detail["slices"].values()),
        "learning": len(detail["learning_curve"]) > 1,
        "business": bool(evaluation["business"]),
    }.get(section, True)


def _chosen(images: Mapping[str, Markup], prefix: str) -> list[Markup]:
    return [image for name, image in images.items() if name.startswith(prefix)]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
