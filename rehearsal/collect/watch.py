"""Alarms with each state that they were in, and the metrics that they look at, by CloudWatch's API."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from config.names import DELIVERY_METRICS, MODEL_METRICS, SERVICE_METRICS, ServiceMetric
from rehearsal.page.document import Alarm, Change, Series, Watched
from rehearsal.world import World

_NAMESPACES: Final = (SERVICE_METRICS, MODEL_METRICS, DELIVERY_METRICS)
_PERIOD: Final = 60
# What CloudWatch knows as periods below a minute.
_SHORT: Final = (1, 5, 10, 20, 30)
# GetMetricData's own limit.
_QUERIES: Final = 500
_UPDATE: Final = "StateUpdate"
Query = dict[str, Any]
Points = tuple[tuple[datetime, float], ...]


class Watch:
    """Reads alarms and metrics."""

    def __init__(self, world: World) -> None:
        self._client = world.client("cloudwatch")
        self._speed = world.speed

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms, composite ones first."""
        changes = self._changes()
        found: list[Alarm] = []
        for page in self._pages():
            for each in page.get("CompositeAlarms", []):
                found.append(_alarm(each, "composite", changes, rule=each["AlarmRule"]))
            for each in page.get("MetricAlarms", []):
                found.append(
                    _alarm(
                        each,
                        "metric",
                        changes,
                        threshold=each.get("Threshold"),
                        below=each["ComparisonOperator"].startswith("Less"),
                        watches=tuple(_watched(each)),
                    )
                )
        return tuple(sorted(found, key=lambda alarm: (alarm.kind, alarm.name)))

    def series(self, *, since: datetime) -> tuple[Series, ...]:
        """Return the metrics that alarms look at, and all others of the platform's own namespaces."""
        wanted: dict[str, Query] = {}
        for alarm in self._metric_alarms():
            wanted |= {_key(each): each for each in _stats(alarm)}
        for namespace in _NAMESPACES:
            for page in self._client.get_paginator("list_metrics").paginate(Namespace=namespace):
                for metric in page["Metrics"]:
                    query = {"Metric": metric, "Stat": _statistic(metric["MetricName"])}
                    known = any(each["Metric"] == metric for each in wanted.values())
                    wanted |= {} if known else {_key(query): query}
        queries = list(wanted.items())
        found = [
            each
            for start in range(0, len(queries), _QUERIES)
            for each in self._metrics(queries[start : start + _QUERIES], since)
        ]
        worked_out = [self._expression(alarm, since) for alarm in self._metric_alarms() if _expression(alarm)]
        return (*found, *worked_out)

    def _pages(self) -> Any:
        return self._client.get_paginator("describe_alarms").paginate(AlarmTypes=["CompositeAlarm", "MetricAlarm"])

    def _metric_alarms(self) -> Iterator[Mapping[str, Any]]:
        for page in self._pages():
            yield from page.get("MetricAlarms", [])

    def _changes(self) -> Mapping[str, list[Change]]:
        found: dict[str, list[Change]] = {}
        pages = self._client.get_paginator("describe_alarm_history").paginate(
            AlarmTypes=["CompositeAlarm", "MetricAlarm"], HistoryItemType=_UPDATE, ScanBy="TimestampAscending"
        )
        for page in pages:
            for each in page["AlarmHistoryItems"]:
                if each["HistoryItemType"] == _UPDATE:
                    state = json.loads(each["HistoryData"])["newState"]
                    change = Change(
                        at=each["Timestamp"], state=state["stateValue"], reason=state.get("stateReason", "")
                    )
                    found.setdefault(each["AlarmName"], []).append(change)
        return {name: sorted(each, key=lambda change: change.at) for name, each in found.items()}

    def _metrics(self, wanted: Sequence[tuple[str, Query]], since: datetime) -> Iterator[Series]:
        period = _allowed(_PERIOD / self._speed)
        points = self._points(
            [
                {"Id": f"m{number}", "MetricStat": {**query, "Period": period}}
                for number, (_, query) in enumerate(wanted)
            ],
            since,
        )
        for number, (key, query) in enumerate(wanted):
            metric = query["Metric"]
            yield Series(
                key=key,
                namespace=metric["Namespace"],
                name=metric["MetricName"],
                dimensions={each["Name"]: each["Value"] for each in metric.get("Dimensions", [])},
                statistic=query["Stat"],
                points=points.get(f"m{number}", ()),
            )

    def _expression(self, alarm: Mapping[str, Any], since: datetime) -> Series:
        """Return what an alarm's expression comes to, in the alarm's own periods, shortened as those are."""
        queries = []
        for each in alarm["Metrics"]:
            stat = each.get("MetricStat")
            shorter = {"MetricStat": {**stat, "Period": _allowed(stat["Period"] / self._speed)}} if stat else {}
            queries.append({**each, **shorter})
        shown = _expression(alarm)
        points = self._points(queries, since)
        return Series(
            key=_own_key(alarm),
            namespace="",
            name=shown["Expression"],
            statistic="",
            points=points.get(shown["Id"], ()),
        )

    def _points(self, queries: Sequence[Query], since: datetime) -> Mapping[str, Points]:
        if not queries:
            return {}
        found: dict[str, list[tuple[datetime, float]]] = {}
        pages = self._client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=since - timedelta(minutes=1),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            ScanBy="TimestampAscending",
        )
        for page in pages:
            for each in page["MetricDataResults"]:
                found.setdefault(each["Id"], []).extend(zip(each["Timestamps"], each["Values"], strict=True))
        return {name: tuple(sorted(points)) for name, points in found.items()}


