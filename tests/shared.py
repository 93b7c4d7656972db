"""What the processes of one test run make once and all read: synthesized stacks, a finished run."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

# tests/conftest.py makes and removes it.
FOLDER = "MLOPS_TEST_SHARED"


def new_folder() -> Path:
    """Return a folder that goes when this test run ends."""
    return Path(tempfile.mkdtemp(dir=os.environ[FOLDER]))


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder ``name`` of this test run, filled by ``make`` in the first process that asks."""
    folder = Path(os.environ[FOLDER]) / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_suffix(".done")
        if not done.exists():
            # What a process left that failed half-way.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
