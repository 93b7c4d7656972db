"""Rounds in which two servers take turns, and what came of them."""

import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.baskets import Basket
from benchmarks.serving.contenders import Contender
from benchmarks.serving.server import Cost, Server
from ml.files import read_json

TOLERANCE = 1e-5
_WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Spread:
    """The median of several figures, and the least and greatest of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Rounds:
    """CPU milliseconds per request of two servers that took turns, and the other one's as a multiple, by round."""

    ours: Spread
    other: Spread
    ratio: Spread

    @classmethod
    def of(cls, pairs: Sequence[tuple[Cost, Cost]]) -> "Rounds":
        """Return the medians of (ours, other) pairs; a ratio is of one round, so both met the same machine."""
        return cls(
            ours=Spread.of([ours.cpu_ms for ours, _ in pairs]),
            other=Spread.of([other.cpu_ms for _, other in pairs]),
            ratio=Spread.of([other.cpu_ms / ours.cpu_ms for ours, other in pairs]),
        )


@dataclass(frozen=True)
class Running:
    """A contender, its server, and the request that it is measured with."""

    contender: Contender
    server: Server
    body: bytes

    def load(self, seconds: float) -> Cost:
        """Send that request for so many seconds."""
        return self.server.load(self.contender.path, self.body, seconds=seconds)


def alternate(ours: Running, other: Running, *, rounds: int, seconds: float) -> Rounds:
    """Let both take turns of ``seconds``, after a warm-up; the order changes from round to round."""
    for each in (ours, other):
        each.load(_WARM_UP_SECONDS)
    pairs = []
    for number in range(rounds):
        if number % 2:
            cost = other.load(seconds)
            pairs.append((ours.load(seconds), cost))
        else:
            pairs.append((ours.load(seconds), other.load(seconds)))
    return Rounds.of(pairs)


def compare(ours: Running, other: Running, baskets: Sequence[Basket]) -> float:
    """Return the greatest difference of the two servers' probabilities on ``baskets``.

    Raises:
        RuntimeError: it is above 1e-5, or a class differs: then there is nothing to measure.

    """
    greatest = 0.0
    for basket in baskets:
        wanted, given = (each.contender.answer(_ask(each, basket)) for each in (ours, other))
        gap = max(abs(a - b) for a, b in zip(wanted[1], given[1], strict=True))
        if not gap <= TOLERANCE or given[0] not in (None, wanted[0]):
            raise RuntimeError(f"basket {basket['basket_id']}: it answers {given}, ours {wanted}")
        greatest = max(greatest, gap)
    return greatest


def _ask(running: Running, basket: Basket) -> object:
    return running.server.ask(running.contender.path, running.contender.encoded(basket))


@dataclass(frozen=True)
class OpenLoop:
    """One open-loop test: p50 and p99 in milliseconds, requests that were due and that failed, the warnings."""

    p50: float
    p99: float
    due: int
    failed: int
    warnings: Sequence[str]


def open_loop(running: Running, folder: Path, *, rate: int, seconds: float) -> OpenLoop:
    """Send ``rate`` requests per second, whether or not the server keeps up, from a process of its own.

    Raises:
        RuntimeError: the load test failed.

    """
    body, result = folder / "body.json", folder / "load.json"
    body.write_bytes(running.body)
    url = f"http://127.0.0.1:{running.server.port}{running.contender.path}"
    command = [sys.executable, "-m", "ml.cli", "loadtest", "--url", url, "--rate", str(rate), "--body", str(body)]
    command += ["--duration", str(seconds), "--json", str(result)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the load test: {done.stderr[-1_500:]}")
    found = read_json(result)
    latency, requests = found["latency_ms"], found["requests"]
    return OpenLoop(latency["p50"], latency["p99"], requests["due"], requests["failed"], found["warnings"])
