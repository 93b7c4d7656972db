"""Before a look at the models: which captured predictions and which weeks' labels it takes.

They are listed in manifests, so that a look is as large as the time it reaches back, not as the lake.
"""

from datetime import UTC, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from config.names import CAPTURED, SILVER, TRANSACTIONS, WEEK_PARTITION
from lambdas.common.events import Frozen
from lambdas.common.monitoring import LOOKS, MonitoringTools, monitoring_tools
from lambdas.common.runtime import handler_of

_LABELS = f"{SILVER}/{TRANSACTIONS}/"


class LookBack(Frozen):
    """When the look began, and how many weeks it reaches back."""

    at: AwareDatetime
    weeks: Annotated[int, Field(ge=1, le=52)]


class Chosen(Frozen):
    """What there is to look at, in files. ``nothing``: ``reason`` says what is missing."""

    status: Literal["go", "nothing"]
    reason: str
    day: str
    captured: int
    labels: int
    weeks: tuple[int, ...]


def look_back(event: LookBack, tools: MonitoringTools) -> Chosen:
    """Write the manifests of what the look takes, if there is something."""
    today = event.at.astimezone(UTC).date()
    days = [today - timedelta(days=back) for back in range(7 * event.weeks, -1, -1)]
    captured = [key for day in days for key in tools.objects.keys(f"{CAPTURED}/{day:%Y/%m/%d}/")]
    weeks = _weeks(tools)[-event.weeks :]
    labels = [key for week in weeks for key in tools.objects.keys(f"{_LABELS}{WEEK_PARTITION}={week}/")]
    missing = "predictions were captured" if not captured else "week is refined yet" if not labels else ""
    if not missing:
        for name, keys in (("captured", captured), ("labels", labels)):
            place = f"s3://{tools.settings.bucket}/"
            tools.objects.replace(f"{LOOKS}/{today.isoformat()}/{name}.manifest", [{"prefix": place}, *keys])
    return Chosen(
        status="nothing" if missing else "go",
        reason=f"no {missing}" if missing else f"{len(captured)} files of predictions, {len(weeks)} weeks of labels",
        day=today.isoformat(),
        captured=len(captured),
        labels=len(labels),
        weeks=tuple(weeks),
    )


def _weeks(tools: MonitoringTools) -> list[int]:
    """Return the weeks that are refined, rising."""
    pages = tools.clients.of("s3").get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=tools.settings.bucket, Prefix=_LABELS, Delimiter="/")
    folders = [each["Prefix"].rstrip("/") for page in listed for each in page.get("CommonPrefixes", [])]
    start = f"{_LABELS}{WEEK_PARTITION}="
    return sorted(int(folder.removeprefix(start)) for folder in folders if folder.startswith(start))


handler = handler_of("look-back", LookBack, look_back, monitoring_tools)
