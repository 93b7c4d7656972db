"""What a metric alarm is made of, read from a PutMetricAlarm request; what is not emulated is refused, not ignored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rehearsal.emulator.alarms.evaluation import COMPARISONS, Missing, Rule
from rehearsal.emulator.alarms.metric_math import Expression, ExpressionError, Inputs, Series, parse
from rehearsal.emulator.alarms.series import Query, known, series
from rehearsal.emulator.parameters import problems

_SHORT: Final = (10, 20, 30)
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
# The id of the metric where the request gives one without any.
_ONLY: Final = "only"
_NOT_EMULATED: Final = ("ThresholdMetricId",)


class AlarmError(ValueError):
    """A request for an alarm that AWS, or this emulator, does not take."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What is looked at, and the rule for it. Periods are in seconds, as asked for: not shortened."""

    rule: Rule
    period: int
    metrics: Mapping[str, Query]
    expressions: Mapping[str, Expression]
    shown: str

    @property
    def stat(self) -> str | None:
        """The statistic, if a metric is looked at rather than an expression."""
        shown = self.metrics.get(self.shown)
        return shown.stat if shown else None

    @property
    def every(self) -> int:
        """How often it is looked at, in seconds: as AWS does, every minute, and hourly over more than a day."""
        if self.period < _MINUTE:
            return _SHORT[0]
        return _HOUR if self.period * self.rule.periods > _DAY else _MINUTE

    def points(self, *, end: float, speed: float) -> Series:
        """Return the evaluation range before ``end``, in periods that are a ``speed``-th of those asked for."""
        number = self.rule.range
        found = {
            name: series(each, end=end, seconds=each.period / speed, number=number)
            for name, each in self.metrics.items()
        }
        return evaluate(self.shown, found, self.expressions, period=self.period)


def evaluate(shown: str, found: Mapping[str, Series], expressions: Mapping[str, Expression], *, period: int) -> Series:
    """Return the series of id ``shown``: a metric's, or an expression's on metrics and other expressions.

    Raises:
        ExpressionError: an id is unknown, expressions use each other in a circle, or the result is no series.

    """
    return _evaluate(shown, found, expressions, period, ())


def _evaluate(
    shown: str, found: Mapping[str, Series], expressions: Mapping[str, Expression], period: int, path: Sequence[str]
) -> Series:
    if shown in found:
        return found[shown]
    if shown in path or shown not in expressions:
        raise ExpressionError(f"the id {shown} is not that of a metric or an expression before it")
    expression = expressions[shown]
    inputs = {each: _evaluate(each, found, expressions, period, (*path, shown)) for each in expression.uses}
    value = expression.value(Inputs(inputs, dict.fromkeys(inputs, period)))
    if not isinstance(value, tuple):
        raise ExpressionError(f"the expression [{expression.text}] is no time series")
    return value


def define(request: Mapping[str, Any]) -> Definition:
    """Read a PutMetricAlarm request.

    Raises:
        AlarmError: what is wrong with it, or what of it is not emulated.

    """
    check(request, "PutMetricAlarm")
    for each in _NOT_EMULATED:
        if each in request:
            raise AlarmError(f"{each} is not emulated")
    if request.get("EvaluateLowSampleCountPercentile", "evaluate") != "evaluate":
        raise AlarmError("EvaluateLowSampleCountPercentile: only 'evaluate' is emulated")
    queries = _queries(request)
    metrics = {name: query(each["MetricStat"]) for name, each in queries.items() if "MetricStat" in each}
    try:
        expressions = {name: parse(each["Expression"]) for name, each in queries.items() if "Expression" in each}
    except ExpressionError as error:
        raise AlarmError(str(error)) from error
    periods = {each.period for each in metrics.values()}
    if len(periods) != 1:
        raise AlarmError("Metrics: one period for all of an alarm's metrics is emulated, and at least one metric")
    (period,) = periods
    definition = Definition(
        rule=_rule(request, period),
        period=period,
        metrics=metrics,
        expressions=expressions,
        shown=_shown(queries),
    )
    try:
        nothing = dict.fromkeys(metrics, (None,))
        evaluate(definition.shown, nothing, expressions, period=period)
    except ExpressionError as error:
        raise AlarmError(str(error)) from error
    return definition


