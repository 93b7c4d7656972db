"""After a look at the models: its figures as CloudWatch metrics.

Each version has its own. Those of the version that is to serve are published without a version, too: alarms look at
these, and need no change at a release. That version is the ledger's, not the one that predicted last: figures of a
version that was taken back a moment ago must not take back the one that came in its place.
"""

from typing import Annotated

from pydantic import AwareDatetime, Field

from config.monitoring import MONITORING, Monitoring
from config.names import MODEL_METRICS, MODEL_VERSION_DIMENSION
from lambdas.common.events import Frozen
from lambdas.common.monitoring import LOOKS, MonitoringTools, monitoring_tools
from lambdas.common.runtime import handler_of


class Publish(Frozen):
    """The day of the look, whose folder holds its figures, and when the look began: their time."""

    at: AwareDatetime
    day: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Published(Frozen):
    """How many figures went out, and the version that the alarms look at; None: of it nothing is known."""

    metrics: int
    version: str | None
    reason: str


def publish_metrics(event: Publish, tools: MonitoringTools) -> Published:
    """Publish the figures.

    Raises:
        FlowError: the look left none.

    """
    found = Monitoring.model_validate(tools.objects.get(f"{LOOKS}/{event.day}/{MONITORING}"))
    # Before the first release by the ledger, the version that predicts is the one that serves.
    current = next((each.version for each in found.versions if each.current), None)
    serves = tools.ledgers.read().wanted or current
    data = []
    for each in found.metrics:
        data.append(tools.datum(each.name, each.value, unit=each.unit, at=event.at, dimensions=each.dimensions))
        if each.dimensions == {MODEL_VERSION_DIMENSION: serves}:
            data.append(tools.datum(each.name, each.value, unit=each.unit, at=event.at))
    tools.publish(MODEL_METRICS, data)
    if serves in {each.version for each in found.versions}:
        return Published(metrics=len(data), version=serves, reason=f"the alarms look at {serves}")
    return Published(metrics=len(data), version=None, reason=f"of {serves} no prediction was captured yet")


handler = handler_of("publish-metrics", Publish, publish_metrics, monitoring_tools)
