"""When each request is due: decided before the first one is sent, and never put off because the server is slow."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from ml.errors import SettingsError

FASTEST = 50_000  # requests per second; one core sends a few thousand, the report says when it falls behind
LONGEST = 7 * 24 * 3600
# More sockets than this do not fit into a process's usual limit of 1,024 open files.
MOST_CONNECTIONS = 900
_USUAL_CONNECTIONS = 64


class Arrivals(StrEnum):
    """How the times between requests are drawn."""

    CONSTANT = "constant"
    POISSON = "poisson"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked of the server.

    ``rate`` is in requests per second, ``duration`` and ``timeout`` in seconds. The timeout counts from when a
    request is due. ``seed`` draws Poisson arrivals; constant ones need none.
    """

    rate: float
    duration: float
    connections: int
    timeout: float = 10.0
    arrivals: Arrivals = Arrivals.CONSTANT
    seed: int = 7

    def __post_init__(self) -> None:
        for option, value, most in (
            ("--rate", self.rate, FASTEST),
            ("--duration", self.duration, LONGEST),
            ("--timeout", self.timeout, 3600),
            ("--connections", self.connections, MOST_CONNECTIONS),
        ):
            if not 0 < value <= most:  # false for NaN too
                raise SettingsError(f"{option}: {value:g} is not above 0 and at most {most:,}")
        if self.rate * self.duration < 1:
            raise SettingsError(
                f"--duration: at {self.rate:g} requests/s not one is due in {self.duration:g} s; ask for longer"
            )


def usual_connections(rate: float) -> int:
    """Return how many connections to keep where nobody says: one per request a second, 64 at most.

    Each is then in use about once a second, well before a server closes it as idle.
    """
    return max(1, min(_USUAL_CONNECTIONS, math.ceil(rate))) if math.isfinite(rate) else 1


def offsets(load: Load) -> Iterator[float]:
    """Yield, in order, the seconds after the start at which requests are due; one at a time, so none are kept.

    Constant arrivals are due at 0, 1/rate, 2/rate, …; Poisson ones have exponential gaps of the same mean. Equal
    loads give equal times.
    """
    if load.arrivals is Arrivals.CONSTANT:
        # Rounding: 0.3 s at 10/s is 2.9999… requests. Multiples of 1/rate do not drift as a running sum would.
        count = math.floor(load.rate * load.duration + 1e-6)
        return (number / load.rate for number in range(count))
    return takewhile(lambda offset: offset < load.duration, _poisson(load.rate, load.seed))


def _poisson(rate: float, seed: int) -> Iterator[float]:
    draw = random.Random(seed)  # noqa: S311  arrival times are no secret
    offset = draw.expovariate(rate)
    while True:
        yield offset
        offset += draw.expovariate(rate)
