"""Run one test from beginning to end: connect, send, and close the books."""

import asyncio
import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ml.errors import SettingsError
from ml.loadtest.clock import precise_loop
from ml.loadtest.connection import Address, failure_of
from ml.loadtest.results import Thresholds, result_of
from ml.loadtest.schedule import Load
from ml.loadtest.sender import Sender
from ml.progress import say

_SAY_EVERY = 10.0


def run_load(
    *,
    load: Load,
    address: Address,
    request: Callable[[int], bytes],
    described: Mapping[str, Any],
    thresholds: Thresholds | None = None,
) -> dict[str, Any]:
    """Send the load and return its record (``ml.loadtest.results``).

    SIGINT and SIGTERM end the test early: no more requests fall due, those under way are waited for; a second
    signal leaves them.

    Raises:
        SettingsError: the server cannot be reached at the start.

    """
    sender = Sender(load=load, address=address, request=request)
    with asyncio.Runner(loop_factory=precise_loop) as runner, _no_collection():
        cpu_seconds = runner.run(_run(sender, address))
    return result_of(
        sender.recorder,
        load=load,
        span=sender.span,
        elapsed=sender.elapsed,
        cpu_seconds=cpu_seconds,
        interrupted=sender.interrupted,
        described=described,
        thresholds=thresholds or Thresholds(),
    )


async def _run(sender: Sender, address: Address) -> float:
    """Run the sender; return its processor seconds."""
    try:
        await sender.connect()
    except OSError as error:
        place = f"{address.host}:{address.port}"
        reason = "no answer in time" if isinstance(error, TimeoutError) else f"{failure_of(error)} ({error})"
        raise SettingsError(f"--url: cannot connect to {place}: {reason}; is the service up and reachable?") from error
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        sender.stop()
        if sender.recorder.open:
            say(f"  ending early: waiting for {sender.recorder.open:,} answers; once more to leave them")

    # Python hears signals in its main thread only.
    signals = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    for number in signals:
        loop.add_signal_handler(number, interrupt)
    speaker = loop.create_task(_speak(sender))
    before = time.process_time()
    try:
        await sender.run()
    finally:
        speaker.cancel()
        for number in signals:
            loop.remove_signal_handler(number)
    return time.process_time() - before


async def _speak(sender: Sender) -> None:
    """Say every few seconds how far the test is."""
    seconds = 0.0
    while True:
        await asyncio.sleep(_SAY_EVERY)
        seconds += _SAY_EVERY
        books = sender.recorder
        slow = f", p99 {1000 * books.latency.percentile(99):,.1f} ms" if books.latency.count else ""
        say(f"  {seconds:.0f} s: {books.due:,} due, {books.succeeded:,} answered, {books.failed:,} errors{slow}")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep what is loaded already out of the garbage collector's passes: one through it all costs 50 ms of silence."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
