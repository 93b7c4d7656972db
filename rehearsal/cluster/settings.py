"""What the cluster is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

READY: Final = "ready.json"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A real cluster to be the only node of, with ``labels``, and to have ``namespace`` in until the end."""

    kubeconfig: Path
    namespace: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the cluster writes, which EKS cluster it is, and what images are.

    ``world`` is the folder in which AWS is described. Waits for a load balancer (a pod's ``preStop`` and
    ``minReadySeconds``) and the patience with a rollout take a ``speed``-th of their time; probes and back-offs take
    all of it.

    Every container's process has ``variables``, besides its own.

    With ``taken`` the API server and the controllers are that cluster's, with times of their own.
    """

    folder: Path
    world: Path
    name: str
    image_registry: str
    program: Path
    speed: float
    variables: dict[str, str] = field(default_factory=dict)
    taken: Taken | None = None
