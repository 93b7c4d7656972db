"""Runs of the real command line on small generated data."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq

from ml.cli import main
from ml.files import read_json, write_json
from ml.use_case import load_use_case

HOLDOUT_WEEKS = 1


def small_use_case(target: Path, **changes: Any) -> Path:
    """Write the built-in use case with models that train in a second; ``changes`` replace top-level keys."""
    values = load_use_case("price_sensitivity").model_dump(mode="json")
    values["split"] |= {"holdout_weeks": HOLDOUT_WEEKS, "folds": 3}
    values["features"]["encoder"] |= {"basket_weight_power": [2.0], "smoothing": [0.3], "rounds": [0, 4]}
    values["candidates"] = {
        "majority": {},
        "logistic_regression": {"fixed": {"C": 1.0}},
        "decision_tree": {"fixed": {"min_samples_leaf": 20}, "grid": {"max_depth": [4, 8]}},
    }
    values["validation"]["sample_rows"] = 500
    values["gate"] |= {"accuracy": 0.5, "macro_f1": 0.4, "class_precision": 0.3}
    write_json(target, {**values, **changes})
    return target


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


def mlops(*arguments: str | Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Done:
    """Run ``mlops`` to its end in this process, which has the libraries loaded already."""
    out, err = StringIO(), StringIO()
    with (
        patch.dict(os.environ, environment or {}),
        chdir(cwd or Path.cwd()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main(list(map(str, arguments)))
        except SystemExit as exit_:
            return Done(int(exit_.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("the command line did not exit")


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of ``mlops`` as a process of its own."""
    return [sys.executable, "-m", "ml.cli", *map(str, arguments)]


def run_folder(workdir: Path) -> Path:
    """Return the folder of the only run below ``workdir``."""
    [folder] = (workdir / "artifacts" / "runs").iterdir()
    return folder


def results(workdir: Path) -> tuple[Any, list[dict[str, Any]]]:
    """Return what must come out equal: the evaluation without its timings, and the predictions."""
    folder = run_folder(workdir)
    evaluation = read_json(folder / "evaluation.json")
    for candidate in evaluation["candidates"]:
        del candidate["seconds"]
    predictions = pq.read_table(folder / "holdout_predictions.parquet").to_pylist()
    return evaluation, predictions


def whole(files: Sequence[Path]) -> None:
    """Fail unless every file with a final name can be read to its end."""
    for path in files:
        if any(part.startswith(".tmp-") for part in path.parts):
            continue
        if path.suffix == ".parquet":
            pq.read_table(path, partitioning=None)
        elif path.suffix == ".json":
            read_json(path)
