"""A test as a plain record: what goes into the JSON file, and all that the pages and the table are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.errors import SettingsError
from ml.files import read_json
from ml.loadtest.histogram import PRECISION, Histogram
from ml.loadtest.recorder import Interval, Recorder
from ml.loadtest.schedule import Load

SCHEMA = 1
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}

# The generator is late if 1 % of its requests are this late and the lateness is a good part of what was measured.
_LATE_MS, _LATE_SHARE = 2.0, 0.25
_BUSY, _QUEUED_MS = 0.8, 2.0


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What must hold for the test to pass: latencies in milliseconds, errors as a share of all requests."""

    p95_ms: float | None = None
    p99_ms: float | None = None
    error_rate: float | None = None

    def __post_init__(self) -> None:
        for option, value, most in (
            ("--p95-ms", self.p95_ms, 3.6e6),
            ("--p99-ms", self.p99_ms, 3.6e6),
            ("--error-rate", self.error_rate, 1.0),
        ):
            if value is not None and not 0 <= value <= most:
                raise SettingsError(f"{option}: {value:g} is not from 0 to {most:,.0f}")


def result_of(
    recorder: Recorder,
    *,
    load: Load,
    span: float,
    elapsed: float,
    cpu_seconds: float,
    interrupted: bool,
    described: Mapping[str, Any],
    thresholds: Thresholds,
) -> dict[str, Any]:
    """Return the record of a test.

    Args:
        recorder: the books, closed: ``due == succeeded + failed``.
        load: what was asked.
        span: seconds over which requests fell due.
        elapsed: seconds until the last one ended.
        cpu_seconds: the generator's own processor time.
        interrupted: the test was ended early.
        described: ``name``, ``url``, ``started`` and further ``settings``.
        thresholds: what must hold.

    """
    latency = _milliseconds(recorder.latency)
    error_rate = recorder.failed / recorder.due if recorder.due else 0.0
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "name": described["name"],
        "url": described["url"],
        "started": described["started"],
        "settings": {
            "rate": load.rate,
            "duration": load.duration,
            "connections": load.connections,
            "timeout": load.timeout,
            "arrivals": str(load.arrivals),
            "seed": load.seed,
            **described["settings"],
        },
        "interrupted": interrupted,
        "seconds": {"due": span, "elapsed": elapsed},
        "requests": {
            "due": recorder.due,
            "sent": recorder.sent,
            "succeeded": recorder.succeeded,
            "failed": recorder.failed,
        },
        "errors": dict(recorder.errors.most_common()),
        "error_rate": error_rate,
        "rate": {
            "due": recorder.due / span,
            "sent": recorder.sent / max(span, recorder.last_sent),
            "answered": recorder.succeeded / max(span, recorder.last_end),
        },
        "latency_ms": latency,
        "queued_ms": _milliseconds(recorder.queued),
        "generator": {"lag_ms": _milliseconds(recorder.lag), "cpu_share": cpu_seconds / max(elapsed, 1e-9)},
        "precision": PRECISION,
        "histogram_ms": [[round(1000 * seconds, 6), count] for seconds, count in recorder.latency.pairs()],
        "interval_seconds": recorder.interval_seconds,
        "timeline": [
            _moment(number * recorder.interval_seconds, each) for number, each in sorted(recorder.intervals.items())
        ],
    }
    result["warnings"] = _warnings(result)
    result["thresholds"] = _judged(thresholds, latency=latency, error_rate=error_rate)
    return result


def passed(result: Mapping[str, Any]) -> bool:
    """Return whether every threshold was met."""
    return all(each["met"] for each in result["thresholds"])


def read_result(path: Path) -> dict[str, Any]:
    """Return what `mlops loadtest --json` wrote.

    Raises:
        SettingsError: the file cannot be read or is something else.

    """
    try:
        found = read_json(path)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; write it with `mlops loadtest --json {path}`") from error
    except ValueError as error:
        raise SettingsError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, dict) or "histogram_ms" not in found:
        raise SettingsError(f"{path}: not the result of a load test; write one with `mlops loadtest --json FILE`")
    if found["schema"] != SCHEMA:
        raise SettingsError(f"{path}: has schema {found['schema']}, this version reads {SCHEMA}; run the test again")
    return found


def _milliseconds(times: Histogram) -> dict[str, float] | None:
    if not times.count:
        return None
    found = dict(zip(PERCENTILES, times.percentiles(list(PERCENTILES.values())), strict=True))
    found |= {"min": times.shortest, "mean": times.mean, "max": times.longest}
    return {name: round(1000 * seconds, 4) for name, seconds in found.items()}


def _moment(second: int, interval: Interval) -> dict[str, Any]:
    times = _milliseconds(interval.latency)
    kept = {f"{name}_ms": times[name] for name in ("p50", "p95", "p99", "max")} if times else {}
    return {
        "second": second,
        "due": interval.due,
        "succeeded": interval.succeeded,
        "failed": interval.failed,
        **(kept or dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "max_ms"))),
    }


def _warnings(result: Mapping[str, Any]) -> list[str]:
    """Say what speaks against blaming the server for these figures."""
    found = []
    lag, cpu = result["generator"]["lag_ms"], result["generator"]["cpu_share"]
    latency, queued = result["latency_ms"], result["queued_ms"]
    if lag and lag["p99"] > _LATE_MS and (latency is None or lag["p99"] > _LATE_SHARE * latency["p99"]):
        found.append(
            f"The generator was late itself: 1 % of the requests were taken up {lag['p99']:.1f} ms or more after they"
            " were due, and that time is in their latency. Use a machine with an idle core, or a lower --rate."
        )
    if cpu > _BUSY:
        found.append(
            f"The generator used {cpu:.0%} of a core: it is near its limit, and its answers are read late."
            " Use a lower --rate, or several machines."
        )
    if queued and lag and queued["p99"] > max(_QUEUED_MS, 2 * lag["p99"]):
        found.append(
            f"Requests stood in line for one of the {result['settings']['connections']} connections: 1 % of them for"
            f" {queued['p99']:.1f} ms or more. All were busy or lost, so the line formed here instead of at the"
            " server; its time counts as latency. With more --connections the server meets the whole load."
        )
    if result["interrupted"]:
        found.append(f"The test was ended early, after {result['seconds']['due']:.1f} s of sending.")
    return found


def _judged(thresholds: Thresholds, *, latency: Mapping[str, float] | None, error_rate: float) -> list[dict[str, Any]]:
    """Return each threshold with its value; a latency that nobody measured is a missed one."""
    measured = {
        "p95_ms": latency["p95"] if latency else None,
        "p99_ms": latency["p99"] if latency else None,
        "error_rate": error_rate,
    }
    found = []
    for name, value in measured.items():
        limit = getattr(thresholds, name)
        if limit is not None:
            found.append({"name": name, "limit": limit, "value": value, "met": value is not None and value <= limit})
    return found
