"""Whether an alarm is raised: the tables of CloudWatch's user guide on missing data, and M out of N."""

import pytest

from rehearsal.emulator.alarms.evaluation import Missing, Rule, State, judge

OK, ALARM, UNKNOWN, KEPT = State.OK, State.ALARM, State.INSUFFICIENT_DATA, None
TREATMENTS = (Missing.MISSING, Missing.IGNORE, Missing.BREACHING, Missing.NOT_BREACHING)


def verdict(points: str, *, needed: int, missing: Missing, periods: int = 3) -> State | None:
    """Judge points as the user guide writes them: 0 is within the threshold, X beyond it, - is missing."""
    values = [{"0": 0.0, "X": 2.0, "-": None}[each] for each in points.split()]
    rule = Rule(comparison="GreaterThanThreshold", threshold=1, periods=periods, needed=needed, missing=missing)
    assert len(values) == rule.range
    return judge(values, rule, times=[str(at) for at in range(len(values))]).state


@pytest.mark.parametrize(
    ("points", "needed", "expected"),
    [
        ("0 - X - X", 3, (OK, OK, OK, OK)),
        ("0 - - - -", 3, (OK, OK, OK, OK)),
        ("- - - - -", 3, (UNKNOWN, KEPT, ALARM, OK)),
        ("0 X X - X", 3, (ALARM, ALARM, ALARM, ALARM)),
        ("- - X - -", 3, (ALARM, KEPT, ALARM, OK)),
        ("0 - X - X", 2, (ALARM, ALARM, ALARM, ALARM)),
        ("0 0 X 0 X", 2, (ALARM, ALARM, ALARM, ALARM)),
        ("0 - X - -", 2, (OK, OK, ALARM, OK)),
        ("- - - - 0", 2, (OK, OK, ALARM, OK)),
        ("- - - X -", 2, (ALARM, KEPT, ALARM, OK)),
    ],
)
def test_the_tables_of_the_user_guide(points: str, needed: int, expected: tuple[State | None, ...]) -> None:
    assert tuple(verdict(points, needed=needed, missing=each) for each in TREATMENTS) == expected


@pytest.mark.parametrize("points", ["- - - - X", "- - - X -"])
def test_an_alarm_is_not_raised_too_early_by_the_first_point_after_a_gap(points: str) -> None:
    assert verdict(points, needed=3, missing=Missing.MISSING) is OK


def test_older_points_than_the_last_periods_do_not_count_when_all_are_there() -> None:
    assert verdict("X X 0 0 X", needed=2, missing=Missing.MISSING) is OK


def test_a_reason_names_the_points_and_the_threshold() -> None:
    rule = Rule(comparison="GreaterThanThreshold", threshold=1, periods=3, needed=2)
    reason = judge([0.0, 0.0, 3.0, 0.0, 2.0], rule, times=["a", "b", "c", "d", "e"]).reason
    assert reason == (
        "Threshold Crossed: 2 out of the last 3 datapoints [2.0 (e), 3.0 (c)] were greater than the threshold (1)"
        " (minimum 2 datapoints for OK -> ALARM transition)."
    )


@pytest.mark.parametrize(
    ("comparison", "beyond", "within"),
    [
        ("GreaterThanThreshold", 1.5, 1.0),
        ("GreaterThanOrEqualToThreshold", 1.0, 0.5),
        ("LessThanThreshold", 0.5, 1.0),
        ("LessThanOrEqualToThreshold", 1.0, 1.5),
    ],
)
def test_comparisons(comparison: str, beyond: float, within: float) -> None:
    rule = Rule(comparison=comparison, threshold=1, periods=1, needed=1)
    assert judge([within, within, beyond], rule, times=["", "", ""]).state is ALARM
    assert judge([beyond, beyond, within], rule, times=["", "", ""]).state is OK
