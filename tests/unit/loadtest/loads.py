"""Short tests against the tiny server, and records for pages."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from ml.loadtest.clock import precise_loop
from ml.loadtest.connection import Address
from ml.loadtest.recorder import Recorder
from ml.loadtest.results import Thresholds, result_of
from ml.loadtest.schedule import Load
from ml.loadtest.sender import Sender
from tests.unit.loadtest.tiny_server import Answer, Seen, at_once, tiny_server

REQUEST = b"POST / HTTP/1.1\r\nhost: tiny\r\ncontent-length: 2\r\n\r\n{}"
DESCRIBED = {
    "name": "laptop",
    "url": "http://localhost:8080/predict",
    "started": "2026-01-05T12:00:00+00:00",
    "settings": {"method": "POST", "body": "sample baskets, seed 7", "headers": ["content-type"], "verified": True},
}


def a_load(**changes: Any) -> Load:
    return Load(**{"rate": 200.0, "duration": 1.0, "connections": 8, "timeout": 5.0, **changes})


def send(
    answer: Answer = at_once,
    *,
    close_after_answer: bool = False,
    meanwhile: Callable[[Sender, Seen], None] | None = None,
    **load: Any,
) -> tuple[Sender, Seen]:
    """Send a load to a server that answers so; ``meanwhile`` is called half-way through."""
    asked = a_load(**load)

    async def run() -> tuple[Sender, Seen]:
        async with tiny_server(answer, close_after_answer=close_after_answer) as seen:
            address = Address(host="127.0.0.1", port=seen.port, tls=None)
            sender = Sender(load=asked, address=address, request=lambda _: REQUEST)
            await sender.connect()
            if meanwhile is not None:
                asyncio.get_running_loop().call_later(asked.duration / 2, meanwhile, sender, seen)
            await sender.run()
            return sender, seen

    with asyncio.Runner(loop_factory=precise_loop) as runner:
        return runner.run(run())


def assert_nothing_is_lost(recorder: Recorder) -> None:
    assert recorder.succeeded + recorder.failed == recorder.due
    assert recorder.open == 0
    assert sum(each.due for each in recorder.intervals.values()) == recorder.due
    assert sum(each.succeeded + each.failed for each in recorder.intervals.values()) == recorder.due


def a_record(
    *,
    latencies: Sequence[float] = (0.004, 0.005, 0.006, 0.02),
    errors: Sequence[str] = (),
    lag: float = 0.0001,
    queued: float = 0.0002,
    cpu_seconds: float = 0.1,
    repeat: int = 250,
    thresholds: Thresholds | None = None,
    described: dict[str, Any] | None = None,
    **load: Any,
) -> dict[str, Any]:
    """The record of a made-up test: one request per latency and error, over and over, evenly over ten seconds."""
    asked = a_load(duration=10.0, **load)
    recorder = Recorder(duration=10.0)
    outcomes: list[float | str] = [*latencies, *errors] * repeat
    for number, outcome in enumerate(outcomes):
        offset = 10.0 * number / len(outcomes)
        recorder.fell_due(offset, lag=lag)
        recorder.was_sent(offset, queued=queued)
        if isinstance(outcome, str):
            recorder.failed_with(offset, outcome, latency=0.001)
        else:
            recorder.answered(offset, status=200, latency=outcome)
    return result_of(
        recorder,
        load=asked,
        span=10.0,
        elapsed=10.1,
        cpu_seconds=cpu_seconds,
        interrupted=False,
        described={**DESCRIBED, **(described or {})},
        thresholds=thresholds or Thresholds(),
    )
