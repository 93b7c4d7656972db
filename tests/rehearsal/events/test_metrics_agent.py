"""The cluster's agent: lines over TCP become log events, those become metrics, and both can be read back."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from rehearsal.cluster.metrics_agent import MetricsAgent
from rehearsal.world import World

GROUP = "/service/metrics"
# One for all: they fall into one period.
AT = round(time.time() * 1000)


def line(**values: Any) -> str:
    metadata = {
        "Timestamp": AT,
        "LogGroupName": GROUP,
        "CloudWatchMetrics": [
            {"Namespace": "Shop", "Dimensions": [["Environment"]], "Metrics": [{"Name": name} for name in values]}
        ],
    }
    return json.dumps({"_aws": metadata, "Environment": "dev", **values})


async def _send(agent: MetricsAgent, *lines: str) -> None:
    port = await agent.start("127.0.0.1")
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.writelines(f"{each}\n".encode() for each in lines)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    while agent.received < len(lines):
        await asyncio.sleep(0.01)
    await agent.stop()


def test_lines_become_metrics_with_percentiles(world: World) -> None:
    agent = MetricsAgent(world.client("logs"), stream="pod-1")

    asyncio.run(_send(agent, line(Latency=[*range(1, 101)]), line(Latency=[*range(101, 201)]), line(Requests=7)))

    logs, cloudwatch = world.client("logs"), world.client("cloudwatch")
    kept = logs.get_log_events(logGroupName=GROUP, logStreamName="pod-1")["events"]
    assert len(kept) == 3
    now = datetime.now(UTC)
    metric = {"Namespace": "Shop", "MetricName": "Latency", "Dimensions": [{"Name": "Environment", "Value": "dev"}]}
    queries = [
        {"Id": f"s{at}", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": stat}}
        for at, stat in enumerate(("p95", "p50", "Sum", "SampleCount"))
    ]
    found = cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(hours=2), EndTime=now + timedelta(hours=1)
    )
    values = [sum(each["Values"]) for each in found["MetricDataResults"]]
    assert values == pytest.approx([190.05, 100.5, 20_100.0, 200.0])
    listed = {each["MetricName"] for each in cloudwatch.list_metrics(Namespace="Shop")["Metrics"]}
    assert listed == {"Latency", "Requests"}


def test_a_line_that_names_no_group_is_dropped_and_the_former_members_are_understood(world: World) -> None:
    agent = MetricsAgent(world.client("logs"), stream="own")
    former = json.dumps({"log_group_name": "/former", "log_stream_name": "its-own", "a": 1})

    asyncio.run(_send(agent, "no json", json.dumps({"_aws": {}}), "[1]", former))

    assert agent.dropped == 3
    kept = world.client("logs").get_log_events(logGroupName="/former", logStreamName="its-own")["events"]
    assert [each["message"] for each in kept] == [former]


def test_lines_wait_while_the_logs_cannot_be_reached() -> None:
    class Logs:
        """Fails at first."""

        class exceptions:  # noqa: N801  botocore's own name
            ResourceNotFoundException = ResourceAlreadyExistsException = KeyError

        def __init__(self) -> None:
            self.calls = 0
            self.put: list[str] = []

        def put_log_events(self, *, logEvents: list[dict[str, Any]], **_: Any) -> None:
            self.calls += 1
            if self.calls == 1:
                raise EndpointConnectionError(endpoint_url="https://logs")
            self.put += [each["message"] for each in logEvents]

    logs = Logs()
    agent = MetricsAgent(logs, stream="own", pause_seconds=0.01)

    async def play() -> None:
        port = await agent.start("127.0.0.1")
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{line(Requests=1)}\n".encode())
        await writer.drain()
        while logs.calls < 2:
            await asyncio.sleep(0.01)
        writer.close()
        await agent.stop()

    asyncio.run(asyncio.wait_for(play(), 10))

    assert len(logs.put) == 1
