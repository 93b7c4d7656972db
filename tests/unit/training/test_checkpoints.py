"""An interrupted training goes on from what it had worked out."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from ml.training import train as training
from ml.training.checkpoints import Checkpoints
from ml.training.train import train_candidate
from ml.use_case import Candidate
from tests.models import description, small, training_data


def _searched() -> Any:
    candidate = Candidate.model_validate({"fixed": {"min_samples_leaf": 10}, "grid": {"max_depth": [1, 6]}})
    return small().model_copy(update={"candidates": {"decision_tree": candidate}})


def _train(folder: Path, checkpoints: Path | None) -> dict[str, Any]:
    folder.mkdir()
    return train_candidate(
        "decision_tree",
        training_data(),
        _searched(),
        folder=folder,
        description=description(),
        threads=1,
        checkpoints=Checkpoints(checkpoints),
    )


def test_a_training_that_was_interrupted_fits_only_what_is_missing_and_gives_the_same_bundle(tmp_path: Path) -> None:
    whole = _train(tmp_path / "whole", None)
    fit, calls = training.fit, 0

    def interrupted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:  # two points of the grid and one fold are done
            raise KeyboardInterrupt
        return fit(*arguments, **options)

    with patch.object(training, "fit", interrupted), pytest.raises(KeyboardInterrupt):
        _train(tmp_path / "first", tmp_path / "checkpoints")
    with patch.object(training, "fit", wraps=fit) as counted:
        resumed = _train(tmp_path / "second", tmp_path / "checkpoints")
    assert counted.call_count == 2 + 2  # the two folds that were missing, and the two bundles
    assert resumed == whole


def test_another_training_does_not_use_them() -> None:
    given = Checkpoints(Path("kept"))
    rows = np.arange(4.0)
    own = given.of({"model": "xgboost"}, rows).folder
    assert own == given.of({"model": "xgboost"}, rows.copy()).folder
    assert own not in {given.of({"model": "majority"}, rows).folder, given.of({"model": "xgboost"}, rows + 1).folder}


def test_without_a_folder_nothing_is_kept() -> None:
    counts = iter(range(2))
    for expected in range(2):
        assert Checkpoints().of({}).kept("fold-0", {}, lambda: {"n": next(counts)}) == {"n": expected}
