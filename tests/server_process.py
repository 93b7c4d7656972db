"""A running service as proofs look at it: its connections, memory and open files."""

import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.service import ask, free_port, serving_by


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[str]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def ask(self, method: str, path: str, body: str | bytes | None = None) -> tuple[int, Any]:
        """Return status and decoded JSON of one request on a connection of its own."""
        return ask(self.port, method, path, body)

    def memory(self, what: str = "VmRSS") -> float:
        """Return the resident memory, or its peak (``VmHWM``), in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1_024
        raise AssertionError(f"{what} is not in the process's status")

    def files(self) -> int:
        """Return how many files, sockets included, the process holds open."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())


@contextmanager
def serving(command: Sequence[str]) -> Iterator[Server]:
    """Run ``command`` with ``--port`` until it answers; what it writes goes to a file that nobody keeps."""
    port = free_port()
    with (
        tempfile.TemporaryFile() as log,
        serving_by([*command, "--port", str(port)], port=port, log=log.fileno()) as process,
    ):
        yield Server(port, process)
