"""The dashboard: how the service, the model, the data and the deliveries do, on one page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from config.names import DELIVERY_DAYS, DeliveryMetric, MonitoringMetric, ServiceMetric
from config.settings import ThresholdSettings
from ml.use_case import Monitoring
from stacks.watch.metrics import MAXIMUM, SUM, Metric, Metrics, bucket, machine

_WIDTH: Final = 8
_HEIGHT: Final = 6
_COLUMNS: Final = 24 // _WIDTH
_MINUTE: Final = 60
_DAY: Final = 86_400
Widget = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A line of a graph: a metric, or an expression over the others by their names; hidden ones are for those."""

    label: str
    metric: Metric | None = None
    expression: str = ""
    name: str = ""
    hidden: bool = False
    right: bool = False

    def row(self) -> list[Any]:
        """Return it as a dashboard's body has it."""
        options: dict[str, Any] = {"label": self.label}
        if self.name:
            options["id"] = self.name
        if self.hidden:
            options["visible"] = False
        if self.right:
            options["yAxis"] = "right"
        if self.metric is None:
            return [{"expression": self.expression, **options}]
        dimensions = [part for pair in self.metric.dimensions.items() for part in pair]
        return [self.metric.namespace, self.metric.name, *dimensions, {"stat": self.metric.stat, **options}]


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are: ARNs and names, some of them tokens."""

    region: str
    alarm_arns: Sequence[str]
    machines: Mapping[str, str]
    training: str
    lake: str
    metrics_filter: str


def dashboard(metrics: Metrics, thresholds: ThresholdSettings, monitoring: Monitoring, places: Places) -> Widget:
    """Return the dashboard's body."""
    alarms = {"type": "alarm", "properties": {"title": "Alarms", "alarms": list(places.alarm_arns)}}
    graphs = [
        *_service(metrics, thresholds),
        *_models(metrics, thresholds, monitoring),
        *_flow(metrics, thresholds, places),
    ]
    for each in graphs:
        each["properties"] |= {"region": places.region, "view": "timeSeries", "stacked": False}
    placed = [{**alarms, "x": 0, "y": 0, "width": 24, "height": 3}]
    for number, each in enumerate(graphs):
        row, column = divmod(number, _COLUMNS)
        placed.append({**each, "x": column * _WIDTH, "y": 3 + row * _HEIGHT, "width": _WIDTH, "height": _HEIGHT})
    return {"start": "-P14D", "widgets": placed}


def _service(metrics: Metrics, thresholds: ThresholdSettings) -> list[Widget]:
    requests = metrics.service(ServiceMetric.REQUESTS)
    return [
        _graph(
            "API: latency",
            [
                Shown(label="p50", metric=metrics.service(ServiceMetric.LATENCY, "p50")),
                Shown(label="p95", metric=metrics.service(ServiceMetric.LATENCY, "p95")),
            ],
            period=_MINUTE,
            limits={"promised": thresholds.latency_p95_ms},
            unit="ms",
        ),
        _graph(
            "API: share of requests that fail",
            [
                Shown(label="requests", metric=requests, name="requests", hidden=True),
                Shown(label="errors", metric=metrics.service(ServiceMetric.ERRORS), name="errors", hidden=True),
                Shown(label="error rate", expression="errors / requests"),
            ],
            period=_MINUTE,
            limits={"borne": thresholds.error_rate},
        ),
        _graph(
            "API: requests, and predictions that were not captured",
            [
                Shown(label="requests", metric=requests),
                Shown(label="not captured", metric=metrics.service(ServiceMetric.CAPTURE_DROPS), right=True),
            ],
            period=_MINUTE,
            unit="per minute",
        ),
    ]


def _models(metrics: Metrics, thresholds: ThresholdSettings, monitoring: Monitoring) -> list[Widget]:
    model = metrics.model
    return [
        _graph(
            "Model: accuracy and macro F1 on labels that came later",
            [
                Shown(label="accuracy", metric=model(MonitoringMetric.ACCURACY)),
                Shown(label="macro F1", metric=model(MonitoringMetric.MACRO_F1)),
            ],
            period=_DAY,
            limits={"accuracy required": thresholds.accuracy, "macro F1 required": thresholds.macro_f1},
        ),
        _graph(
            "Model: drift (PSI), and products it has not seen",
            [
                Shown(label="features", metric=model(MonitoringMetric.INPUT_DRIFT)),
                Shown(label="predicted classes", metric=model(MonitoringMetric.PREDICTION_DRIFT)),
                Shown(label="lines of unseen products", metric=model(MonitoringMetric.UNSEEN_PRODUCTS), right=True),
            ],
            period=_DAY,
            limits={"features": monitoring.input_psi, "predicted classes": monitoring.prediction_psi},
        ),
        _graph(
            "Model: baskets judged, and how many predictions have labels",
            [
                Shown(label="labelled baskets", metric=model(MonitoringMetric.LABELLED_BASKETS)),
                Shown(label="share with labels", metric=model(MonitoringMetric.LABEL_COVERAGE), right=True),
            ],
            period=_DAY,
        ),
    ]


def _flow(metrics: Metrics, thresholds: ThresholdSettings, places: Places) -> list[Widget]:
    def moved(name: str, key: str) -> Shown:
        found = bucket(name, bucket_name=places.lake, metrics_filter=places.metrics_filter)
        return Shown(label=name, metric=found, name=key, hidden=True)

    took = machine("ExecutionTime", arn=places.training, stat=MAXIMUM)
    failures = [
        Shown(label=f"{name} failed", metric=machine("ExecutionsFailed", arn=arn, stat=SUM), right=True)
        for name, arn in places.machines.items()
    ]
    delivery = metrics.delivery
    return [
        _graph(
            "Flow: how long a training takes, and runs that failed",
            [
                Shown(label="milliseconds", metric=took, name="took", hidden=True),
                Shown(label="minutes", expression="took / 60000"),
                *failures,
            ],
            period=3600,
        ),
        _graph(
            "S3: throughput of the weekly files",
            [
                moved("BytesUploaded", "up"),
                moved("BytesDownloaded", "down"),
                Shown(label="in, MB/s", expression="up / PERIOD(up) / 1000000"),
                Shown(label="out, MB/s", expression="down / PERIOD(down) / 1000000"),
            ],
            period=5 * _MINUTE,
        ),
        _graph(
            f"Delivery: deployments of {DELIVERY_DAYS} days, and lead time in hours",
            [
                Shown(label="deployments", metric=delivery(DeliveryMetric.DEPLOYMENTS)),
                Shown(label="of these failed", metric=delivery(DeliveryMetric.FAILED_DEPLOYMENTS)),
                Shown(label="lead time", metric=delivery(DeliveryMetric.LEAD_TIME), right=True),
            ],
            period=_DAY,
        ),
        _graph(
            "Data: days since a week was refined",
            [Shown(label="days", metric=delivery(DeliveryMetric.DATA_AGE))],
            period=_DAY,
            limits={"too old": thresholds.data_age_days},
        ),
    ]


def _graph(
    title: str, shown: Sequence[Shown], *, period: int, limits: Mapping[str, float] | None = None, unit: str = ""
) -> Widget:
    properties: dict[str, Any] = {
        "title": title,
        "period": period,
        "metrics": [each.row() for each in shown],
        "yAxis": {"left": {"min": 0, **({"label": unit, "showUnits": False} if unit else {})}, "right": {"min": 0}},
    }
    if limits:
        properties["annotations"] = {
            "horizontal": [{"label": label, "value": value} for label, value in limits.items()]
        }
    return {"type": "metric", "properties": properties}
