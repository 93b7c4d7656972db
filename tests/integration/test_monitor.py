"""Monitoring as a command: a served model's predictions, the lake's labels, and a bundle that says what to expect."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from config.monitoring import Answer, Monitoring
from ml.bundle import REFERENCE, Bundle
from ml.data.fiscal_weeks import monday_of
from ml.features.encoder import ProductEncoder
from ml.files import read_json, write_json
from ml.serving.capture import Record
from ml.serving.predictor import Predictor
from tests.integration.runs import mlops
from tests.serving import as_sent

pytestmark = pytest.mark.usefixtures("without_charts")


@pytest.fixture(autouse=True)
def _without_monitoring_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.monitoring.report.embed", lambda *_, **__: "")


def bundle_of(lake: Path) -> Path:
    """Return the only registered bundle of the lake."""
    [folder] = (lake / "artifacts" / "models").iterdir()
    return folder


def served(lake: Path, folder: Path, predictor: Predictor) -> Path:
    """Capture the predictions of the lake's last week, as the service would have; return the folder."""
    week = sorted((lake / "silver" / "transactions").iterdir())[-1]
    (folder / "silver" / "transactions").mkdir(parents=True)
    shutil.copytree(week, folder / "silver" / "transactions" / week.name)
    baskets = as_sent(folder / "silver")
    time = datetime.combine(monday_of(int(week.name.partition("=")[2])), datetime.min.time(), UTC).isoformat()
    records = [Record(time, *pair) for pair in zip(baskets, predictor.predict(baskets), strict=True)]
    (folder / "captured").mkdir()
    (folder / "captured" / "0.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, records)) + b"\n")
    return folder / "captured"


def shuffled(bundle: Bundle) -> Bundle:
    """Return the bundle with its products' vectors dealt out anew."""
    encoder = bundle.features.encoder
    assert encoder is not None
    level = encoder.levels[0]
    dealt = {**encoder.vectors, level: np.random.default_rng(4).permutation(encoder.vectors[level])}
    wrong = ProductEncoder(encoder.levels, encoder.codes, dealt, encoder.prior, encoder.classes)
    return replace(bundle, features=replace(bundle.features, encoder=wrong))


def judged(captured: Path, lake: Path, output: Path, use_case_file: Path, reference: Path | None = None) -> Any:
    places = ("--labels", lake, "--reference", reference or lake, "--output", output)
    done = mlops("monitor", "--captured", captured, *places, "--use-case", use_case_file)
    assert done.returncode == 0, done.stderr
    found = Monitoring.model_validate(read_json(output / "monitoring.json"))
    [version] = found.versions
    return version


def test_a_model_that_serves_as_promised_is_ok(lake: Path, tmp_path: Path, use_case_file: Path) -> None:
    captured = served(lake, tmp_path / "in", Predictor.load(bundle_of(lake)))
    version = judged(captured, lake, tmp_path / "out", use_case_file)
    assert version.version == bundle_of(lake).name
    assert version.quality is Answer.OK
    # Two small weeks do not teach all products, and monitoring says so; nothing else has moved.
    moved = {check.name: check.answer for check in version.checks[2:]}
    assert moved == {"input_drift": Answer.OK, "prediction_drift": Answer.OK, "unseen_products": Answer.WORSE}
    promised = read_json(bundle_of(lake) / "manifest.json")["metrics"]["accuracy"]
    # The week is the hold-out itself: what was promised there must come out here, to the last basket.
    assert version.checks[0].value == pytest.approx(promised)
    assert version.checks[0].limit == pytest.approx(max(0.5, promised - 0.02))


def test_a_degraded_model_is_worse(lake: Path, tmp_path: Path, use_case_file: Path) -> None:
    captured = served(lake, tmp_path / "in", Predictor(shuffled(Bundle.load(bundle_of(lake)))))
    assert judged(captured, lake, tmp_path / "out", use_case_file).quality is Answer.WORSE


def test_a_bundle_of_before_is_judged_on_quality_and_says_why_not_on_drift(
    lake: Path, tmp_path: Path, use_case_file: Path
) -> None:
    old = tmp_path / "old"
    shutil.copytree(bundle_of(lake), old)
    (old / REFERENCE).unlink()
    manifest = read_json(old / "manifest.json")
    del manifest["files"][REFERENCE]
    write_json(old / "manifest.json", manifest)
    captured = served(lake, tmp_path / "in", Predictor.load(old))
    version = judged(captured, lake, tmp_path / "out", use_case_file, reference=old)
    by_name = {check.name: check for check in version.checks}
    assert version.quality is Answer.OK
    assert by_name["input_drift"].answer is Answer.NOT_ENOUGH_DATA
    assert "made without one" in by_name["input_drift"].sentence
    assert by_name["unseen_products"].value is not None


def test_the_job_as_sagemaker_runs_it_and_its_failure_where_it_is_read(
    lake: Path, tmp_path: Path, use_case_file: Path
) -> None:
    root = tmp_path / "opt" / "ml"
    inputs = root / "processing" / "input"
    inputs.mkdir(parents=True)
    captured = served(lake, tmp_path / "in", Predictor.load(bundle_of(lake)))
    environment = {"MLOPS_CONTAINER_ROOT": str(root)}
    shutil.copytree(captured, inputs / "captured")
    shutil.copytree(lake / "silver", inputs / "labels")
    done = mlops("monitor", "--use-case", use_case_file, environment=environment)
    assert done.returncode == 2
    assert "no reference given" in (root / "output" / "message").read_text()
    shutil.copytree(bundle_of(lake), inputs / "reference")
    done = mlops("monitor", "--use-case", use_case_file, environment=environment)
    assert done.returncode == 0, done.stderr
    output = root / "processing" / "output" / "monitoring"
    assert sorted(path.name for path in output.iterdir()) == [
        "monitoring.html",
        "monitoring.json",
        "monitoring_detail.json",
    ]
    direct = tmp_path / "direct"
    judged(captured, lake, direct, use_case_file)
    assert (output / "monitoring.json").read_bytes() == (direct / "monitoring.json").read_bytes()
