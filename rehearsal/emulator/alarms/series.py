"""Metrics as alarms see them: what was published, by dimensions, in periods, as one statistic."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ministack.services import cloudwatch

from rehearsal.emulator.alarms.metric_math import Series

_BASIC: Final = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(\.\d{0,10})?|100)")


@dataclass(frozen=True, kw_only=True)
class Query:
    """A metric, exactly as its dimensions say, in periods of so many seconds, as one statistic."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    period: int
    stat: str
    unit: str | None = None

    @property
    def points(self) -> list[dict[str, Any]]:
        """What was published of it in the present account and region."""
        key = (self.namespace, self.name, cloudwatch._dims_key(dict(self.dimensions)))
        found = cloudwatch._metrics.get(key) or []
        return [each for each in list(found) if self.unit in (None, each.get("Unit"))]


def known(stat: str) -> bool:
    """Whether a statistic of this name can be worked out."""
    return stat in _BASIC or _PERCENTILE.fullmatch(stat) is not None


def statistic(points: Sequence[Mapping[str, Any]], stat: str) -> float | None:
    """Return ``stat`` of what was published in one period, None where it has none.

    A percentile takes every value as often as it was counted; of a statistic set there is one only if it is a single
    repeated value, and of negative values there is none.
    """
    basic: dict[str, float] = cloudwatch._calc_stats(points)
    if not basic or stat in basic:
        return basic.get(stat)
    samples = cloudwatch._percentile_samples(points)
    return float(cloudwatch._percentile(samples, float(stat[1:]))) if samples else None


def series(query: Query, *, end: float, seconds: float, number: int) -> Series:
    """Return the last ``number`` periods of ``seconds`` before ``end``, oldest first."""
    buckets: list[list[dict[str, Any]]] = [[] for _ in range(number)]
    start = end - number * seconds
    for point in query.points:
        at = int((point["Timestamp"] - start) // seconds)
        if 0 <= at < number:
            buckets[at].append(point)
    return tuple(statistic(each, query.stat) for each in buckets)
