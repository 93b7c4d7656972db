"""Every prediction kept for later scoring: through a bounded queue, never in a request's way."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from ml.files import new_file
from ml.serving.beside import beside
from ml.serving.contract import Basket, Prediction
from ml.serving.ports import Sink

# What a line costs in memory beside its bytes.
_OVERHEAD = 64


class Record(msgspec.Struct, frozen=True, gc=False):
    """One prediction as it was made: when (UTC), on what, and what came out of which model version."""

    time: str
    basket: Basket
    prediction: Prediction


class FileSink:
    """Files of JSON lines in a folder, one per write, each whole or absent."""

    def __init__(self, folder: Path, *, name: Callable[[], str]) -> None:
        self._folder = folder
        self._name = name

    def write(self, lines: Sequence[bytes]) -> int:
        """Write ``lines`` to a new file; none is lost."""
        with new_file(self._folder / f"{self._name()}.jsonl") as temporary:
            temporary.write_bytes(b"\n".join(lines) + b"\n")
        return 0


class Capture:
    """Takes records at once, drops and counts them when too many bytes wait, writes them in batches.

    A batch goes out every ``seconds``, and at once when ``most_together`` records or ``most_bytes_together`` wait. At
    most ``most_bytes`` wait, and as many again as one batch are with the sink.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        now: Callable[[], datetime],
        dropped: Callable[[int], None],
        log: Callable[[str], None] = lambda _: None,
        most_bytes: int = 16_000_000,
        most_together: int = 1_000,
        most_bytes_together: int = 4_000_000,
        seconds: float = 5.0,
        last_seconds: float = 5.0,
    ) -> None:
        self._sink = sink
        self._now = now
        self._dropped = dropped
        self._log = log
        self._most_bytes = most_bytes
        self._most_together = most_together
        self._most_bytes_together = most_bytes_together
        self._seconds = seconds
        self._last_seconds = last_seconds
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._enough = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._failing = False
        self._encoder = msgspec.json.Encoder()

    def take(self, baskets: Sequence[Basket], predictions: Sequence[Prediction]) -> None:
        """Queue what was predicted. What finds no place is dropped and counted; nothing is raised."""
        time = self._now().isoformat()
        for number, (basket, prediction) in enumerate(zip(baskets, predictions, strict=True)):
            if self._waiting_bytes >= self._most_bytes:
                self._dropped(len(baskets) - number)
                return
            line = self._encoder.encode(Record(time, basket, prediction))
            self._waiting.append(line)
            self._waiting_bytes += len(line) + _OVERHEAD
        if len(self._waiting) >= self._most_together or self._waiting_bytes >= self._most_bytes_together:
            self._enough.set()

    async def run(self) -> None:
        """Write batches until cancelled; then what is left, as far as ``last_seconds`` allow."""
        try:
            while True:
                # Not wait_for: it may swallow being cancelled at the moment that the event is set.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds):
                        await self._enough.wait()
                self._enough.clear()
                await self._write_waiting()
        finally:
            await self._write_the_last()

    async def _write_the_last(self) -> None:
        try:
            async with asyncio.timeout(self._last_seconds):
                if self._writing is not None:
                    await asyncio.shield(self._writing)
                await self._write_waiting()
        except TimeoutError:
            self._log(f"capture: the sink did not take the last records within {self._last_seconds:g} s")
            if self._writing is not None:
                self._writing.cancel()
                await asyncio.gather(self._writing, return_exceptions=True)
            if self._waiting:
                self._dropped(len(self._waiting))

    async def _write_waiting(self) -> None:
        while self._waiting:
            # A task of its own: when the service ends, it is waited for rather than cut off.
            self._writing = asyncio.create_task(self._write(self._batch()))
            await asyncio.shield(self._writing)
            self._writing = None

    def _batch(self) -> list[bytes]:
        lines: list[bytes] = []
        size = 0
        while self._waiting and len(lines) < self._most_together and size < self._most_bytes_together:
            line = self._waiting.popleft()
            size += len(line) + _OVERHEAD
            lines.append(line)
        self._waiting_bytes -= size
        return lines

    async def _write(self, lines: list[bytes]) -> None:
        lost = len(lines)
        try:
            lost = await beside(lambda: self._sink.write(lines))
            self._failing = False
        except Exception as error:  # noqa: BLE001  whatever a sink raises, it costs the records and is counted, never a prediction
            if not self._failing:
                self._log(f"capture: records are lost: {type(error).__name__}: {error}")
            self._failing = True
        finally:
            if lost:
                self._dropped(lost)
