"""The emulated AWS, from the side of whoever starts it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ml.jobs.container import ROOT_VARIABLE
from rehearsal.processes import running
from rehearsal.world import ACCOUNT, REGION, REGISTRY, SPEED, World, inherited

ROOT: Final = Path(__file__).parents[1]
# Where the cluster of the same folder says how it is called.
CLUSTER_FILE: Final = "cluster/ready.json"
NODE_MODULES: Final = ROOT / "node_modules"
# What the images' program calls, and the modules and libraries of its jobs, of which some load the latter late.
_ENTRY: Final = "ml.cli:main"
_PRELOADED: Final = (
    *(f"ml.jobs.{job}" for job in ("etl", "feed", "encode", "train", "evaluate", "monitor")),
    "great_expectations",
    "cloud.features",
)


@contextmanager
def emulated(
    folder: Path, *, speed: float = SPEED, cluster_file: Path | None = None, program: Path | None = None
) -> Iterator[World]:
    """Run the emulator inside the block; everything it writes goes below ``folder``/aws, its log into ``aws.log``.

    ``program`` is what the registry's images run, this environment's ``mlops`` unless given.

    Raises:
        RehearsalError: it did not start.

    """
    folder = folder.resolve()
    place = folder / "aws"
    place.mkdir(parents=True, exist_ok=True)
    options = {
        "--folder": place,
        "--speed": speed,
        "--account": ACCOUNT,
        "--region": REGION,
        "--image-registry": REGISTRY,
        "--program": program or Path(sys.executable).with_name("mlops"),
        "--image-variable": f"{ROOT_VARIABLE}={{root}}",
        "--cluster": cluster_file or folder / CLUSTER_FILE,
        "--node-modules": NODE_MODULES,
    }
    command = [sys.executable, "-m", "rehearsal.emulator", *(str(part) for pair in options.items() for part in pair)]
    if program is None:
        command += ["--entry", _ENTRY, "--preload", *_PRELOADED]
    # The program sets the latter for itself; but a fork has the libraries that read it already.
    environment = {**inherited(), "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
    ready = place / "ready.json"
    with running(command, log=folder / "aws.log", environment=environment, ready=ready):
        said = json.loads(ready.read_text(encoding="utf-8"))
        world = World(folder=folder, speed=speed, **{**said, "authority": Path(said["authority"])})
        world.save()
        yield world
