"""What the rehearsal itself knows of its run, written down as it goes on, for the page."""

import json
import os
import platform
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ml.files import write_json
from rehearsal.aws import ROOT
from rehearsal.page.document import Load, Run, Timing

RUN: Final = "run.json"
TIMINGS: Final = "timings.json"
LOAD: Final = "load.json"
_PACKAGES: Final = ("ministack", "aws-cdk-lib", "boto3", "xgboost-cpu", "onnxruntime")


class Journal:
    """The run (``run.json``), what took how long (``timings.json``), and requests in the background (``load.json``).

    ``data`` says in words where the weekly files are from.
    """

    def __init__(self, folder: Path, *, speed: float, data: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._kept: dict[str, list[Any]] = {TIMINGS: [], LOAD: []}
        self._run = Run(
            started=datetime.now(UTC),
            speed=speed,
            machine=_machine(),
            commit=_commit(),
            data=data,
            versions=_versions(),
        )
        write_json(folder / RUN, self._run.model_dump(mode="json"))

    @contextmanager
    def step(self, name: str, *, detail: str = "") -> Iterator[None]:
        """Enter how long the block took, also where it failed."""
        began = datetime.now(UTC)
        try:
            yield
        finally:
            seconds = (datetime.now(UTC) - began).total_seconds()
            self._keep(TIMINGS, Timing(step=name, started=began, seconds=seconds, detail=detail))

    def load(self, load: Load) -> None:
        """Enter what became of requests."""
        self._keep(LOAD, load)

    def end(self) -> None:
        """Enter that the run has ended."""
        self._run = self._run.model_copy(update={"ended": datetime.now(UTC)})
        write_json(self._folder / RUN, self._run.model_dump(mode="json"))

    def _keep(self, name: str, entry: Timing | Load) -> None:
        with self._lock:
            self._kept[name].append(entry.model_dump(mode="json"))
            write_json(self._folder / name, self._kept[name])


def _machine() -> str:
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{os.cpu_count()} cores, {gigabytes:.0f} GB, {platform.system()} {platform.release()} {platform.machine()}"


def _commit() -> str:
    """Return the commit of this code; nothing where there is no repository, or no Git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607  whichever is there
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


def _versions() -> dict[str, str]:
    tools = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "CDK's command line": tools["aws-cdk"],
    }
