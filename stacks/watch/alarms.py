"""The alarms: what each looks at, and why so. Its page is ``docs/runbooks/<name>.md``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from config.names import ALARM_MODEL, ALARM_SERVICE, DeliveryMetric, MonitoringMetric, ServiceMetric
from config.settings import ThresholdSettings
from ml.use_case import Monitoring
from stacks.watch.metrics import SUM, Metric, Metrics, machine

RUNBOOKS: Final = "docs/runbooks"
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
# Fewer requests in a minute say nothing of a share or of a 95th percentile: one slow request would be 5 % of them.
FEWEST_REQUESTS: Final = 20
_FEW = f"A minute of fewer than {FEWEST_REQUESTS} requests counts as good: one of them would be 5 %."
_LASTING = "3 of the last 5 minutes: a burst passes, and 5 minutes are soon enough for an undo that takes one."
_NO_TRAFFIC = "Missing is good: without requests there is nothing to take back for."
_DAILY = (
    "Figures come once a day, and one look is enough: each is of hundreds of baskets with their interval. 1 of 1 hour."
)
_NO_LOOK = "Missing is good: where nothing is known, nothing is taken back."


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm on metrics: it is raised when ``breaching`` of the last ``periods`` are beyond the threshold.

    ``metrics`` are by the names that ``expression`` has for them; without one there is a single metric. ``tells`` says
    whether people are told by this alarm itself; those below a composite alarm are told of by that.
    ``tells_of_silence`` tells them, too, when the figures stop to come.
    """

    name: str
    means: str
    metrics: Mapping[str, Metric]
    threshold: float
    why: str
    period: int
    when: str
    missing_because: str
    expression: str | None = None
    below: bool = False
    periods: int = 1
    breaching: int = 1
    missing: Literal["notBreaching", "missing"] = "notBreaching"
    tells: bool = True
    tells_of_silence: bool = False

    @property
    def description(self) -> str:
        """All of it in words, for whoever gets the alarm."""
        reasons = f"Threshold: {self.why} Period: {self.when} Missing data: {self.missing_because}"
        return f"{self.means} {reasons} {_link(self.name)}"


@dataclass(frozen=True, kw_only=True)
class Composite:
    """An alarm over alarms, for which a version is taken back."""

    name: str
    means: str
    alarms: tuple[str, ...]
    why: str
    # While this one is raised, and for an hour after, people are not told by this.
    silenced_by: str | None = None

    @property
    def description(self) -> str:
        """All of it in words, for whoever gets the alarm."""
        return f"{self.means} Threshold, period and missing data: {self.why} {_link(self.name)}"


def _link(name: str) -> str:
    return f"Runbook: {RUNBOOKS}/{name}.md"


def alarms(
    metrics: Metrics, thresholds: ThresholdSettings, monitoring: Monitoring, *, machines: Mapping[str, str]
) -> tuple[Alarm, ...]:
    """Return the alarms of an environment; ``machines`` are the ARNs of its state machines by name."""
    return (
        *_service(metrics, thresholds),
        *_quality(metrics, thresholds),
        *_drift(metrics, monitoring),
        *_flow(metrics, thresholds, machines),
    )


def composites() -> tuple[Composite, ...]:
    """Return the alarms for which a version is taken back, each after what it is silenced by."""
    return (
        Composite(
            name=ALARM_SERVICE,
            means="The service is too slow or fails too often: the serving version is taken back.",
            alarms=("latency-high", "error-rate-high"),
            why="those of its alarms; either is enough, because callers feel both.",
        ),
        Composite(
            name=ALARM_MODEL,
            means="The serving model is worse than it promised: it is taken back.",
            alarms=("quality-worse", "accuracy-low", "macro-f1-low"),
            why=(
                "those of its alarms, all of which are of labelled baskets; drift alone takes nothing back. While"
                f" {ALARM_SERVICE} is raised it tells nobody: one cause is told once."
            ),
            silenced_by=ALARM_SERVICE,
        ),
    )


def _service(metrics: Metrics, thresholds: ThresholdSettings) -> Iterator[Alarm]:
    requests = metrics.service(ServiceMetric.REQUESTS)
    yield Alarm(
        name="latency-high",
        means="95 of 100 answers do not come in time any more.",
        metrics={"requests": requests, "latency": metrics.service(ServiceMetric.LATENCY, "p95")},
        expression=f"IF(requests >= {FEWEST_REQUESTS}, latency, 0)",
        threshold=thresholds.latency_p95_ms,
        why=f"the service promises {thresholds.latency_p95_ms} ms at the 95th percentile. {_FEW}",
        period=_MINUTE,
        periods=5,
        breaching=3,
        when=_LASTING,
        missing_because=_NO_TRAFFIC,
        tells=False,
    )
    yield Alarm(
        name="error-rate-high",
        means="Too many requests end with a 5xx status.",
        metrics={"requests": requests, "errors": metrics.service(ServiceMetric.ERRORS)},
        expression=f"IF(requests >= {FEWEST_REQUESTS}, errors / requests, 0)",
        threshold=thresholds.error_rate,
        why=f"callers bear {100 * thresholds.error_rate:g} % by trying again; 4xx are their own mistakes. {_FEW}",
        period=_MINUTE,
        periods=5,
        breaching=3,
        when=_LASTING,
        missing_because=_NO_TRAFFIC,
        tells=False,
    )
    yield Alarm(
        name="captures-dropped",
        means="Predictions are lost on their way to the lake: they will never be judged.",
        metrics={"drops": metrics.service(ServiceMetric.CAPTURE_DROPS)},
        threshold=0,
        why="none is lost while S3 answers; each one that is makes the figures of the model less sure.",
        period=5 * _MINUTE,
        periods=3,
        breaching=2,
        when="2 of 3 times 5 minutes: the service waits and tries again by itself through a short disturbance.",
        missing_because=_NO_TRAFFIC,
    )
    yield Alarm(
        name="keys-unread",
        means="The API's keys cannot be read anew: the service goes on with those it has, and a rotation goes unseen.",
        metrics={"failures": metrics.service(ServiceMetric.KEY_FAILURES)},
        threshold=0,
        why="one failed reading mends itself at the next; lasting ones have a cause, mostly a permission.",
        period=5 * _MINUTE,
        periods=3,
        breaching=3,
        when="3 of 3 times 5 minutes: the keys at hand stay valid meanwhile.",
        missing_because="Missing is good: only failures are counted.",
    )
    yield Alarm(
        name="captures-missing",
        means="The service answers, and on the same day not one prediction came to the lake.",
        metrics={
            "requests": requests,
            "captured": metrics.delivery(DeliveryMetric.CAPTURED),
        },
        expression=f"IF(requests >= {FEWEST_REQUESTS} AND captured < 1, 1, 0)",
        threshold=0,
        why=f"a day of predictions has files of them; fewer than {FEWEST_REQUESTS} requests may be health checks.",
        period=_DAY,
        periods=2,
        breaching=1,
        when="1 of 2 days: a day is counted on the next one.",
        missing_because="Missing is good: today is not counted yet, and without requests nothing is captured.",
    )


