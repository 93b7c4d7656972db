"""Metric math, with missing values."""

import pytest

from rehearsal.emulator.alarms.metric_math import ExpressionError, Inputs, Series, parse


def value(text: str, **series: Series) -> object:
    return parse(text).value(Inputs(series, dict.fromkeys(series, 300)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", (21.0, None, None)),
        ("(a + b) * 2", (22.0, None, None)),
        ("a - -b", (11.0, None, None)),
        ("2 ^ 3 ^ 0 * a", (2.0, 4.0, None)),
        ("a / (a - 1)", (None, 2.0, None)),
        ("a >= 2", (0.0, 1.0, None)),
        ("a >= 1 AND b > 9", (1.0, None, None)),
        ("a > 1 OR b > 9", (1.0, None, None)),
        ("a == 1 && a != 2 || a < 0", (1.0, 0.0, None)),
        ("FILL(b, 0)", (10.0, 0.0, 0.0)),
        ("FILL(b, a)", (10.0, 2.0, None)),
        ("FILL(a, REPEAT)", (1.0, 2.0, 2.0)),
        ("IF(a >= 2, b, 0)", (0.0, None, None)),
        ("IF(a >= 2, 7, b)", (10.0, 7.0, None)),
        ("IF(a >= 2, 7)", (None, 7.0, None)),
        ("a / PERIOD(a)", (1 / 300, 2 / 300, None)),
    ],
)
def test_values(text: str, expected: Series) -> None:
    assert value(text, a=(1.0, 2.0, None), b=(10.0, None, None)) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ANOMALY_DETECTION_BAND(a)", "the function ANOMALY_DETECTION_BAND is not known here"),
        ("a +", "ends too early"),
        ("a b", "'b' is not expected"),
        ("IF(a)", "IF does not take 1 arguments"),
        ("a ? b", "cannot be read"),
        ("METRICS", "'METRICS' is no id"),
        ("(a", "ends too early"),
    ],
)
def test_what_is_unknown_is_refused(text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says.replace("(", r"\(").replace("?", r"\?")):
        parse(text)


def test_the_ids_that_an_expression_uses_are_known() -> None:
    assert parse("IF(requests >= 20, errors / requests, 0) + PERIOD(age)").uses == {"requests", "errors", "age"}
