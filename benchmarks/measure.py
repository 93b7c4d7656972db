"""Run a command as a process of its own and say what it took."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """What one process took, imports included: seconds of wall clock and CPU, peak memory in bytes."""

    wall: float
    cpu: float
    peak: int


def run(command: Sequence[str]) -> Usage:
    """Run ``command`` to its end; its output goes to standard error.

    The caller has to be small: Linux counts the memory of a process at the moment it starts another one
    towards the other one's peak.

    Raises:
        RuntimeError: the command failed.

    """
    start = time.perf_counter()
    process = subprocess.Popen(list(command), stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(wall=wall, cpu=used.ru_utime + used.ru_stime, peak=used.ru_maxrss * unit)


def median(runs: Sequence[Usage]) -> Usage:
    """Return the median of each figure; of memory the most, because a limit has to hold every time."""
    return Usage(
        wall=statistics.median(each.wall for each in runs),
        cpu=statistics.median(each.cpu for each in runs),
        peak=max(each.peak for each in runs),
    )
