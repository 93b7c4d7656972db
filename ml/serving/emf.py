"""Metric lines to the CloudWatch agent over TCP: from a bounded buffer, never in the event loop's way."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from ml.errors import SettingsError

_MOST_LINES = 1_000
_CONNECT_SECONDS = 5.0
_LONGEST_PAUSE = 30.0
_LAST_SECONDS = 2.0


class EmfAgent:
    """The agent at ``tcp://host:port``. While it cannot be reached lines wait; beyond a number new ones are lost."""

    def __init__(
        self,
        endpoint: str,
        *,
        dropped: Callable[[int], None],
        log: Callable[[str], None],
        most_lines: int = _MOST_LINES,
        shortest_pause: float = 1.0,
    ) -> None:
        parts = urlsplit(endpoint)
        try:
            self._address = (parts.hostname or "", parts.port or 0)
        except ValueError:
            self._address = ("", 0)
        if parts.scheme != "tcp" or not all(self._address):
            raise SettingsError(f"AWS_EMF_AGENT_ENDPOINT: {endpoint} is not tcp://host:port")
        self._endpoint = endpoint
        self._dropped = dropped
        self._log = log
        self._most_lines = most_lines
        self._shortest_pause = shortest_pause
        self._lines: deque[bytes] = deque()
        self._some = asyncio.Event()

    def write(self, line: str) -> None:
        """Queue a line; drop it where too many wait."""
        if len(self._lines) >= self._most_lines:
            self._dropped(1)
            return
        self._lines.append(line.encode() + b"\n")
        self._some.set()

    async def run(self) -> None:
        """Send lines until cancelled; then what waits, as far as two seconds allow."""
        try:
            await self._send_forever()
        finally:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._send_waiting()

    async def _send_forever(self) -> None:
        pause = self._shortest_pause
        while True:
            await self._some.wait()
            # Lines that come close together share a connection.
            await asyncio.sleep(self._shortest_pause)
            try:
                await self._send_waiting()
            except (OSError, TimeoutError) as error:
                if pause == self._shortest_pause:
                    self._log(f"metrics: {self._endpoint} cannot be reached, lines wait: {error!r}")
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = self._shortest_pause

    async def _send_waiting(self) -> None:
        """Send what waits over one connection. Lines come seconds apart, so that none is kept open for them."""
        if not self._lines:
            return
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(*self._address)
            try:
                while self._lines:
                    writer.write(self._lines[0])
                    await writer.drain()
                    self._lines.popleft()
                self._some.clear()
            finally:
                writer.close()
            await writer.wait_closed()
