"""Each peer in an environment of its own, installed from its hashed lock file by the Makefile's rule."""

import subprocess
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """One peer's interpreter and the versions in it that a reader wants to know."""

    python: Path
    versions: str


def build(peer: str, root: Path) -> Environment:
    """Return the environment of ``peer`` in the project at ``root``, made anew where its lock file has changed.

    Raises:
        RuntimeError: it cannot be installed; the message has the installer's.

    """
    folder = Path(".peers") / peer
    command = ["make", "--silent", "--directory", str(root), str(folder / ".installed")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{peer} cannot be installed: {done.stderr.strip()[-1_500:]}")
    [packages] = (root / folder).glob("lib/python*/site-packages")
    named = (peer, "pandas", "xgboost-cpu")
    return Environment(
        root / folder / "bin" / "python", ", ".join(f"{name} {_version(name, packages)}" for name in named)
    )


def _version(name: str, packages: Path) -> str:
    return next(each.version for each in distributions(name=name, path=[str(packages)]))
