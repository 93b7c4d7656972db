"""Times in buckets that grow by 1 %: percentiles to within 0.5 % in bounded memory, however long a test runs.

The idea is HdrHistogram's (G. Tene, hdrhistogram.org): a constant *relative* width keeps 2 ms and 20 s equally sharp.
From 1 µs to an hour there are about 2,200 buckets, so a histogram never holds more numbers than that.
"""

import math
from collections.abc import Sequence

_GROWTH = 1.01
_LOG_GROWTH = math.log(_GROWTH)
_SHORTEST, _LONGEST = 1e-6, 3600.0
_LAST = math.ceil(math.log(_LONGEST / _SHORTEST) / _LOG_GROWTH)

# A percentile differs from the recorded time at its rank by this share at most (above 1 µs and below an hour).
PRECISION = math.sqrt(_GROWTH) - 1


class Histogram:
    """Counts of times by bucket; smallest, largest and sum are exact. All times are in seconds."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.shortest = math.inf
        self.longest = 0.0
        self._buckets: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Count one time; one below zero (a clock's last digit) counts as zero."""
        seconds = max(seconds, 0.0)
        bucket = 0 if seconds <= _SHORTEST else min(math.ceil(math.log(seconds / _SHORTEST) / _LOG_GROWTH), _LAST)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.total += seconds
        self.shortest = min(self.shortest, seconds)
        self.longest = max(self.longest, seconds)

    def percentile(self, percent: float) -> float:
        """Return the time that ``percent`` % of all times do not exceed (the nearest rank, no interpolation).

        Raises:
            ValueError: nothing was counted.

        """
        if not self.count:
            raise ValueError("a percentile of no times")
        rank = max(1, math.ceil(percent / 100 * self.count - 1e-9))
        if rank >= self.count:
            return self.longest
        passed = 0
        for bucket in sorted(self._buckets):
            passed += self._buckets[bucket]
            if passed >= rank:
                return self._within(bucket)
        raise AssertionError("ranks end at the count")

    def percentiles(self, percents: Sequence[float]) -> list[float]:
        """Return ``percentile`` of each."""
        return [self.percentile(percent) for percent in percents]

    @property
    def mean(self) -> float:
        """The exact mean."""
        return self.total / self.count

    def pairs(self) -> list[tuple[float, int]]:
        """Return (time, how many) in order of time: the histogram as it goes into a file."""
        return [(self._within(bucket), self._buckets[bucket]) for bucket in sorted(self._buckets)]

    def _within(self, bucket: int) -> float:
        """Return the bucket's geometric middle, kept between the exact ends."""
        middle = _SHORTEST * _GROWTH ** (bucket - 0.5) if bucket else 0.0
        return min(max(middle, self.shortest), self.longest)
