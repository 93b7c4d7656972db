"""When an alarm changes its state: the most recent periods against a threshold, as CloudWatch documents it.

M out of N: the alarm is raised when M of the last N data points breach. A few periods more than N are looked at
(the evaluation range), so that real points can stand for missing ones; only where there are fewer than N real points
does the treatment of missing data matter.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# How many periods are looked at beyond N. AWS names no number; the tables of its documentation show 5 for N = 3.
BEYOND: Final = 2


class State(StrEnum):
    """The state of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """How missing data points are treated."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


_FILLED: Final = {Missing.BREACHING: "Breaching", Missing.NOT_BREACHING: "NonBreaching"}
COMPARISONS: Final[dict[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """``needed`` (M) of ``periods`` (N) points must breach ``threshold`` by ``comparison``."""

    comparison: str
    threshold: float
    periods: int
    needed: int
    missing: Missing = Missing.MISSING

    @property
    def range(self) -> int:
        """How many periods are looked at."""
        return self.periods + BEYOND

    def breaches(self, value: float) -> bool:
        """Whether one value is beyond the threshold."""
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Verdict:
    """The state that the points call for, or None for: as it is; why; and the positions of the points that count."""

    state: State | None
    reason: str
    used: tuple[int, ...] = ()


def judge(points: Sequence[float | None], rule: Rule, *, times: Sequence[str]) -> Verdict:
    """Return the verdict on ``points``, one per period of the evaluation range, oldest first.

    ``times`` are the beginnings of the periods, as the reason shows them.
    """
    real = [(at, value) for at, value in enumerate(points) if value is not None]
    recent = real[-rule.periods :]
    used = tuple(at for at, _ in recent)
    absent = rule.periods - len(recent)
    breaching = [at for at, value in recent if rule.breaches(value)]
    if not recent:
        return _without_data(rule)
    if rule.missing is Missing.BREACHING:
        raised = len(breaching) + absent >= rule.needed
    else:
        raised = len(breaching) >= rule.needed
        # All that is known breaches, and is less than enough.
        if not raised and absent and len(breaching) == len(recent) and rule.missing is not Missing.NOT_BREACHING:
            if rule.missing is Missing.IGNORE:
                return Verdict(None, "")
            # Old enough that it would have been raised, had the points since then come and breached.
            raised = len(points) - breaching[0] >= rule.needed
    state = State.ALARM if raised else State.OK
    return Verdict(state, _reason(rule, recent, breaching, absent, times, raised=raised), used)


def _without_data(rule: Rule) -> Verdict:
    number = rule.periods
    if rule.missing is Missing.IGNORE:
        return Verdict(None, "")
    if rule.missing is Missing.MISSING:
        unknown = f"{_count(number, 'datapoint')} {_were(number)} unknown"
        return Verdict(State.INSUFFICIENT_DATA, f"Insufficient Data: {unknown}.")
    state = State.ALARM if rule.missing is Missing.BREACHING else State.OK
    missing = f"{_count(number, 'missing datapoint')} {_were(number)} treated as [{_FILLED[rule.missing]}]"
    periods = _count(number, "period")
    return Verdict(state, f"Threshold Crossed: no datapoints were received for {periods} and {missing}.")


def _reason(
    rule: Rule,
    recent: Sequence[tuple[int, float]],
    breaching: Sequence[int],
    absent: int,
    times: Sequence[str],
    *,
    raised: bool,
) -> str:
    shown = [(at, value) for at, value in recent if (at in breaching) == raised]
    values = ", ".join(f"{value} ({times[at]})" for at, value in reversed(shown))
    points = f"{len(shown)} out of the last {len(recent)} datapoints [{values}] {_were(len(shown))}"
    words = f"{'' if raised else 'not '}{COMPARISONS[rule.comparison][1]} the threshold ({rule.threshold})"
    found = [f"{points} {words}"] if shown else []
    if absent and (rule.missing is Missing.BREACHING) == raised and rule.missing in _FILLED:
        missing = _count(absent, "missing datapoint")
        found.append(f"{missing} {_were(absent)} treated as [{_FILLED[rule.missing]}]")
    needed = rule.needed if raised else rule.periods - rule.needed + 1
    change = "OK -> ALARM" if raised else "ALARM -> OK"
    return f"Threshold Crossed: {' and '.join(found)} (minimum {_count(needed, 'datapoint')} for {change} transition)."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
