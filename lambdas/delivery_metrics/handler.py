"""How releases go and how fresh the data is: figures of the last days, computed anew from the records each time.

Events come twice and get lost; a figure that is counted from the records is right whenever it is published.
"""

from datetime import UTC, datetime, time, timedelta

from pydantic import AwareDatetime

from config.kpi import delivery_figures
from config.names import CAPTURED, DELIVERY_DAYS, DELIVERY_METRICS, DeliveryMetric
from lambdas.common.calls import REFINED
from lambdas.common.events import Frozen
from lambdas.common.monitoring import JsonLake, MonitoringTools, monitoring_tools
from lambdas.common.runtime import handler_of


class Measure(Frozen):
    """When it was asked for: the figures are as of then."""

    at: AwareDatetime


class Measured(Frozen):
    """The figures that were published; None where there is nothing to tell."""

    deployments: int
    failed: int
    lead_time_hours: float | None
    data_age_days: float | None
    captured_yesterday: bool


def delivery_metrics(event: Measure, tools: MonitoringTools) -> Measured:
    """Publish the figures."""
    figures = delivery_figures(
        JsonLake(tools.objects), use_case=tools.settings.use_case, now=event.at, days=DELIVERY_DAYS
    )
    yesterday = event.at.astimezone(UTC).date() - timedelta(days=1)
    found = Measured(
        deployments=figures.deployments,
        failed=figures.failed,
        lead_time_hours=figures.mean_lead_time_hours,
        data_age_days=_data_age(event.at, tools),
        captured_yesterday=bool(_listed(f"{CAPTURED}/{yesterday:%Y/%m/%d}/", tools)),
    )
    # Under the day that it is about, where the day's requests are.
    noon = datetime.combine(yesterday, time(12), tzinfo=UTC)
    data = [
        tools.datum(DeliveryMetric.CAPTURED, float(found.captured_yesterday), unit="Count", at=noon),
        *(
            tools.datum(name, value, unit=unit, at=event.at)
            for name, value, unit in (
                (DeliveryMetric.DEPLOYMENTS, found.deployments, "Count"),
                (DeliveryMetric.FAILED_DEPLOYMENTS, found.failed, "Count"),
                # CloudWatch knows no hours and no days; the dashboard says them.
                (DeliveryMetric.LEAD_TIME, found.lead_time_hours, "None"),
                (DeliveryMetric.DATA_AGE, found.data_age_days, "None"),
            )
            if value is not None
        ),
    ]
    tools.publish(DELIVERY_METRICS, data)
    return found


def _data_age(at: datetime, tools: MonitoringTools) -> float | None:
    """Return the days since a week was refined last; the list of refined files is written anew by each."""
    listed = [each["LastModified"] for each in _listed(REFINED, tools)]
    return (at - listed[0]) / timedelta(days=1) if listed else None


def _listed(prefix: str, tools: MonitoringTools) -> list[dict[str, datetime]]:
    """Return the first object below ``prefix``, if there is one."""
    found = tools.clients.of("s3").list_objects_v2(Bucket=tools.settings.bucket, Prefix=prefix, MaxKeys=1)
    listed: list[dict[str, datetime]] = found.get("Contents", [])
    return listed


handler = handler_of("delivery-metrics", Measure, delivery_metrics, monitoring_tools)
