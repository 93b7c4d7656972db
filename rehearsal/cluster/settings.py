"""What the cluster is told when it starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

READY: Final = "ready.json"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the cluster writes, which EKS cluster it is, and what images are.

    ``world`` is the folder in which AWS is described. Waits for a load balancer (a pod's ``preStop`` and
    ``minReadySeconds``) take a ``speed``-th of their time; probes, back-offs and deadlines take all of it.
    """

    folder: Path
    world: Path
    name: str
    image_registry: str
    program: Path
    speed: float
