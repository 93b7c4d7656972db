"""What the emulator is told when it starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the emulator listens and writes, and how it stands for AWS.

    ``image_registry`` names images that are commands of this environment: a container of ``<registry>/anything:tag``
    is ``program`` run with the container's arguments, with ``image_environment`` as the image's own variables, in which
    ``{root}`` stands for the folder that is ``/opt/ml`` in a container. ``cluster`` is the file in which the cluster's
    process says where it listens and by which authority it is known (``url``, ``authority``: PEM text); it may come
    later. Where ``entry`` (``module:function``) says what ``program`` calls, jobs are forks of a process that has
    loaded the modules ``preloaded``.
    """

    folder: Path
    port: int
    account: str
    region: str
    speed: float
    image_registry: str
    program: Path
    cluster: Path
    image_environment: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""
    preloaded: tuple[str, ...] = ()
