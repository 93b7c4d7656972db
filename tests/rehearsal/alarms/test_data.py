"""Metrics read back by AWS's API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.world import World

# The beginning of an hour that is over.
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
DEV = [{"Name": "Environment", "Value": "dev"}]


@pytest.fixture(scope="module")
def published(world: World) -> Any:
    """Requests and errors of three minutes, in the second of which nobody asked; and another environment's."""
    cloudwatch = world.client("cloudwatch")
    for minute, requests, errors in ((0, 10, 1), (2, 20, 5)):
        at = HOUR + timedelta(minutes=minute, seconds=30)
        data = [
            {"MetricName": "Requests", "Dimensions": DEV, "Timestamp": at, "Value": requests},
            {"MetricName": "Errors", "Dimensions": DEV, "Timestamp": at, "Value": errors},
            {"MetricName": "Requests", "Timestamp": at, "Value": 1000},
        ]
        cloudwatch.put_metric_data(Namespace="Read", MetricData=data)
    return cloudwatch


def stat(name: str, period: int = 60, **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "Read", "MetricName": name, "Dimensions": DEV}
    return {"MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}, **more}


def read(cloudwatch: Any, *queries: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloudwatch.get_metric_data(
        MetricDataQueries=list(queries),
        StartTime=HOUR,
        EndTime=HOUR + timedelta(minutes=3),
        **{"ScanBy": "TimestampAscending", **options},
    )["MetricDataResults"]
    return found


def test_an_expression_is_worked_out_on_each_period_of_its_metrics(published: Any) -> None:
    rate, filled, speed = read(
        published,
        {"Id": "requests", **stat("Requests", ReturnData=False)},
        {"Id": "errors", **stat("Errors", ReturnData=False)},
        {"Id": "rate", "Expression": "errors / requests", "Label": "error rate"},
        {"Id": "filled", "Expression": "FILL(requests, 0)"},
        {"Id": "speed", "Expression": "filled / PERIOD(requests)"},
    )

    assert (rate["Label"], rate["Values"]) == ("error rate", [0.1, 0.25])
    assert rate["Timestamps"] == [HOUR, HOUR + timedelta(minutes=2)]
    assert filled["Values"] == [10, 0, 20]
    assert speed["Values"] == pytest.approx([10 / 60, 0, 20 / 60])


def test_the_latest_comes_first_unless_asked_otherwise(published: Any) -> None:
    (found,) = read(published, {"Id": "m", **stat("Requests")}, ScanBy="TimestampDescending")

    assert found["Values"] == [20, 10]


def test_small_periods_tell_when_within_the_minute(published: Any) -> None:
    (found,) = read(published, {"Id": "m", **stat("Requests", period=5)})

    assert found["Timestamps"] == [HOUR + timedelta(seconds=30), HOUR + timedelta(minutes=2, seconds=30)]


def test_a_metric_without_dimensions_is_another_one(published: Any) -> None:
    query = {"Id": "m", **stat("Requests")}
    del query["MetricStat"]["Metric"]["Dimensions"]

    (found,) = read(published, query)
    statistics = published.get_metric_statistics(
        Namespace="Read",
        MetricName="Requests",
        StartTime=HOUR,
        EndTime=HOUR + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum", "Maximum"],
        ExtendedStatistics=["p50"],
    )["Datapoints"]

    assert found["Values"] == [1000, 1000]
    (point,) = statistics
    assert (point["Sum"], point["Maximum"], point["ExtendedStatistics"]) == (2000, 1000, {"p50": 1000})
    assert point["Timestamp"] == HOUR


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"Expression": "SEARCH('a', 'Sum')"}, "cannot be read"),
        ({"Expression": "SLOPE(m)"}, "the function SLOPE is not known here"),
        ({"Expression": "n + 1"}, "one period for all metrics"),
        (stat("Requests", period=7), "Period 7: must be"),
    ],
)
def test_what_is_not_emulated_is_refused(published: Any, query: dict[str, Any], says: str) -> None:
    with pytest.raises(ClientError, match=says):
        read(published, {"Id": "m", **stat("Requests")}, {"Id": "e", **query})
