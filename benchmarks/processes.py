"""A process and its descendants as Linux counts them: processor seconds and memory."""

import os
from dataclasses import dataclass
from pathlib import Path

PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
# Of the fields of /proc/<pid>/stat after the command's name.
_PARENT, _CPU, _CHILDREN_CPU, _STARTED, _RESIDENT = 1, slice(11, 13), slice(13, 15), 19, 21


@dataclass(frozen=True)
class Stat:
    """One process: its parent, start (ticks since boot), CPU seconds, those of ended children, resident bytes."""

    parent: int
    started: int
    cpu: float
    children_cpu: float
    resident: int


def family(root: int) -> dict[int, Stat]:
    """Return ``root`` and its living descendants, by process id."""
    stats = _all()
    found, grown = {root}, True
    while grown:
        more = {pid for pid, stat in stats.items() if stat.parent in found} - found
        found |= more
        grown = bool(more)
    return {pid: stats[pid] for pid in found & stats.keys()}


def cpu_seconds(root: int) -> float:
    """Return the CPU seconds of ``root`` and all its descendants, those that have ended included."""
    return sum(stat.cpu + stat.children_cpu for stat in family(root).values())


def memory(root: int) -> tuple[int, int]:
    """Return RSS and PSS of ``root`` and its descendants in bytes; in PSS, shared pages are shared out."""
    resident = proportional = 0
    for pid in family(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue  # it has ended
        fields = {line.split(":")[0]: line.split()[1] for line in lines[1:]}
        resident += int(fields["Rss"]) * 1024
        proportional += int(fields["Pss"]) * 1024
    return resident, proportional


def process(pid: int) -> Stat | None:
    """Return one process, or none where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return Stat(
        parent=int(fields[_PARENT]),
        started=int(fields[_STARTED]),
        cpu=sum(map(int, fields[_CPU])) / TICKS,
        children_cpu=sum(map(int, fields[_CHILDREN_CPU])) / TICKS,
        resident=int(fields[_RESIDENT]) * PAGE,
    )


def _all() -> dict[int, Stat]:
    found = {int(entry.name): process(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")}
    return {pid: stat for pid, stat in found.items() if stat is not None}