def check(request: Mapping[str, Any], operation: str) -> None:
    """Check a request's members, their types and ranges by AWS's model of the operation.

    Raises:
        AlarmError: what is wrong.

    """
    found = problems("cloudwatch", operation, request)
    if found:
        raise AlarmError("; ".join(found))


def _rule(request: Mapping[str, Any], period: int) -> Rule:
    comparison = request["ComparisonOperator"]
    if comparison not in COMPARISONS:
        raise AlarmError(f"ComparisonOperator {comparison}: not emulated")
    if "Threshold" not in request:
        raise AlarmError("Threshold is required")
    periods = int(request["EvaluationPeriods"])
    needed = int(request.get("DatapointsToAlarm", periods))
    if needed > periods:
        raise AlarmError("DatapointsToAlarm must be at most EvaluationPeriods")
    if period * periods > (_WEEK if period >= _HOUR else _DAY):
        raise AlarmError("Metrics cannot be checked across more than a day (a week from periods of an hour on)")
    try:
        missing = Missing(request.get("TreatMissingData", Missing.MISSING))
    except ValueError as error:
        raise AlarmError(f"TreatMissingData: {error}") from error
    return Rule(
        comparison=comparison,
        threshold=float(request["Threshold"]),
        periods=periods,
        needed=needed,
        missing=missing,
    )


def _queries(request: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what is looked at by id, as ``Metrics`` has it."""
    if "Metrics" not in request:
        missing = [each for each in ("MetricName", "Namespace", "Period") if each not in request]
        if missing:
            raise AlarmError(f"{', '.join(missing)}: required without Metrics")
        if ("Statistic" in request) == ("ExtendedStatistic" in request):
            raise AlarmError("either Statistic or ExtendedStatistic is required")
        metric = {each: request[each] for each in ("Namespace", "MetricName", "Dimensions") if each in request}
        stat = request.get("Statistic") or request["ExtendedStatistic"]
        unit = {"Unit": request["Unit"]} if "Unit" in request else {}
        return {_ONLY: {"MetricStat": {"Metric": metric, "Period": request["Period"], "Stat": stat, **unit}}}
    alone = [each for each in ("MetricName", "Namespace", "Period", "Statistic", "Dimensions") if each in request]
    if alone:
        raise AlarmError(f"{', '.join(alone)}: not together with Metrics")
    queries = {each["Id"]: each for each in request["Metrics"]}
    if len(queries) != len(request["Metrics"]):
        raise AlarmError("Metrics: the ids are not all different")
    for name, each in queries.items():
        if ("MetricStat" in each) == ("Expression" in each):
            raise AlarmError(f"Metrics: {name} needs either MetricStat or Expression")
        if "AccountId" in each:
            raise AlarmError(f"Metrics: {name}: metrics of other accounts are not emulated")
    return queries


def query(asked: Mapping[str, Any], *, short: Sequence[int] = _SHORT) -> Query:
    """Read a MetricStat, whose period is one of ``short`` or whole minutes.

    Raises:
        AlarmError: the period or the statistic is none that is known.

    """
    period = int(asked["Period"])
    if period not in short and (period < _MINUTE or period % _MINUTE):
        raise AlarmError(f"Period {period}: must be {', '.join(map(str, short))} or a multiple of {_MINUTE}")
    if not known(asked["Stat"]):
        raise AlarmError(f"Stat {asked['Stat']}: not emulated")
    metric = asked["Metric"]
    return Query(
        namespace=metric["Namespace"],
        name=metric["MetricName"],
        dimensions={each["Name"]: each["Value"] for each in metric.get("Dimensions") or []},
        period=period,
        stat=asked["Stat"],
        unit=asked.get("Unit"),
    )


def _shown(queries: Mapping[str, Mapping[str, Any]]) -> str:
    shown = [name for name, each in queries.items() if each.get("ReturnData", True)]
    if len(shown) != 1:
        raise AlarmError("Metrics: exactly one of them must return data")
    return shown[0]
