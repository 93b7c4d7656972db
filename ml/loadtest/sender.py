"""The open loop: send each request when it is due, and never wait for an answer before sending the next.

A closed loop ("send, wait, send") stops asking while the server stalls, so the stall costs it one slow request
instead of the hundreds that real callers would have made: *coordinated omission* (G. Tene, "How NOT to measure
latency"). Here requests fall due by the schedule alone. One that finds no free connection waits in line, and the
waiting counts, because latency runs from when it was due.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from ml.loadtest.connection import Address, Connection, Due
from ml.loadtest.recorder import Failure, Recorder
from ml.loadtest.schedule import Load, offsets

# Requests handed out before answers are looked at again, where the generator is behind.
_BURST = 100
_HEAD_START = 0.05
_MOST_SWEEP = 0.05


class Sender:
    """One test against one address; ``run`` it once.

    In flight are at most ``connections`` requests, in line at most those of one timeout's length: memory is bounded by
    ``connections + rate × timeout``, not by the duration.
    """

    def __init__(
        self, *, load: Load, address: Address, request: Callable[[int], bytes], recorder: Recorder | None = None
    ) -> None:
        self.recorder = recorder or Recorder(duration=load.duration)
        self.span = load.duration  # seconds over which requests fell due
        self.elapsed = 0.0  # seconds until the last of them ended
        self.interrupted = False
        self._load = load
        self._request = request
        self._connections = [Connection(address, self) for _ in range(load.connections)]
        self._free = deque(self._connections)
        self._line: deque[Due] = deque()
        self._schedule = enumerate(offsets(load))
        self._next: tuple[int, float] | None = next(self._schedule, None)

    async def connect(self) -> None:
        """Open the connections before the clock starts, so that handshakes are not measured as latency.

        Raises:
            OSError: the first one cannot be opened within the timeout. Later ones that fail are tried again when
                they are needed, and counted then.

        """
        first, *rest = self._connections
        async with asyncio.timeout(self._load.timeout):
            await first.open()
        waiting = [asyncio.wait_for(each.open(), self._load.timeout) for each in rest]
        await asyncio.gather(*waiting, return_exceptions=True)

    async def run(self) -> None:
        """Send everything that falls due, and return when each request has ended one way or the other."""
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        self._start = self._loop.time() + _HEAD_START
        self._tick()
        self._sweep()
        try:
            await self._ended
        finally:
            for each in self._connections:
                each.close()
        self.elapsed = max(self._now(), 0.0)

    def stop(self) -> None:
        """Let no more requests fall due; called again, also leave those that are under way."""
        if self.interrupted:
            self._leave()
        elif self._next is not None:
            self.span = max(self._now(), 1e-3)
        self.interrupted = True
        self._next = None
        self._end_if_done()

    def sent(self, due: Due) -> None:
        """Count a request that is on its way."""
        self.recorder.was_sent(due.offset, queued=self._now() - due.offset)

    def answered(self, connection: Connection, due: Due, *, status: int) -> None:
        """Count an answer and use its connection for whoever is first in line."""
        self.recorder.answered(due.offset, status=status, latency=self._now() - due.offset)
        self._released(connection)

    def failed(self, connection: Connection, due: Due, *, kind: Failure) -> None:
        """Count a failure and use its connection for whoever is first in line."""
        self.recorder.failed_with(due.offset, kind, latency=self._now() - due.offset)
        self._released(connection)

    def _now(self) -> float:
        """Return the seconds since the start."""
        return self._loop.time() - self._start

    def _tick(self) -> None:
        """Hand out what is due by now, then sleep until the next request is."""
        for _ in range(_BURST):
            if self._next is None:
                self._end_if_done()
                return
            number, offset = self._next
            now = self._now()
            if offset > now:
                self._loop.call_at(self._start + offset, self._tick)
                return
            self.recorder.fell_due(offset, lag=now - offset)
            self._line.append(Due(number, offset))
            self._next = next(self._schedule, None)
            self._send_first()
        self._loop.call_soon(self._tick)

    def _send_first(self) -> None:
        if not self._free or not self._line:
            return
        # In turn, not the warmest first: replicas behind a load balancer each get their share.
        connection, due = self._free.popleft(), self._line.popleft()
        connection.send(due, self._request(due.number))

    def _released(self, connection: Connection) -> None:
        self._free.append(connection)
        self._send_first()
        self._end_if_done()

    def _sweep(self) -> None:
        """Give up what waits longer than the timeout: one timer for all, as cheap at 10 requests/s as at 5,000."""
        oldest = self._now() - self._load.timeout
        while self._line and self._line[0].offset <= oldest:
            due = self._line.popleft()
            self.recorder.failed_with(due.offset, Failure.NOT_SENT, latency=self._now() - due.offset)
        for each in self._connections:
            if each.due is not None and each.due.offset <= oldest:
                each.give_up(Failure.LATE)
        self._end_if_done()
        if not self._ended.done():
            self._loop.call_later(min(_MOST_SWEEP, self._load.timeout / 10), self._sweep)

    def _leave(self) -> None:
        while self._line:
            due = self._line.popleft()
            self.recorder.failed_with(due.offset, Failure.LEFT, latency=self._now() - due.offset)
        for each in self._connections:
            each.give_up(Failure.LEFT)

    def _end_if_done(self) -> None:
        if self._next is None and not self.recorder.open and not self._ended.done():
            self._ended.set_result(None)
