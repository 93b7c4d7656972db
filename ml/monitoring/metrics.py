"""The figures that are published of a version. What there is not enough data for is left out, never guessed."""

from collections.abc import Iterator

from config.monitoring import Answer, MetricDatum, VersionVerdict
from config.names import FEATURE_DIMENSION, MODEL_VERSION_DIMENSION, MonitoringMetric
from ml.monitoring import judge
from ml.monitoring.counts import VersionCounts
from ml.use_case import UseCase

_OF_CHECK = {
    judge.ACCURACY: MonitoringMetric.ACCURACY,
    judge.MACRO_F1: MonitoringMetric.MACRO_F1,
    judge.INPUT_DRIFT: MonitoringMetric.INPUT_DRIFT,
    judge.PREDICTION_DRIFT: MonitoringMetric.PREDICTION_DRIFT,
    judge.UNSEEN_PRODUCTS: MonitoringMetric.UNSEEN_PRODUCTS,
}


def metrics(
    counts: VersionCounts, verdict: VersionVerdict, features: dict[str, float], use_case: UseCase
) -> Iterator[MetricDatum]:
    """Yield the metrics of one version; ``features`` are the PSI that its drift was judged by.

    Single features are published only where they moved too far: each combination of dimensions is a metric that costs.
    """
    version = {MODEL_VERSION_DIMENSION: verdict.version}

    def count(name: MonitoringMetric, value: float) -> MetricDatum:
        return MetricDatum(name=name, value=value, unit="Count", dimensions=version)

    def share(name: MonitoringMetric, value: float, **more: str) -> MetricDatum:
        return MetricDatum(name=name, value=value, unit="None", dimensions={**version, **more})

    predictions = sum(week.predictions for week in counts.weeks)
    known = sum(week.known for week in counts.weeks)
    yield count(MonitoringMetric.PREDICTIONS, predictions)
    yield count(MonitoringMetric.LABELLED_BASKETS, sum(week.labelled for week in counts.weeks))
    yield share(MonitoringMetric.LABEL_COVERAGE, known / max(predictions, 1))
    yield count(MonitoringMetric.LABEL_DELAY_WEEKS, label_delay(counts))
    for check in verdict.checks:
        if check.answer != Answer.NOT_ENOUGH_DATA and check.value is not None:
            yield share(_OF_CHECK[check.name], check.value)
    for name, value in features.items():
        if value > use_case.monitoring.input_psi:
            yield share(MonitoringMetric.INPUT_DRIFT, value, **{FEATURE_DIMENSION: name})
    for metric, answer in (
        (MonitoringMetric.QUALITY_WORSE, verdict.quality),
        (MonitoringMetric.DRIFT_WORSE, verdict.drift),
    ):
        if answer != Answer.NOT_ENOUGH_DATA:
            yield count(metric, float(answer == Answer.WORSE))


def label_delay(counts: VersionCounts) -> int:
    """Return how many weeks with predictions are newer than the newest week with a known label."""
    newest = max((place for place, week in enumerate(counts.weeks) if week.known), default=-1)
    return len(counts.weeks) - 1 - newest
