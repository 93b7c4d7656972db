"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

# Messages are compared as text: no line is to end where a terminal would.
os.environ["COLUMNS"] = "200"

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_files() -> list[Path]:
    """The weekly files of the dunnhumby sample, in order of week."""
    folder = Path(os.environ.get("MLOPS_DATA", REPOSITORY.parent / "shared" / "data")) / "dunnhumby"
    files = sorted(folder.glob("transactions_*.csv.gz"))
    if not files:
        pytest.skip(f"real data is not here: {folder} holds no weekly files")
    return files
