"""The books of a test: every request that fell due ends as succeeded or as one kind of error, and none twice."""

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from ml.loadtest.histogram import Histogram

_MOST_INTERVALS = 240


class Failure(StrEnum):
    """Why a request has no answer; an answer that is not 2xx is counted as ``HTTP`` and its status."""

    REFUSED = "connection refused"
    UNRESOLVED = "name not resolved"
    TLS = "TLS failed"
    UNREACHABLE = "no connection"
    CUT = "connection cut"
    NOT_HTTP = "answer is not HTTP"
    LATE = "no answer in time"
    NOT_SENT = "no free connection in time"
    LEFT = "left unanswered at Ctrl-C"


# These waited as long as anyone would: they count among the latencies with the time they took, which is a lower
# bound. Were they left out, a server that stops answering would look faster than one that is slow.
_WAITED = frozenset({Failure.LATE, Failure.NOT_SENT})


@dataclass(slots=True)
class Interval:
    """What became of the requests that were due in one stretch of time."""

    due: int = 0
    succeeded: int = 0
    failed: int = 0
    latency: Histogram = field(default_factory=Histogram)


class Recorder:
    """Counts and histograms; at most ``_MOST_INTERVALS`` intervals, so memory does not grow with the duration."""

    def __init__(self, *, duration: float) -> None:
        self.due = 0
        self.sent = 0
        self.succeeded = 0
        self.errors: Counter[str] = Counter()
        self.latency = Histogram()
        self.lag = Histogram()
        self.queued = Histogram()
        self.last_sent = 0.0
        self.last_end = 0.0
        self.interval_seconds = max(1, math.ceil(duration / _MOST_INTERVALS))
        self.intervals: dict[int, Interval] = {}

    @property
    def failed(self) -> int:
        """How many requests ended in an error."""
        return self.errors.total()

    @property
    def open(self) -> int:
        """How many requests fell due and have not ended."""
        return self.due - self.succeeded - self.failed

    def fell_due(self, offset: float, *, lag: float) -> None:
        """Count a request due ``offset`` seconds after the start; the generator turned to it ``lag`` seconds late."""
        self.due += 1
        self.lag.add(lag)
        self._interval(offset).due += 1

    def was_sent(self, offset: float, *, queued: float) -> None:
        """Count a request that was written to a connection, ``queued`` seconds after it was due."""
        self.sent += 1
        self.queued.add(queued)
        self.last_sent = max(self.last_sent, offset + queued)

    def answered(self, offset: float, *, status: int, latency: float) -> None:
        """Count an answer; ``latency`` is in seconds from when the request was due."""
        if not 200 <= status < 300:
            self.failed_with(offset, f"HTTP {status}", latency=latency)
            return
        interval = self._interval(offset)
        self.succeeded += 1
        interval.succeeded += 1
        self.latency.add(latency)
        interval.latency.add(latency)
        self.last_end = max(self.last_end, offset + latency)

    def failed_with(self, offset: float, kind: str, *, latency: float) -> None:
        """Count a request that ended without a good answer, ``latency`` seconds after it was due."""
        interval = self._interval(offset)
        self.errors[str(kind)] += 1
        interval.failed += 1
        if kind in _WAITED:
            self.latency.add(latency)
            interval.latency.add(latency)
        self.last_end = max(self.last_end, offset + latency)

    def _interval(self, offset: float) -> Interval:
        number = int(offset / self.interval_seconds)
        found = self.intervals.get(number)
        if found is None:
            found = self.intervals[number] = Interval()
        return found
