"""The record of a test, its thresholds and warnings."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from ml.errors import SettingsError
from ml.loadtest.results import Thresholds, passed, read_result
from tests.unit.loadtest.loads import a_record


@pytest.mark.parametrize(
    ("limits", "met"),
    [
        ({}, True),
        ({"p95_ms": 25.0}, True),
        ({"p95_ms": 15.0}, False),
        ({"p99_ms": 25.0, "error_rate": 0.2}, True),
        ({"error_rate": 0.19}, False),
    ],
)
def test_thresholds_are_met_or_missed(limits: dict[str, float], met: bool) -> None:
    record = a_record(errors=["HTTP 503"], thresholds=Thresholds(**limits))
    assert record["error_rate"] == 0.2
    assert passed(record) is met
    assert [each["name"] for each in record["thresholds"]] == list(limits)


def test_a_latency_that_nobody_measured_misses_its_threshold() -> None:
    record = a_record(latencies=[], errors=["connection refused"], thresholds=Thresholds(p95_ms=1000))
    assert record["latency_ms"] is None
    assert not passed(record)


@pytest.mark.parametrize("limits", [{"p95_ms": -1}, {"p99_ms": float("nan")}, {"error_rate": 1.5}])
def test_a_threshold_out_of_range_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="--"):
        Thresholds(**limits)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"lag": 0.015}, ["generator was late itself"]),
        ({"lag": 0.015, "latencies": [3.0]}, []),  # 15 ms do not matter in 3 seconds
        ({"cpu_seconds": 9.5}, ["used 94% of a core"]),
        ({"queued": 0.5}, ["stood in line"]),
    ],
)
def test_a_generator_that_is_slow_itself_says_so(changes: dict[str, Any], words: list[str]) -> None:
    found = a_record(**changes)["warnings"]
    assert len(found) == len(words)
    for warning, word in itertools.zip_longest(found, words):
        assert word in warning


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    for name, content in (("broken.json", "{"), ("other.json", "{}"), ("list.json", "[]")):
        (tmp_path / name).write_text(content)
        with pytest.raises(SettingsError, match=name):
            read_result(tmp_path / name)
    (tmp_path / "old.json").write_text('{"schema": 0, "histogram_ms": []}')
    with pytest.raises(SettingsError, match="schema 0"):
        read_result(tmp_path / "old.json")
    with pytest.raises(SettingsError, match="mlops loadtest --json"):
        read_result(tmp_path / "nosuch.json")
