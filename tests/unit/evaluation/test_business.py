import json

import pytest

from ml.evaluation.business import BusinessImpact, business_impact
from ml.evaluation.intervals import Estimate
from ml.evaluation.metrics import Scores
from ml.use_case import Business
from tests.unit.evaluation.samples import scores

ASSUMPTIONS = Business(
    currency="GBP",
    baskets_per_week=100_000,
    value_per_correct_prediction=0.02,
    cost_per_pricing_error=0.05,
    manual_minutes_per_thousand_baskets=6.0,
    analyst_cost_per_hour=30.0,
)


def with_accuracy(value: float, low: float, high: float) -> Scores:
    return scores(200).model_copy(update={"accuracy": Estimate(value=value, low=low, high=high)})


def impact(base: float = 0.5) -> BusinessImpact:
    return business_impact(with_accuracy(0.9, 0.88, 0.92), with_accuracy(base, base, base), ASSUMPTIONS)


def test_the_amounts_follow_from_the_assumptions() -> None:
    weekly = {each.name: each.per_week.value for each in impact().figures}
    assert weekly == pytest.approx(
        {
            "correct_predictions": 1800.0,  # 90,000 right, 0.02 each
            "pricing_errors_avoided": 2000.0,  # 40,000 fewer mistakes, 0.05 each
            "automation": 300.0,  # 600 minutes at 30 an hour
            "gain_over_baseline": 40_000 * 0.07 + 300.0,
        }
    )
    assert impact().error_reduction.value == pytest.approx(0.8)


def test_the_intervals_come_from_the_accuracy_alone() -> None:
    figures = {each.name: each for each in impact().figures}
    assert figures["pricing_errors_avoided"].per_week.low == pytest.approx(1900.0)
    assert figures["pricing_errors_avoided"].per_week.high == pytest.approx(2100.0)
    assert figures["automation"].per_week.low == figures["automation"].per_week.high
    assert impact().errors_per_week.low == pytest.approx(8_000)
    assert impact().errors_per_week.high == pytest.approx(12_000)


def test_a_year_is_52_weeks() -> None:
    for figure in impact().figures:
        assert figure.per_year.value == pytest.approx(52 * figure.per_week.value)


def test_a_model_no_better_than_the_baseline_gains_its_automation_only() -> None:
    found = {each.name: each.per_week.value for each in impact(base=0.9).figures}
    assert found["pricing_errors_avoided"] == pytest.approx(0.0)
    assert found["gain_over_baseline"] == pytest.approx(300.0)


def test_a_baseline_without_a_mistake_leaves_nothing_to_reduce() -> None:
    assert impact(base=1.0).error_reduction.value == 0.0


def test_the_assumptions_are_beside_the_figures_in_the_json_form() -> None:
    text = json.dumps(impact().model_dump(mode="json"), allow_nan=False)
    assert json.loads(text)["assumptions"]["cost_per_pricing_error"] == 0.05
    assert BusinessImpact.model_validate_json(text) == impact()
