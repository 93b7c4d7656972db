"""The model that every contender serves: one bundle, and the XGBoost object that it was exported from."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.bundle import ENCODER, PARITY, PARITY_TOLERANCE, VECTOR, read_manifest
from ml.files import new_folder, read_json, write_json
from ml.jobs.encode import load_training
from ml.training.encoders import EncoderSet
from ml.training.train import TrainingData, fit
from ml.use_case import load_use_case

WEEKS = 9


@dataclass(frozen=True)
class Model:
    """A bundle, its training weeks, the folder of the same model for peers, and the greatest gap in probabilities."""

    bundle: Path
    weeks: Sequence[int]
    parts: Path
    gap: float


def prepare(work: Path, files: Sequence[Path]) -> Model:
    """Return the model trained on ``files`` (the last one held out) below ``work``; made once, then used again."""
    lake = work / "lake"
    if not list(lake.glob("artifacts/runs/*/evaluation.json")):
        command = [sys.executable, "-m", "ml.cli", "run", "--workdir", str(lake), "--models", "xgboost"]
        command += ["--holdout-weeks", "1", "--input", *map(str, files)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    run = max(lake.glob("artifacts/runs/*/evaluation.json"), key=lambda path: path.stat().st_mtime).parent
    bundle, parts = run / "candidates" / "xgboost", work / "parts"
    if not _made_of(parts, bundle):
        with new_folder(parts) as temporary:
            _export(bundle, run, lake / "gold", temporary)
    weeks = read_manifest(bundle)["trained_on"]["weeks"]
    return Model(bundle, weeks, parts, float(read_json(parts / "made.json")["gap"]))


def _made_of(parts: Path, bundle: Path) -> bool:
    made = parts / "made.json"
    return made.is_file() and bool(read_json(made)["version"] == read_manifest(bundle)["version"])


def _export(bundle: Path, run: Path, gold: Path, folder: Path) -> None:
    """Fit the bundle's candidate once more, which gives the same trees, and write what peers load.

    Raises:
        RuntimeError: the model does not answer the bundle's parity sample.

    """
    manifest = read_manifest(bundle)
    use_case = load_use_case(str(run / "use_case.yaml"))
    _, training, folds = load_training(gold, use_case)
    data = TrainingData.prepare(training.baskets, folds, EncoderSet.load(run / "encoders"), use_case)
    vectors = data.vectors()
    model = fit("xgboost", manifest["parameters"], vectors, training.baskets.labels, use_case, threads=2)
    sample = read_json(bundle / PARITY)
    given = model.predict_proba(np.asarray(sample["vectors"], dtype=np.float32))
    gap = float(np.abs(given - np.asarray(sample["probabilities"])).max())
    if not gap <= PARITY_TOLERANCE:
        raise RuntimeError(f"the model fitted again differs from {bundle} by {gap:.2g}")
    model.save_model(folder / "model.ubj")
    _write_parts(bundle, folder / "parts.json")
    write_json(folder / "made.json", {"version": manifest["version"], "gap": gap})


def _write_parts(bundle: Path, target: Path) -> None:
    """Write what features need, as plain values."""
    manifest, vector, encoder = (
        read_manifest(bundle),
        read_json(bundle / VECTOR),
        read_json(bundle / ENCODER),
    )
    write_json(
        target,
        {
            "names": manifest["feature_schema"]["names"],
            "words": [each["word"] for each in manifest["classes"]],
            "cutoffs": vector["basket_features"]["cutoffs"],
            "prior": encoder["prior"],
            "levels": encoder["levels"],
        },
    )
