"""The monitoring report: one HTML page from ``monitoring.json`` and ``monitoring_detail.json`` and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.monitoring import Answer, Monitoring
from ml.monitoring import charts, judge
from ml.reports.figures import embed
from ml.reports.page import render_page
from ml.use_case import UseCase

DETAIL = "monitoring_detail.json"
PAGE = "monitoring.html"
TONES = {Answer.OK: "good", Answer.WORSE: "bad", Answer.NOT_ENOUGH_DATA: "warn"}
TITLES = {
    judge.ACCURACY: "Accuracy",
    judge.MACRO_F1: "Macro F1",
    judge.INPUT_DRIFT: "Input drift (PSI)",
    judge.PREDICTION_DRIFT: "Prediction drift (PSI)",
    judge.UNSEEN_PRODUCTS: "Unseen products",
}


def write_report(folder: Path, found: Monitoring, detail: Mapping[str, Any], use_case: UseCase) -> Path:
    """Write ``monitoring.html`` into ``folder``; return it."""
    images = {
        each["version"]: [
            embed(*chart)
            for chart in (
                *(charts.trend(each["weeks"], name=name, title=title) for name, title in TITLES.items()),
                charts.predictions(each["weeks"]),
            )
        ]
        for each in detail["versions"]
    }
    return render_page(
        folder / PAGE,
        "monitoring.html.j2",
        found=found,
        details={each["version"]: each for each in detail["versions"]},
        images=images,
        use_case=use_case,
        tones=TONES,
        titles=TITLES,
        answer=_overall(found),
    )


def _overall(found: Monitoring) -> Answer:
    """Return the quality of the version that serves."""
    return next((each.quality for each in found.versions if each.current), Answer.NOT_ENOUGH_DATA)
