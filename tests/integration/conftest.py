"""One finished run that many tests look at."""

from pathlib import Path

import pytest

from ml.data.generate import generate_weeks
from tests.integration.runs import mlops, small_use_case
from tests.shared import made_once


@pytest.fixture(scope="session")
def weekly() -> list[Path]:
    """Three generated weeks of 1,200 baskets."""
    folder = made_once("weekly", lambda to: generate_weeks(weeks=3, baskets_per_week=1200, seed=11, output=to))
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def use_case_file() -> Path:
    """A use case with small models."""
    return made_once("use-case", lambda to: small_use_case(to / "small.yaml")) / "small.yaml"


@pytest.fixture(scope="session")
def lake(weekly: list[Path], use_case_file: Path) -> Path:
    """The work directory of a finished run; tests only read it."""

    def run(folder: Path) -> None:
        done = mlops("run", "--input", *weekly, "--workdir", folder / "work", "--use-case", use_case_file)
        assert done.returncode == 0, done.stderr

    return made_once("lake", run) / "work"


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the report's drawings out, which take half of a small run, where something else is looked at."""
    monkeypatch.setattr("ml.evaluation.report.embed", lambda *_, **__: "")
