"""The cluster, from the side of whoever starts it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rehearsal.aws import CLUSTER_FILE, ROOT
from rehearsal.processes import running
from rehearsal.world import REGISTRY, World, inherited

# What the service does by itself, and how often it can at most.
_METRICS_SECONDS: Final = 10.0
_LEAST_SECONDS: Final = 0.5


@dataclass(frozen=True)
class RunningCluster:
    """A cluster that runs: its API, an administrator's token, and the one address in front of the pods.

    A real one may know its administrator by certificate: then there is no token, only the ``kubeconfig``.
    """

    folder: Path
    url: str
    authority: str
    token: str
    load_balancer: str

    @property
    def kubeconfig(self) -> Path:
        """The administrator's way to it, for kubectl."""
        return self.folder / "kubeconfig"


@contextmanager
def clustered(
    world: World, name: str, *, program: Path | None = None, kubeconfig: Path | None = None, label: str = ""
) -> Iterator[RunningCluster]:
    """Run the EKS cluster ``name`` of ``world`` inside the block; all it writes goes below the world's folder.

    With a ``kubeconfig`` the cluster is that real one: pods that ask for a node with ``label`` (NAME=VALUE) run here.

    Raises:
        RehearsalError: it did not start.

    """
    ready = world.folder / CLUSTER_FILE
    folder = ready.parent
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "--folder": folder,
        "--world": world.folder,
        "--name": name,
        "--image-registry": REGISTRY,
        "--program": program or Path(sys.executable).with_name("mlops"),
        "--speed": world.speed,
        # What the alarms look at goes out as often in one of their periods as it does in AWS.
        "--variable": f"MLOPS_METRICS_SECONDS={max(_LEAST_SECONDS, _METRICS_SECONDS / world.speed):g}",
        **({"--kubeconfig": kubeconfig, "--label": label} if kubeconfig else {}),
    }
    command = [sys.executable, "-m", "rehearsal.cluster", *(str(part) for pair in options.items() for part in pair)]
    environment = {**inherited(), "PYTHONPATH": str(ROOT)}
    with running(command, log=world.folder / "cluster.log", environment=environment, ready=ready):
        said = json.loads(ready.read_text(encoding="utf-8"))
        yield RunningCluster(folder, **{key: said[key] for key in ("url", "authority", "token", "load_balancer")})
