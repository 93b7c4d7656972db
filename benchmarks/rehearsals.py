"""Rehearsals one after the other: how many end well, how long each step takes, and how much memory they need.

They are played as people play them, each in a process of its own; how it went is read from what it left in its folder.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.processes import memory
from benchmarks.sections import keep
from ml.progress import say
from ml.version import code_version

_LOOK_SECONDS = 3.0
_SECTION = "rehearsals"


@dataclass(frozen=True)
class Played:
    """One rehearsal: whether all its acts passed, its seconds, its peak PSS in bytes, and the seconds of each part."""

    green: bool
    seconds: float
    peak: int
    parts: Mapping[str, float]


def play(folder: Path, words: Sequence[str]) -> Played:
    """Play a rehearsal below ``folder``; its words go to ``folder``'s log."""
    peak, began = 0, time.monotonic()
    command = [sys.executable, "-m", "rehearsal", "--output", str(folder), *words]
    with (folder / "log.txt").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        while process.poll() is None:
            peak = max(peak, memory(process.pid)[1])
            time.sleep(_LOOK_SECONDS)
    latest = folder / "latest"
    timings = json.loads((latest / "timings.json").read_text(encoding="utf-8"))
    parts = {each["step"]: each["seconds"] for each in timings}
    acts = json.loads((latest / "story.json").read_text(encoding="utf-8"))
    for act in acts:
        if act["ended"]:
            started, ended = (datetime.fromisoformat(act[when]) for when in ("started", "ended"))
            parts[act["title"]] = (ended - started).total_seconds()
    green = process.returncode == 0 and all(act["status"] == "passed" for act in acts)
    return Played(green=green, seconds=time.monotonic() - began, peak=peak, parts=parts)


def section(played: Sequence[Played], words: Sequence[str]) -> str:
    """Return the Markdown of ``played``."""
    seconds, green = [each.seconds for each in played], sum(each.green for each in played)
    parts: dict[str, list[float]] = defaultdict(list)
    for each in played:
        for name, took in each.parts.items():
            parts[name].append(took)
    rows = [
        f"| {name} | {statistics.median(took):.0f} s | {min(took):.0f}–{max(took):.0f} s |"
        for name, took in parts.items()
    ]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    given = f" with `{' '.join(words)}`" if words else ""
    load, peak = os.getloadavg()[0], max(each.peak for each in played) / 1e9
    how = (
        f"Command: `make prove-rehearsal TIMES={len(played)}`{given}; each is what `make rehearse` plays, libraries"
        f" installed. {machine}, code {code_version()}; load average {load:.1f} at the end."
    )
    found = (
        f"**{green} of {len(played)} green.** Peak memory, all processes: {peak:.2f} GB (PSS: shared pages counted"
        " once). Acts that are played at a time each count their own seconds."
    )
    return "\n".join(
        [
            "## Rehearsals in a row",
            "",
            how,
            "",
            found,
            "",
            "| | median | least–most |",
            "|---|---|---|",
            f"| **the whole** | **{statistics.median(seconds):.0f} s** | {min(seconds):.0f}–{max(seconds):.0f} s |",
            *rows,
        ]
    )


def main() -> int:
    """Play; return 1 where one did not end well."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rehearsals", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--output", type=Path, required=True, help="the page that keeps the section")
    parser.add_argument("words", nargs="*", help="after --, what the rehearsal is told")
    given = parser.parse_args()
    played: list[Played] = []
    for number in range(1, given.times + 1):
        with tempfile.TemporaryDirectory(prefix="rehearsal-", ignore_cleanup_errors=True) as folder:
            found = play(Path(folder), given.words)
            if not found.green:
                kept = Path("out/rehearsal") / f"failed-{os.getpid()}-{number}"
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(folder, kept)
                say(f"  kept: {kept}")
        played.append(found)
        how = "green" if found.green else "FAILED"
        say(f"▸ {number} of {given.times}: {how}, {found.seconds:.0f} s, {found.peak / 1e9:.2f} GB")
        # After each, so that none is lost.
        keep(given.output, _SECTION, section(played, given.words))
    return 0 if all(each.green for each in played) else 1


if __name__ == "__main__":
    sys.exit(main())
