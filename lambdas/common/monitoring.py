"""What the functions that watch work with, connected once per process."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from botocore.session import get_session

from config.names import ARTIFACTS, ENVIRONMENT_DIMENSION, MONITORING
from lambdas.common.objects import Objects
from lambdas.common.runtime import Clients
from lambdas.common.settings import Name, Settings
from lambdas.common.tools import LakeTools

LOOKS: Final = f"{ARTIFACTS}/{MONITORING}"
# CloudWatch takes 1,000 of them and 1 MB at a time.
_MOST_TOGETHER: Final = 500


class MonitoringSettings(Settings):
    """What these functions know besides: the environment's name, which is a dimension of every metric."""

    environment: Name


class MonitoringTools(LakeTools[MonitoringSettings]):
    """Besides what every function has: CloudWatch."""

    def datum(
        self, name: str, value: float, *, unit: str, at: datetime, dimensions: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return a figure of this environment as CloudWatch takes it."""
        named = {ENVIRONMENT_DIMENSION: self.settings.environment, **(dimensions or {})}
        return {
            "MetricName": str(name),
            "Dimensions": [{"Name": key, "Value": each} for key, each in named.items()],
            "Timestamp": at,
            "Value": value,
            "Unit": unit,
        }

    def publish(self, namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
        """Publish figures; alarms and widgets take their mean or maximum, which a second time does not change."""
        for start in range(0, len(data), _MOST_TOGETHER):
            some = data[start : start + _MOST_TOGETHER]
            self.clients.of("cloudwatch").put_metric_data(Namespace=namespace, MetricData=some)


class JsonLake:
    """The lake's JSON objects, as ``config.kpi`` reads them."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the object at ``key``; None where there is none."""
        found = self._objects.read(key)
        return None if found is None else found.json()

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``."""
        return self._objects.keys(prefix)


@cache
def monitoring_tools() -> MonitoringTools:
    """Return the tools by the process's own environment."""
    return MonitoringTools(MonitoringSettings.of(os.environ), Clients(get_session()))
