"""Metrics in log events: what becomes one, and what stays a log event only."""

import json
from typing import Any

import pytest

from rehearsal.emulator.emf import Datum, FormatError, metrics

NOW = 1_800_000_000.0
AT = round(NOW * 1000)


def event(*, metadata: dict[str, Any] | None = None, directive: dict[str, Any] | None = None, **values: Any) -> str:
    asked = {
        "Namespace": "Shop",
        "Dimensions": [["Environment"]],
        "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}],
        **(directive or {}),
    }
    return json.dumps(
        {
            "_aws": {"Timestamp": AT, "CloudWatchMetrics": [asked], **(metadata or {})},
            "Environment": "dev",
            **values,
        }
    )


def datum(*values: float, name: str = "Latency", unit: str = "Milliseconds", **dimensions: str) -> Datum:
    return Datum(
        namespace="Shop", name=name, dimensions=dimensions or {"Environment": "dev"}, values=values, unit=unit, at=NOW
    )


def test_a_number_and_a_list_of_numbers_become_values() -> None:
    assert metrics(event(Latency=3), now=NOW) == (datum(3.0),)
    assert metrics(event(Latency=[3, 4.5]), now=NOW) == (datum(3.0, 4.5),)


def test_each_dimension_set_is_a_metric_of_its_own_and_an_empty_one_has_none() -> None:
    found = metrics(
        event(directive={"Dimensions": [["Environment"], ["Environment", "Zone"], []]}, Latency=1, Zone="a"), now=NOW
    )

    assert [dict(each.dimensions) for each in found] == [
        {"Environment": "dev"},
        {"Environment": "dev", "Zone": "a"},
        {},
    ]


def test_a_unit_is_none_unless_said_and_high_resolution_is_taken() -> None:
    text = event(directive={"Metrics": [{"Name": "Requests", "StorageResolution": 1}]}, Requests=1)

    assert metrics(text, now=NOW) == (datum(1.0, name="Requests", unit="None"),)


def test_what_the_event_lacks_is_no_metric() -> None:
    assert metrics(event(), now=NOW) == ()
    assert metrics(event(Latency="fast"), now=NOW) == ()
    assert metrics(event(directive={"Dimensions": [["Nowhere"]]}, Latency=1), now=NOW) == ()


@pytest.mark.parametrize("message", ["text", "{not json", "[1]", '{"_aws": 1}', '{"a": "_aws"}', '{"_aws": {}}'])
def test_other_events_are_only_logs(message: str) -> None:
    assert metrics(message, now=NOW) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (event(metadata={"Timestamp": "now"}, Latency=1), "Timestamp is no number"),
        (event(metadata={"Timestamp": AT - 15 * 86_400_000}, Latency=1), "too long ago"),
        (event(metadata={"Timestamp": AT + 3 * 3_600_000}, Latency=1), "too far ahead"),
        (event(metadata={"CloudWatchMetrics": {}}, Latency=1), "CloudWatchMetrics is no list"),
        (event(directive={"Namespace": ""}, Latency=1), "Namespace is missing"),
        (event(directive={"Dimensions": ["Environment"]}, Latency=1), "no list of names"),
        (event(directive={"Dimensions": [[str(n) for n in range(31)]]}, Latency=1), "more than 30 dimensions"),
        (event(directive={"Metrics": [{"Unit": "Count"}]}, Latency=1), "no Name"),
        (event(directive={"Metrics": [{"Name": "Latency", "StorageResolution": 5}]}, Latency=1), "StorageResolution"),
        (event(Latency=[1, "a"]), "no list of at most 100 numbers"),
        (event(Latency=[1] * 101), "no list of at most 100 numbers"),
    ],
)
def test_what_does_not_keep_to_the_format_is_refused(text: str, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        metrics(text, now=NOW)
