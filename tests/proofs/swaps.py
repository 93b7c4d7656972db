"""Another champion, again and again, while requests come."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.proofs.load import Ended, load
from tests.proofs.proof import MLOPS
from tests.server_process import serving
from tests.versions import Lake, copy_as, version_of

_LONGEST = 20.0


@dataclass(frozen=True)
class Swapped:
    """How often another version answered after it was asked for, and what became of the load."""

    swapped: int
    load: Ended


def under_load(bundle: Path, folder: Path, *, swaps: int, rate: float) -> Swapped:
    """Serve a lake with two versions of ``bundle``; promote one and the other in turn."""
    lake = Lake(folder)
    versions = [f"{version_of(bundle)[:-1]}{last}" for last in "ab"]
    for version in versions:
        copy_as(version, lake.bundle(version), bundle=bundle)
    lake.promote(versions[0])
    command = [MLOPS, "serve", "--model", str(folder), "--follow", "3600"]
    swapped = 0
    with serving(command) as server:

        def swap() -> None:
            nonlocal swapped
            for number in range(1, swaps + 1):
                wanted = versions[number % 2]
                lake.promote(wanted)
                os.kill(server.process.pid, signal.SIGHUP)
                until = time.monotonic() + _LONGEST
                while time.monotonic() < until:
                    if server.ask("GET", "/version")[1]["model_version"] == wanted:
                        swapped += 1
                        break
                    time.sleep(0.05)

        ended = load(server, rate=rate, seconds=swaps * 1.5, meanwhile=swap)
    return Swapped(swapped, ended)
