"""Models swapped under load in the real server: no request fails, each is answered by one version."""

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml.serving.examples import EXAMPLE
from tests.integration.service import ask, serving
from tests.versions import Lake, fail_parity

SWAPS = 20
BODY = json.dumps(EXAMPLE)


class Load:
    """Requests one after the other from several connections, until stopped; keeps what came back."""

    def __init__(self, port: int, *, callers: int = 3) -> None:
        self.statuses: list[int] = []
        self.versions: list[str] = []
        self.errors: list[BaseException] = []
        self._port = port
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def _call(self) -> None:
        while not self._stopped.is_set():
            try:
                status, answer = ask(self._port, "POST", "/predict", BODY)
            except OSError as error:
                self.errors.append(error)
                return
            self.statuses.append(status)
            self.versions.append(answer.get("model_version", ""))

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def until(said: Callable[[], Any], wanted: Any) -> None:
    """Wait for an answer; a minute is too long."""
    limit = time.monotonic() + 60
    while said() != wanted:
        assert time.monotonic() < limit, f"{said()} is not {wanted}"
        time.sleep(0.01)


def test_twenty_swaps_under_load_fail_no_request(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for version in ("v1", "v2"):
        lake.publish(version)
    lake.promote("v1")
    with serving("--model", tmp_path) as (port, process), Load(port) as load:
        until(lambda: ask(port, "GET", "/ready")[0], 200)
        for number in range(SWAPS):
            wanted = f"v{2 - number % 2}"
            lake.promote(wanted)
            process.send_signal(signal.SIGHUP)
            until(lambda: ask(port, "GET", "/version")[1]["model_version"], wanted)
            answered = len(load.statuses)
            until(lambda answered=answered: len(load.statuses) > answered or bool(load.errors), True)  # type: ignore[misc]

    assert load.errors == []
    assert set(load.statuses) == {200}
    assert set(load.versions) == {"v1", "v2"}


def test_a_version_that_fails_is_refused_in_one_line_and_the_old_one_goes_on(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for version in ("v1", "v2", "v3"):
        lake.publish(version)
    fail_parity(lake.bundle("v2"))
    lake.promote("v1")
    with serving("--model", tmp_path, "--follow", "1") as (port, process), Load(port, callers=1) as load:
        lake.promote("v2")
        process.send_signal(signal.SIGHUP)
        until(lambda: 'swaps_total{result="refused"} 1' in metrics(port), True)
        assert ask(port, "GET", "/version")[1]["model_version"] == "v1"
        lake.promote("v3")
        # Without a signal: the lake is looked at every second.
        until(lambda: ask(port, "GET", "/version")[1]["model_version"], "v3")
        process.send_signal(signal.SIGTERM)
        load.__exit__()
        _, err = process.communicate(timeout=60)

    assert set(load.statuses) <= {200}
    assert [line for line in err.splitlines() if "refused" in line] == [
        line for line in err.splitlines() if line.startswith("model: v2 is refused, the old one stays: ")
    ]
    assert err.count("is refused") == 1
    assert "model: v3 answers now, in place of v1" in err


def metrics(port: int) -> str:
    """The service's counts as text."""
    import http.client  # noqa: PLC0415

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
