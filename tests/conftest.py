"""Fixtures shared by all tests."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.shared import FOLDER

# Messages are compared as text: no line is to end where a terminal would.
os.environ["COLUMNS"] = "200"

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder in which the workers of this run share what is made once."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="mlops-tests-")
        os.environ[FOLDER] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
def real_files() -> list[Path]:
    """The weekly files of the dunnhumby sample, in order of week."""
    folder = Path(os.environ.get("MLOPS_DATA", REPOSITORY.parent / "shared" / "data")) / "dunnhumby"
    files = sorted(folder.glob("transactions_*.csv.gz"))
    if not files:
        pytest.skip(f"real data is not here: {folder} holds no weekly files")
    return files
