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
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, path: str, body: bytes) -> Any:
        """Return the answer to one request.

        Raises:
            RuntimeError: its status is not 200; the message has the answer's beginning.

        """
        self._connection.close()
        return json.loads(self._send(path, body))

    def load(self, path: str, body: bytes, *, seconds: float) -> Cost:
        """Send one request after the other over one connection for so many ``seconds``, and say what they took."""
        self._connection.close()  # while others had their turn, the server may have closed it as idle
        before, started, requests = cpu_seconds(self._process.pid), time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            self._send(path, body)
            requests += 1
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

    def _send(self, path: str, body: bytes) -> bytes:
        self._connection.request("POST", path, body=body, headers=JSON)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {content[:500].decode(errors='replace')}")
        return content

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


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
