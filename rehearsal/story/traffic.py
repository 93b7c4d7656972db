"""Requests in the background while something is changed: at a constant rate, none tried again."""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import urllib3

from config.names import API_KEY_HEADER

_AT_ONCE: Final = 16
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=30)


@dataclass
class Sent:
    """What became of the requests: how many by status (or kind of failure), and by the version that answered."""

    statuses: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    failed_at: list[datetime] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """Those without a prediction."""
        return self.total - self.statuses["200"]

    @property
    def p95_ms(self) -> float | None:
        """The time that 95 of 100 answers did not exceed, in milliseconds."""
        ranked = sorted(self.milliseconds)
        return ranked[math.ceil(0.95 * len(ranked)) - 1] if ranked else None

    def __str__(self) -> str:
        parts = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        return f"{self.total} requests: {parts or 'none'}"


@contextmanager
def traffic(service: str, *, key: str, bodies: list[bytes], rate: float) -> Iterator[Sent]:
    """Send ``bodies`` in turn, ``rate`` a second, while the block runs; what was sent is complete after it."""
    sent, over, lock = Sent(), threading.Event(), threading.Lock()
    pool = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False, timeout=_TIMEOUT)

    def ask(body: bytes) -> None:
        began = time.monotonic()
        status, version = _asked(pool, service, key, body)
        with lock:
            sent.milliseconds.append(1_000 * (time.monotonic() - began))
            sent.statuses[status] += 1
            if status != "200":
                sent.failed_at.append(datetime.now(UTC))
            if version:
                sent.versions[version] += 1

    def send() -> None:
        begun = time.monotonic()
        with ThreadPoolExecutor(_AT_ONCE) as senders:
            number = 0
            while not over.wait(max(0.0, begun + number / rate - time.monotonic())):
                senders.submit(ask, bodies[number % len(bodies)])
                number += 1

    sender = threading.Thread(target=send, name="traffic")
    sender.start()
    try:
        yield sent
    finally:
        over.set()
        sender.join()


def _asked(pool: urllib3.PoolManager, service: str, key: str, body: bytes) -> tuple[str, str | None]:
    """Return the status (or the failure's name) and the version that answered."""
    try:
        answer = pool.request(
            "POST", f"{service}/predict", body=body, headers={"Content-Type": "application/json", API_KEY_HEADER: key}
        )
        found: Any = answer.json() if answer.status == 200 else None
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        return type(error).__name__, None
    first = found[0] if isinstance(found, list) and found else found
    return str(answer.status), str(first["model_version"]) if isinstance(
        first, dict
    ) and "model_version" in first else None
