"""Every prediction kept for later scoring: through a bounded queue, never in a request's way."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from ml.files import new_file
from ml.serving.contract import Basket, Prediction


class Record(msgspec.Struct, frozen=True, gc=False):
    """One prediction as it was made: when, on what, and what came out."""

    time: str
    basket: Basket
    prediction: Prediction


class Sink(Protocol):
    """Where captured predictions go."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Keep JSON lines; called beside the event loop, one call at a time."""


class FileSink:
    """Files of JSON lines in a folder, one per write, each whole or absent."""

    def __init__(self, folder: Path, *, name: Callable[[], str]) -> None:
        self._folder = folder
        self._name = name

    def write(self, lines: Sequence[bytes]) -> None:
        """Write ``lines`` to a new file."""
        with new_file(self._folder / f"{self._name()}.jsonl") as temporary:
            temporary.write_bytes(b"\n".join(lines) + b"\n")


class Capture:
    """Takes records at once, drops and counts them when the queue is full, writes them in batches."""

    def __init__(
        self,
        sink: Sink,
        *,
        now: Callable[[], datetime],
        dropped: Callable[[], None],
        most_waiting: int = 10_000,
        most_together: int = 1_000,
        seconds: float = 5.0,
    ) -> None:
        self._sink = sink
        self._now = now
        self._dropped = dropped
        self._queue: asyncio.Queue[tuple[str, Basket, Prediction]] = asyncio.Queue(most_waiting)
        self._most_together = most_together
        self._seconds = seconds
        self._encoder = msgspec.json.Encoder()

    def take(self, baskets: Sequence[Basket], predictions: Sequence[Prediction]) -> None:
        """Queue what was predicted. What finds no place is dropped and counted; nothing is raised."""
        time = self._now().isoformat()
        for basket, prediction in zip(baskets, predictions, strict=True):
            try:
                self._queue.put_nowait((time, basket, prediction))
            except asyncio.QueueFull:
                self._dropped()

    async def run(self) -> None:
        """Write batches until cancelled; then what is left."""
        try:
            while True:
                await asyncio.sleep(self._seconds)
                await self._write_waiting()
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await self._write_waiting()

    async def _write_waiting(self) -> None:
        while not self._queue.empty():
            taken = [self._queue.get_nowait() for _ in range(min(self._queue.qsize(), self._most_together))]
            lines = [self._encoder.encode(Record(*each)) for each in taken]
            try:
                await asyncio.to_thread(self._sink.write, lines)
            except Exception:  # noqa: BLE001  whatever a sink raises, it costs the records and is counted, never a prediction
                for _ in lines:
                    self._dropped()
