"""Disturbances that a driver can ask for: AWS has them, seldom, and what runs on it has to bear them.

``faults/slow-down`` lets S3 answer 503 SlowDown for keys with a prefix, for some seconds; ``faults/events`` delivers
events twice and in another order, for some seconds; ``faults/kill-function`` kills a function's process while it runs.
"""

import contextvars
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from ministack.core import lambda_runtime
from ministack.services import eventbridge, s3

from rehearsal.emulator import control
from rehearsal.emulator.settings import Settings

_LOOK_SECONDS: Final = 0.005
_SLOW_DOWN: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Let disturbances be asked for."""
    slow_down, events = _SlowDown(), _Events()
    control.route("POST", "faults/slow-down", slow_down.ask)
    control.route("POST", "faults/events", events.ask)
    control.route("POST", "faults/kill-function", _kill)


class _SlowDown:
    """S3 that answers 503, and counts how often it did."""

    def __init__(self) -> None:
        self._until = 0.0
        self._prefix = ""
        self._refused: Counter[str] = Counter()
        answer = s3.handle_request

        async def handle(method: str, path: str, *more: Any, **options: Any) -> Any:
            if time.monotonic() < self._until and unquote(path).lstrip("/").startswith(self._prefix):
                self._refused[method] += 1
                return 503, {"Content-Type": "application/xml"}, _SLOW_DOWN
            return await answer(method, path, *more, **options)

        s3.handle_request = handle

    def ask(self, _: Mapping[str, str], asked: Mapping[str, Any]) -> dict[str, Any]:
        """Begin, for ``seconds``, with what is below ``prefix`` (``bucket/key``); return what was refused before."""
        refused = dict(self._refused)
        self._refused.clear()
        self._prefix = str(asked.get("prefix", ""))
        self._until = time.monotonic() + float(asked["seconds"])
        return {"refused": refused}


class _Events:
    """Deliveries that are held for a moment, and then come twice, the latest first."""

    def __init__(self) -> None:
        self._until = 0.0
        self._hold = 0.0
        self._lock = threading.Lock()
        self._held: list[Callable[[], None]] = []
        self._delivered = 0
        deliver = eventbridge._invoke_target

        def hold(*arguments: Any) -> None:
            with self._lock:
                if time.monotonic() >= self._until:
                    held = False
                else:
                    held = True
                    context = contextvars.copy_context()
                    self._held.append(lambda: context.copy().run(deliver, *arguments))
                    if len(self._held) == 1:
                        threading.Timer(self._hold, self._release).start()
            if not held:
                deliver(*arguments)

        eventbridge._invoke_target = hold

    def ask(self, _: Mapping[str, str], asked: Mapping[str, Any]) -> dict[str, Any]:
        """Begin, for ``seconds``; each delivery is held for up to ``hold`` seconds. Return how many came twice."""
        with self._lock:
            twice, self._delivered = self._delivered, 0
            self._until = time.monotonic() + float(asked["seconds"])
            self._hold = float(asked.get("hold", 1.0))
        return {"twice": twice}

    def _release(self) -> None:
        with self._lock:
            held, self._held = self._held, []
            self._delivered += len(held)
        for each in reversed(held):
            each()
            each()


def _kill(_: Mapping[str, str], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Kill the process of ``function`` as soon as it runs, within ``seconds``."""
    end = time.monotonic() + float(asked.get("seconds", 30))
    while time.monotonic() < end:
        for worker in [each for pool in list(lambda_runtime._workers.values()) for each in pool]:
            process = worker._proc
            # One that is cold has not begun with its event yet.
            runs = worker.in_use and not worker._cold and process is not None and process.poll() is None
            if runs and worker.func_name == asked["function"]:
                os.kill(process.pid, signal.SIGKILL)
                return {"killed": process.pid}
        time.sleep(_LOOK_SECONDS)
    raise control.ControlError(f"{asked['function']} did not run within that time")
