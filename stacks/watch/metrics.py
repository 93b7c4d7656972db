"""Metrics by what publishes them, as alarms and the dashboard read them."""

from dataclasses import dataclass, field
from typing import Final

from config.names import (
    DELIVERY_METRICS,
    ENVIRONMENT_DIMENSION,
    MODEL_METRICS,
    SERVICE_METRICS,
    DeliveryMetric,
    MonitoringMetric,
    ServiceMetric,
)

AVERAGE: Final = "Average"
MAXIMUM: Final = "Maximum"
SUM: Final = "Sum"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric with the statistic that is taken of it."""

    namespace: str
    name: str
    stat: str
    dimensions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Metrics:
    """The metrics of one environment; ARNs and bucket names may be tokens."""

    environment: str

    def service(self, name: ServiceMetric, stat: str = SUM) -> Metric:
        """Return what the service counts."""
        return self._own(SERVICE_METRICS, name, stat)

    def model(self, name: MonitoringMetric) -> Metric:
        """Return what a look at the serving version found. Twice published is the same: the largest of them."""
        return self._own(MODEL_METRICS, name, MAXIMUM)

    def delivery(self, name: DeliveryMetric) -> Metric:
        """Return a delivery figure."""
        return self._own(DELIVERY_METRICS, name, MAXIMUM)

    def _own(self, namespace: str, name: str, stat: str) -> Metric:
        return Metric(
            namespace=namespace, name=str(name), stat=stat, dimensions={ENVIRONMENT_DIMENSION: self.environment}
        )


def machine(name: str, *, arn: str, stat: str) -> Metric:
    """Return what Step Functions publishes of a state machine."""
    return Metric(namespace="AWS/States", name=name, stat=stat, dimensions={"StateMachineArn": arn})


def bucket(name: str, *, bucket_name: str, metrics_filter: str) -> Metric:
    """Return what S3 publishes of a bucket's requests, of those that a filter takes."""
    dimensions = {"BucketName": bucket_name, "FilterId": metrics_filter}
    return Metric(namespace="AWS/S3", name=name, stat=SUM, dimensions=dimensions)
