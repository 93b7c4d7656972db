"""Metrics read back: GetMetricData with metric math, and GetMetricStatistics, of exactly the metric that is asked for.

Any number of whole seconds that CloudWatch knows as a period may be asked for, of every metric: AWS has periods below
a minute of high-resolution metrics only.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from ministack.services import cloudwatch

from rehearsal.emulator.alarms.definitions import AlarmError, evaluate, query
from rehearsal.emulator.alarms.metric_math import Expression, ExpressionError, Series, parse
from rehearsal.emulator.alarms.series import series, statistic

_SHORT: Final = (1, 5, 10, 20, 30)
_MOST_POINTS: Final = 100_800


def metric_data(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer GetMetricData.

    Raises:
        AlarmError: what is wrong with the request.

    """
    queries = {each["Id"]: each for each in request["MetricDataQueries"]}
    metrics = {name: query(each["MetricStat"], short=_SHORT) for name, each in queries.items() if "MetricStat" in each}
    periods = {name: each.period for name, each in metrics.items()}

    @cache
    def read(period: int) -> Mapping[str, Series]:
        """Return all metrics with the period, each read once for all that is asked."""
        start, number = _range(request, period)
        end = start + number * period
        return {
            name: series(each, end=end, seconds=period, number=number)
            for name, each in metrics.items()
            if each.period == period
        }

    try:
        expressions = {name: parse(each["Expression"]) for name, each in queries.items() if "Expression" in each}
        asked = [name for name, each in queries.items() if each.get("ReturnData", True)]
        results = []
        for name in asked:
            period = _period(name, periods, expressions)
            values = evaluate(name, read(period), expressions, period=period)
            start, _ = _range(request, period)
            results.append(_result(queries[name], values, start=start, period=period, request=request))
    except ExpressionError as error:
        raise AlarmError(str(error)) from error
    return {"MetricDataResults": results, "Messages": []}


def metric_statistics(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer GetMetricStatistics.

    Raises:
        AlarmError: what is wrong with the request.

    """
    basic, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if not basic and not extended:
        raise AlarmError("Statistics or ExtendedStatistics is required")
    unit = {"Unit": request["Unit"]} if request.get("Unit") else {}
    metric = query({"Metric": request, "Period": request["Period"], "Stat": "Sum", **unit}, short=_SHORT)
    start, number = _range(request, metric.period)
    buckets: dict[int, list[dict[str, Any]]] = {}
    for point in metric.points:
        at = int((point["Timestamp"] - start) // metric.period)
        if 0 <= at < number:
            buckets.setdefault(at, []).append(point)
    shown = []
    for at, points in sorted(buckets.items()):
        figures = {stat: value for stat in extended if (value := statistic(points, stat)) is not None}
        shown.append(
            {
                "Timestamp": _time(start + at * metric.period),
                "Unit": points[0].get("Unit", "None"),
                **{stat: statistic(points, stat) for stat in basic},
                **({"ExtendedStatistics": figures} if figures else {}),
            }
        )
    return {"Datapoints": shown, "Label": metric.name}


def _period(name: str, periods: Mapping[str, int], expressions: Mapping[str, Expression]) -> int:
    """Return the period of a metric, or the one of all metrics below an expression."""
    below, found, seen = [name], set(), set()
    while below:
        each = below.pop()
        if each in periods:
            found.add(periods[each])
        elif each in expressions and each not in seen:
            seen.add(each)
            below += expressions[each].uses
    if len(found) != 1:
        raise AlarmError(f"{name}: one period for all metrics of an expression is emulated, and at least one metric")
    return found.pop()


def _range(request: Mapping[str, Any], period: int) -> tuple[int, int]:
    """Return where the first period begins, and how many there are."""
    start, end = (cloudwatch._parse_ts(request.get(name)) for name in ("StartTime", "EndTime"))
    if start is None or end is None or start >= end:
        raise AlarmError("StartTime must be before EndTime")
    first = int(start // period) * period
    number = -int(-(end - first) // period)
    if number > _MOST_POINTS:
        raise AlarmError(f"{number} data points are asked for, at most {_MOST_POINTS} are answered")
    return first, number


def _result(
    asked: Mapping[str, Any], values: Series, *, start: int, period: int, request: Mapping[str, Any]
) -> dict[str, Any]:
    shown = [(start + at * period, each) for at, each in enumerate(values) if each is not None]
    if request.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        shown = shown[::-1]
    name = asked.get("MetricStat", {}).get("Metric", {}).get("MetricName", asked["Id"])
    return {
        "Id": asked["Id"],
        "Label": asked.get("Label", name),
        "Timestamps": [_time(at) for at, _ in shown],
        "Values": [each for _, each in shown],
        "StatusCode": "Complete",
    }


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"
