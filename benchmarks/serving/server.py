"""A server as a process of its own: started, waited for, asked, measured and ended."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.processes import cpu_seconds, family, memory, process

JSON = {"content-type": "application/json"}
CONNECTIONS = 8
_POLL_SECONDS, _END_SECONDS, _ANSWER_SECONDS = 0.005, 15.0, 60.0


@dataclass(frozen=True)
class Cost:
    """What requests took: how many there were, the server's CPU seconds, wall seconds."""

    requests: int
    cpu: float
    wall: float

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per request."""
        return 1_000 * self.cpu / self.requests


class OnePacketConnection(http.client.HTTPConnection):
    """Sends a request's headers and body together, as load balancers do; ``http.client`` makes two packets of them."""

    _waiting = b""

    def send(self, data: Any) -> None:
        """Let ``data`` wait for the rest."""
        self._waiting += data

    def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting = self._waiting, b""
        super().send(waiting)


class Server:
    """A running server; a context that ends it and whatever it started."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        port: int,
        environment: Mapping[str, str],
        folder: Path,
        ready: str,
        within: float,
    ) -> None:
        """Start ``command`` in ``folder`` (its output goes to ``server.log`` there) and wait until ``ready`` gives 200.

        Raises:
            RuntimeError: it ended, or is not ready ``within`` so many seconds; the message has its last words.

        """
        self.port = port
        self.log = folder / "server.log"
        started = time.perf_counter()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                list(command),
                cwd=folder,
                env={**os.environ, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait(ready, started + within)
        except BaseException:
            self.end()
            raise
        self.start_seconds = time.perf_counter() - started
        self._connections = [
            OnePacketConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS) for _ in range(CONNECTIONS)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, path: str, body: bytes) -> Any:
        """Return the answer to one request.

        Raises:
            RuntimeError: its status is not 200; the message has the answer's beginning.

        """
        first = self._connections[0]
        first.close()
        _send(first, path, body)
        return json.loads(_receive(first, path))

    def load(self, path: str, body: bytes, *, seconds: float) -> Cost:
        """Send one request at a time over each of the connections for so many ``seconds``, and say what they took.

        Several, so that the server is at work and not woken anew for each: that would measure the system.
        """
        for each in self._connections:
            each.close()  # while others had their turn, the server may have closed it as idle
        before, started, requests = cpu_seconds(self._process.pid), time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            for each in self._connections:
                _send(each, path, body)
            for each in self._connections:
                _receive(each, path)
            requests += len(self._connections)
        return Cost(requests, cpu_seconds(self._process.pid) - before, time.perf_counter() - started)

    def memory(self) -> tuple[int, int]:
        """Return resident and proportional bytes of its processes."""
        return memory(self._process.pid)

    def end(self) -> None:
        """Ask it to end, and make sure that nothing of it stays."""
        members = family(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid, stat in members.items():
            # The same process still, not a later one with its number.
            if (left := process(pid)) is not None and left.started == stat.started:
                os.kill(pid, signal.SIGKILL)

    def _wait(self, ready: str, deadline: float) -> None:
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"ended with {self._process.returncode}: {self._last_words()}")
            if time.perf_counter() > deadline:
                raise RuntimeError(f"not ready in time: {self._last_words()}")
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
                try:
                    connection.request("GET", ready)
                    if connection.getresponse().status == 200:
                        return
                except (OSError, http.client.HTTPException):
                    pass
            time.sleep(_POLL_SECONDS)

    def _last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-1_500:].strip()


def _send(connection: OnePacketConnection, path: str, body: bytes) -> None:
    connection.request("POST", path, body=body, headers=JSON)
    connection.flush()


def _receive(connection: OnePacketConnection, path: str) -> bytes:
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status}: {content[:500].decode(errors='replace')}")
    return content


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
