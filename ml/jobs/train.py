"""The train job: one candidate, from gold and the encoders to a verified bundle."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from ml.errors import SettingsError
from ml.files import new_folder, replace_folder
from ml.jobs.encode import load_training
from ml.training.checkpoints import Checkpoints
from ml.training.encoders import EncoderSet, fit_encoder_set, search_encoder
from ml.training.train import TrainingData, train_candidate
from ml.use_case import ModelName, UseCase
from ml.version import code_version, library_versions


def train(
    *,
    model: ModelName,
    gold: Path,
    encoders: Path | None,
    output: Path,
    use_case: UseCase,
    threads: int,
    checkpoints: Path | None = None,
) -> dict[str, Any]:
    """Train candidate ``model`` and write its bundle to ``output``; return the manifest.

    Without ``encoders`` (the encode job's output) they are fitted here. A training that was interrupted goes on
    from what it left in ``checkpoints``.

    Raises:
        SettingsError: the use case has no such candidate, or a hyper-parameter is wrong.
        DataError: there is not enough labelled data.

    """
    if model not in use_case.candidates:
        known = ", ".join(use_case.candidates)
        raise SettingsError(f"use case {use_case.name} has no candidate {model}; it has: {known}")
    split, training, folds = load_training(gold, use_case)
    fitted = EncoderSet.load(encoders) if encoders else _fit(training.baskets, folds, use_case, threads)
    data = TrainingData.prepare(training.baskets, folds, fitted, use_case)
    description = {
        "use_case": use_case.name,
        "classes": [each.model_dump() for each in use_case.label.classes],
        "trained_on": {"weeks": list(split.train), "baskets": len(training.baskets)},
        "use_case_fingerprint": use_case.settings_fingerprint,
        "code_version": code_version(),
        "libraries": library_versions(),
        "seed": use_case.split.seed,
    }
    write = partial(
        train_candidate,
        model,
        data,
        use_case,
        description=description,
        threads=threads,
        checkpoints=Checkpoints(checkpoints),
    )
    # Forests and boosting take their threads by themselves. Those of BLAS and OpenMP cost the linear models three times
    # the processor time, for matrices that are too small for them.
    with threadpool_limits(1):
        return _write(write, output)


def _write(write: Callable[..., dict[str, Any]], output: Path) -> dict[str, Any]:
    # SageMaker mounts the model folder itself, so it cannot be renamed into place: its content can.
    if output.is_dir() and output.is_mount():
        with new_folder(output / ".building") as temporary:
            manifest = write(folder=temporary)
        for part in sorted((output / ".building").iterdir()):
            replace_folder(part, output / part.name) if part.is_dir() else part.replace(output / part.name)
        (output / ".building").rmdir()
        return manifest
    with new_folder(output) as temporary:
        return write(folder=temporary)


def _fit(baskets: Any, folds: Any, use_case: UseCase, threads: int) -> EncoderSet:
    parameters, tried = search_encoder(baskets, folds, use_case, threads=threads)
    classes = len(use_case.label.classes)
    return fit_encoder_set(baskets, folds, parameters, classes=classes, search=tried, threads=threads)
