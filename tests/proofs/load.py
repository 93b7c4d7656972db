"""Open-loop load while the server is told to end, or to take another model."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ml.loadtest.bodies import sample_baskets
from ml.loadtest.clock import precise_loop
from ml.loadtest.connection import Address
from ml.loadtest.recorder import Failure, Recorder
from ml.loadtest.schedule import Load
from ml.loadtest.sender import Sender
from tests.server_process import Server

# Nobody took these: there was no connection to send them on.
_NOT_ACCEPTED = frozenset({Failure.REFUSED.value, Failure.NOT_SENT.value, Failure.UNREACHABLE.value})


@dataclass(frozen=True)
class Ended:
    """What became of a load: answered requests, and those that were sent and not answered with 2xx."""

    due: int
    answered: int
    not_accepted: int
    lost: dict[str, int]
    p99_ms: float


def load(server: Server, *, rate: float, seconds: float, meanwhile: Callable[[], None], connections: int = 64) -> Ended:
    """Send sample baskets at ``rate`` for ``seconds``, ``meanwhile`` beside it."""
    bodies = sample_baskets(seed=7)
    head = b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"

    def request(number: int) -> bytes:
        body = bodies(number)
        return head % (len(body), body)

    sender = Sender(
        load=Load(rate=rate, duration=seconds, connections=connections, timeout=20.0),
        address=Address(host="127.0.0.1", port=server.port, tls=None),
        request=request,
    )

    async def run() -> None:
        await sender.connect()
        other = threading.Thread(target=meanwhile)
        other.start()
        await sender.run()
        other.join()

    with asyncio.Runner(loop_factory=precise_loop) as runner:
        runner.run(run())
    return _ended(sender.recorder)


def _ended(recorder: Recorder) -> Ended:
    lost = {kind: count for kind, count in recorder.errors.items() if kind not in _NOT_ACCEPTED}
    return Ended(
        due=recorder.due,
        answered=recorder.succeeded,
        not_accepted=recorder.failed - sum(lost.values()),
        lost=lost,
        p99_ms=recorder.latency.percentile(99.0) * 1_000,
    )


@dataclass(frozen=True)
class Drained:
    """A load that ended with SIGTERM: what became of it, the exit code, and the seconds from signal to end."""

    load: Ended
    code: int
    seconds: float


def end_under_load(server: Server, *, rate: float, seconds: float) -> Drained:
    """Send SIGTERM in the middle of the load."""
    took = 0.0

    def end() -> None:
        nonlocal took
        time.sleep(seconds / 2)
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=60)
        took = time.monotonic() - started

    ended = load(server, rate=rate, seconds=seconds, meanwhile=end)
    return Drained(ended, server.process.returncode, took)
