"""The service as a process of its own, and how to ask it."""

import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.runs import command

LONGEST_START = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(*options: str | Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run ``mlops serve`` until it is ready; yield its port and process."""
    port = free_port()
    with serving_by(command("serve", "--port", str(port), *options), port=port) as process:
        yield port, process


@contextmanager
def serving_by(
    arguments: Sequence[str],
    *,
    port: int,
    host: str = "127.0.0.1",
    environment: Mapping[str, str] | None = None,
    log: int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[str]]:
    """Run a command until it answers at ``host`` and ``port``; yield its process.

    Where it may write more than a pipe holds, ``log`` is the descriptor of a file.
    """
    process = subprocess.Popen(
        arguments,
        stdout=log,
        stderr=log,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        until = time.monotonic() + LONGEST_START
        while process.poll() is None and time.monotonic() < until:
            try:
                if ask(port, "GET", "/healthz", host=host)[0] == 200:
                    break
            except OSError:
                time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(
    port: int,
    method: str,
    path: str,
    body: str | bytes | None = None,
    *,
    host: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request(
            method, path, body, {**({"content-type": "application/json"} if body else {}), **(headers or {})}
        )
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
