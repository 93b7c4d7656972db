"""One finished run that many tests look at."""

from pathlib import Path

import pytest

from ml.data.generate import generate_weeks
from tests.integration.runs import mlops, small_use_case


@pytest.fixture(scope="session")
def weekly(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three generated weeks of 1,200 baskets."""
    folder = tmp_path_factory.mktemp("weekly")
    return generate_weeks(weeks=3, baskets_per_week=1200, seed=11, output=folder)


@pytest.fixture(scope="session")
def use_case_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A use case with small models."""
    return small_use_case(tmp_path_factory.mktemp("use-case") / "small.yaml")


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, weekly: list[Path], use_case_file: Path) -> Path:
    """The work directory of a finished run; tests only read it."""
    workdir = tmp_path_factory.mktemp("lake") / "work"
    done = mlops("run", "--input", *weekly, "--workdir", workdir, "--use-case", use_case_file)
    assert done.returncode == 0, done.stderr
    return workdir