def _allowed(seconds: float) -> int:
    """Return the longest period that CloudWatch knows and that is not longer than ``seconds``, at least one."""
    if seconds >= _PERIOD:
        return int(seconds // _PERIOD) * _PERIOD
    return max((each for each in _SHORT if each <= seconds), default=_SHORT[0])


def _expression(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an alarm looks at, if that is an expression; empty otherwise."""
    shown = (each for each in alarm.get("Metrics", []) if each.get("ReturnData", True) and "Expression" in each)
    return next(shown, {})


def _own_key(alarm: Mapping[str, Any]) -> str:
    return f"expression of {alarm['AlarmName']}"


def _alarm(found: Mapping[str, Any], kind: str, changes: Mapping[str, list[Change]], **more: Any) -> Alarm:
    return Alarm.model_validate(
        {
            "name": found["AlarmName"],
            "kind": kind,
            "description": found.get("AlarmDescription", ""),
            "state": found["StateValue"],
            "actions": bool(found.get("AlarmActions")),
            "changes": tuple(changes.get(found["AlarmName"], ())),
            **more,
        }
    )


def _watched(alarm: Mapping[str, Any]) -> Iterator[Watched]:
    for query in _stats(alarm):
        yield Watched(name=query["Metric"]["MetricName"], series=_key(query))
    if shown := _expression(alarm):
        yield Watched(name=shown.get("Label", shown["Id"]), series=_own_key(alarm), expression=shown["Expression"])


def _stats(alarm: Mapping[str, Any]) -> Iterator[Query]:
    """Yield what an alarm looks at: metrics with their statistic."""
    for each in alarm.get("Metrics", []):
        if "MetricStat" in each:
            yield {"Metric": dict(each["MetricStat"]["Metric"]), "Stat": each["MetricStat"]["Stat"]}
    if "MetricName" in alarm:
        metric = {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions") if key in alarm}
        yield {"Metric": metric, "Stat": alarm.get("Statistic") or alarm["ExtendedStatistic"]}


def _key(query: Query) -> str:
    """Return a name for a metric with its statistic."""
    metric = query["Metric"]
    dimensions = ",".join(sorted(f"{each['Name']}={each['Value']}" for each in metric.get("Dimensions", [])))
    return f"{metric['Namespace']} {metric['MetricName']} {query['Stat']} {dimensions}".strip()


def _statistic(name: str) -> str:
    """Return what is shown of a metric that no alarm looks at."""
    return "p95" if name == ServiceMetric.LATENCY else "Sum" if name in set(ServiceMetric) else "Average"
