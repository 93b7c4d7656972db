"""Alarms with what they were in, and the metrics that they look at."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from rehearsal.page.document import Alarm, Change, Series, Watched
from tests.rehearsal.page.recorded import BEGAN
from tests.rehearsal.page.sample_flow import ALARMS, VERSIONS

_QUIET: Final = tuple(
    f"mlops-dev-{name}"
    for name in (
        "captures-dropped",
        "keys-unread",
        "captures-missing",
        "macro-f1-low",
        "accuracy-low",
        "feature-drift",
        "class-drift",
        "unseen-products",
        "data-stale",
    )
)


def after(minutes: float) -> datetime:
    """Return a time of the run."""
    return BEGAN + timedelta(minutes=minutes)


def alarms() -> Iterator[Alarm]:
    """Yield the alarms, three of which were raised."""
    raised = (
        Change(at=after(-0.3), state="OK", reason="unchecked: initial alarm creation"),
        Change(
            at=after(5.5),
            state="ALARM",
            reason="Threshold crossed: 1 datapoint [0.71] was less than the threshold (0.8).",
        ),
        Change(at=after(6.4), state="OK", reason="no data"),
    )
    looks = {
        "quality-worse": ("model", 0.0),
        "accuracy-low": ("accuracy", 0.8),
        "latency-high": ("latency", 200.0),
        "error-rate-high": ("errors", 0.05),
    }
    for name in ALARMS:
        hit = name.endswith("model-degraded")
        yield Alarm(
            name=name,
            kind="composite",
            description="The serving model is worse than it promised: it is taken back. Threshold: its alarms'.",
            rule="ALARM(quality-worse) OR ALARM(accuracy-low)",
            state="OK",
            actions=True,
            changes=raised if hit else raised[:1],
        )
    for name in ("mlops-dev-latency-high", "mlops-dev-error-rate-high", "mlops-dev-quality-worse", *_QUIET):
        short = name.removeprefix("mlops-dev-")
        series, threshold = looks.get(short, (None, 0.0))
        yield Alarm(
            name=name,
            kind="metric",
            description=f"{short.replace('-', ' ')}: what it means. Threshold: why.",
            threshold=threshold,
            below=short.endswith("low"),
            state="OK",
            watches=(Watched(name=short, series=series),),
            changes=raised if short in {"quality-worse", "accuracy-low"} else raised[:1],
        )


def series() -> Iterator[Series]:
    """Yield what alarms look at, and other metrics."""

    def points(value: Any, step: float = 0.1, start: float = 1.8) -> tuple[tuple[datetime, float], ...]:
        return tuple((after(start + step * n), value(start + step * n)) for n in range(int((7 - start) / step)))

    yield Series(
        key="latency",
        namespace="",
        name="latency p95 where there are 20 requests",
        statistic="p95",
        points=points(lambda t: 12 + 3 * math.sin(3 * t) + (30 if 6.0 < t < 6.2 else 0)),
    )
    yield Series(
        key="errors",
        namespace="",
        name="errors / requests",
        statistic="Sum",
        points=points(lambda t: 0.01 if 6.0 < t < 6.2 else 0.0),
    )
    yield Series(
        key="accuracy",
        namespace="MLOps/Model",
        name="Accuracy",
        dimensions={"Environment": "dev"},
        statistic="Minimum",
        points=points(lambda t: 0.91 if t < 5.4 else 0.71 if t < 5.9 else 0.9, 0.5),
    )
    yield Series(
        key="model",
        namespace="MLOps/Model",
        name="QualityWorse",
        dimensions={"Environment": "dev"},
        statistic="Maximum",
        points=points(lambda t: 1.0 if 5.4 < t < 5.9 else 0.0, 0.5),
    )
    for name in ("Requests", "Latency", "CaptureDrops"):
        yield Series(
            key=f"raw-{name}",
            namespace="MLOps/Inference",
            name=name,
            dimensions={"Environment": "dev"},
            statistic="Sum",
            points=points(lambda t: 60 + 10 * math.sin(2 * t)),
        )
    for version in VERSIONS[:2]:
        yield Series(
            key=f"acc-{version}",
            namespace="MLOps/Model",
            name="MacroF1",
            dimensions={"Environment": "dev", "ModelVersion": version},
            statistic="Average",
            points=points(lambda t: 0.88 - 0.01 * t, 0.7),
        )
