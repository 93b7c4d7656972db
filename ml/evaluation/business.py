"""What the model is worth in money, and the assumptions that say so."""

from config.document import Frozen
from ml.evaluation.intervals import Estimate
from ml.evaluation.metrics import Scores
from ml.use_case import Business

WEEKS_PER_YEAR = 52


class Figure(Frozen):
    """One amount in the assumptions' currency, per week and per year, and how it is reckoned."""

    name: str
    title: str
    per_week: Estimate
    per_year: Estimate
    formula: str


class BusinessImpact(Frozen):
    """The amounts, the shares they follow from and, beside them, the assumptions.

    ``error_reduction`` is the share of the baseline's mistakes that the model does not make;
    ``errors_per_week`` and ``baseline_errors_per_week`` are baskets. The intervals come from the interval
    of the model's accuracy; the baseline's accuracy and the assumptions are taken as certain.
    """

    currency: str
    assumptions: Business
    accuracy: Estimate
    baseline_accuracy: float
    errors_per_week: Estimate
    baseline_errors_per_week: float
    error_reduction: Estimate
    figures: tuple[Figure, ...]


def business_impact(scores: Scores, baseline: Scores, assumptions: Business) -> BusinessImpact:
    """Return what a model with these ``scores`` is worth against the majority ``baseline``.

    - value of correct predictions: accuracy · baskets · value per correct prediction;
    - pricing errors avoided: (accuracy − baseline accuracy) · baskets · cost per pricing error;
    - automation: baskets / 1000 · manual minutes per thousand / 60 · analyst's cost per hour, which does
      not depend on the accuracy;
    - gain over the baseline: all of it less the value that the baseline's own correct predictions have.
    """
    accuracy, base = scores.accuracy, baseline.accuracy.value
    baskets = assumptions.baskets_per_week
    value = accuracy.times(baskets * assumptions.value_per_correct_prediction)
    avoided = accuracy.plus(-base).times(baskets * assumptions.cost_per_pricing_error)
    minutes = baskets / 1000 * assumptions.manual_minutes_per_thousand_baskets
    saved = minutes / 60 * assumptions.analyst_cost_per_hour
    automation = Estimate(value=saved, low=saved, high=saved)
    per_basket = assumptions.value_per_correct_prediction + assumptions.cost_per_pricing_error
    gain = accuracy.plus(-base).times(baskets * per_basket).plus(saved)
    return BusinessImpact(
        currency=assumptions.currency,
        assumptions=assumptions,
        accuracy=accuracy,
        baseline_accuracy=base,
        errors_per_week=_mistakes(accuracy, baskets),
        baseline_errors_per_week=(1 - base) * baskets,
        error_reduction=_reduction(accuracy, base),
        figures=(
            _figure(
                "correct_predictions",
                "Value of correct predictions",
                value,
                "accuracy × baskets × value per correct prediction",
            ),
            _figure(
                "pricing_errors_avoided",
                "Pricing errors avoided",
                avoided,
                "(accuracy − baseline accuracy) × baskets × cost per pricing error",
            ),
            _figure(
                "automation",
                "Manual work saved",
                automation,
                "baskets ÷ 1,000 × manual minutes ÷ 60 × analyst cost per hour",
            ),
            _figure(
                "gain_over_baseline",
                "Gain over the baseline",
                gain,
                "(accuracy − baseline accuracy) × baskets × (value + cost) + manual work saved",
            ),
        ),
    )


def _figure(name: str, title: str, per_week: Estimate, formula: str) -> Figure:
    return Figure(name=name, title=title, per_week=per_week, per_year=per_week.times(WEEKS_PER_YEAR), formula=formula)


def _mistakes(accuracy: Estimate, baskets: int) -> Estimate:
    return Estimate(
        value=(1 - accuracy.value) * baskets,
        low=(1 - accuracy.high) * baskets,
        high=(1 - accuracy.low) * baskets,
    )


def _reduction(accuracy: Estimate, base: float) -> Estimate:
    """Return 1 − (1 − accuracy) / (1 − base); 0 where the baseline makes no mistake."""
    if base >= 1.0:
        return Estimate(value=0.0, low=0.0, high=0.0)
    return accuracy.plus(-base).times(1 / (1 - base))
