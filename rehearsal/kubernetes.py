"""The cluster, from the side of whoever starts it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Final

from config.names import NAMESPACE
from ml.errors import SettingsError
from ml.progress import say
from rehearsal.aws import CLUSTER_FILE, ROOT
from rehearsal.cluster.lease import check
from rehearsal.cluster.remote import Remote
from rehearsal.processes import RehearsalError, last_words, running
from rehearsal.world import REGISTRY, World, inherited

# What the service does by itself, and how often it can at most.
_METRICS_SECONDS: Final = 10.0
_LEAST_SECONDS: Final = 0.5
# What the manifests' nodes for the API have.
_LABEL: Final = "workload=api"
# A real cluster takes its time to forget a namespace.
_END_SECONDS: Final = 75.0


@dataclass(frozen=True)
class RunningCluster:
    """A cluster that runs: its API, an administrator's token, and the one address in front of the pods."""

    folder: Path
    url: str
    authority: str
    token: str
    load_balancer: str
    is_real: bool = False

    @property
    def kubeconfig(self) -> Path:
        """The administrator's way to it, for kubectl."""
        return self.folder / "kubeconfig"


@contextmanager
def clustered(
    world: World, name: str, *, program: Path | None = None, kubeconfig: Path | None = None
) -> Iterator[RunningCluster]:
    """Run the EKS cluster ``name`` of ``world`` inside the block; all it writes goes below the world's folder.

    With a ``kubeconfig`` the cluster is that real one, which must be nobody's: pods that ask for an API node run here.

    Raises:
        RehearsalError: it did not start, or the real one is not as it was afterwards.

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
        **({"--kubeconfig": kubeconfig, "--namespace": NAMESPACE, "--label": _LABEL} if kubeconfig else {}),
    }
    command = [sys.executable, "-m", "rehearsal.cluster", *(str(part) for pair in options.items() for part in pair)]
    environment = {**inherited(), "PYTHONPATH": str(ROOT)}
    log = world.folder / "cluster.log"
    with (
        _cleared_up(log) as processes,
        running(command, log=log, environment=environment, ready=ready, seconds=_END_SECONDS) as process,
    ):
        if kubeconfig:
            processes.append(process)
        said = json.loads(ready.read_text(encoding="utf-8"))
        way = (said["url"], said["authority"], said["token"], said["load_balancer"])
        yield RunningCluster(folder, *way, is_real=kubeconfig is not None)


@contextmanager
def _cleared_up(log: Path) -> Iterator[list[Popen[bytes]]]:
    """Tell where a process, which is put into the list, did not end well: in a real cluster something may be left."""
    processes: list[Popen[bytes]] = []

    def told() -> str:
        return last_words(log, "did not end well") if any(each.returncode for each in processes) else ""

    try:
        yield processes
    except BaseException:
        if words := told():
            say(words)
        raise
    if words := told():
        raise RehearsalError(words)


def check_vacant(kubeconfig: Path) -> None:
    """Return if a rehearsal may take the cluster.

    Raises:
        SettingsError: it may not, and why.

    """
    try:
        check(Remote(kubeconfig), NAMESPACE)
    except RehearsalError as error:
        raise SettingsError(str(error)) from error