def _quality(metrics: Metrics, thresholds: ThresholdSettings) -> Iterator[Alarm]:
    yield Alarm(
        name="quality-worse",
        means="Accuracy or macro F1 is below what the version promised, its 95 % interval included.",
        metrics={"worse": metrics.model(MonitoringMetric.QUALITY_WORSE)},
        threshold=0,
        why="the job answers 1 or 0; at its margins at most 1 in 1,000 healthy weeks is called worse (ADR 5).",
        period=_HOUR,
        when=_DAILY,
        missing_because=_NO_LOOK,
        tells=False,
    )
    for name, title, metric, threshold in (
        ("accuracy-low", "Accuracy", MonitoringMetric.ACCURACY, thresholds.accuracy),
        ("macro-f1-low", "Macro F1", MonitoringMetric.MACRO_F1, thresholds.macro_f1),
    ):
        yield Alarm(
            name=name,
            means=f"{title} of the serving version on labelled baskets is below what any version must have.",
            metrics={"value": metrics.model(metric)},
            below=True,
            threshold=threshold,
            why=f"{threshold:g} is required of every version; it is published from the job's minimum of baskets on.",
            period=_HOUR,
            when=_DAILY,
            missing_because=_NO_LOOK,
            tells=False,
        )


def _drift(metrics: Metrics, monitoring: Monitoring) -> Iterator[Alarm]:
    for name, means, metric, threshold, why in (
        (
            "feature-drift",
            "A feature of the baskets that come is not as it was in training.",
            MonitoringMetric.INPUT_DRIFT,
            monitoring.input_psi,
            "PSI up to 0.13 is what healthy weeks after the turn of a year show (ADR 5).",
        ),
        (
            "class-drift",
            "The predicted classes are not as they were in training.",
            MonitoringMetric.PREDICTION_DRIFT,
            monitoring.prediction_psi,
            "PSI stays below 0.01 in healthy weeks (ADR 5).",
        ),
        (
            "unseen-products",
            "Baskets hold products that the model has never seen.",
            MonitoringMetric.UNSEEN_PRODUCTS,
            monitoring.unseen_share,
            "ten weeks after training it is 2.4 % of the lines (ADR 5).",
        ),
    ):
        yield Alarm(
            name=name,
            means=f"{means} Nothing is taken back: a model may stand it.",
            metrics={"drift": metrics.model(metric)},
            threshold=threshold,
            why=f"{threshold:g}; {why}",
            period=_HOUR,
            when=_DAILY,
            missing_because="Missing is good: below the minimum of baskets there is no answer.",
        )


def _flow(metrics: Metrics, thresholds: ThresholdSettings, machines: Mapping[str, str]) -> Iterator[Alarm]:
    ends = {"failed": "ExecutionsFailed", "stopped": "ExecutionsTimedOut"}
    counted = {
        f"{name}_{end}": machine(metric, arn=arn, stat=SUM)
        for name, arn in machines.items()
        for end, metric in ends.items()
    }
    yield Alarm(
        name="runs-failed",
        means=f"A run of {', '.join(machines)} failed or ran into its time limit. What serves goes on serving.",
        metrics=counted,
        expression=" + ".join(f"FILL({each}, 0)" for each in counted),
        threshold=0,
        why="a run tries again by itself; one that has failed will not mend itself.",
        period=5 * _MINUTE,
        when="1 of 1 times 5 minutes: each failure counts.",
        missing_because="Missing is good: without runs there are no failures.",
    )
    yield Alarm(
        name="data-stale",
        means="No new week has been refined for too long: the model learns nothing new, and labels do not come.",
        metrics={"age": metrics.delivery(DeliveryMetric.DATA_AGE)},
        threshold=thresholds.data_age_days,
        why=f"files come weekly; {thresholds.data_age_days} days without one are no delay any more.",
        period=_DAY,
        periods=2,
        breaching=2,
        when="2 of 2 days: a file that comes in a day needs nobody.",
        missing="missing",
        missing_because="Told as insufficient data after two days: then the daily look itself has stopped.",
        tells_of_silence=True,
    )
