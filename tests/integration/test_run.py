"""The whole run: what it leaves, and that running it again changes nothing."""

import shutil
from pathlib import Path

import pytest

from ml.bundle import Bundle
from ml.data.generate import generate_weeks
from ml.files import read_json
from tests.integration.runs import mlops, results, run_folder, small_use_case


def _refined(lake: Path, target: Path) -> Path:
    """A copy of the lake with its weeks and without its runs and models."""
    for layer in ("raw", "silver", "gold"):
        shutil.copytree(lake / layer, target / layer)
    return target


def _tree(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_the_lake_the_report_and_an_approved_champion(lake: Path) -> None:
    folder = run_folder(lake)
    record = read_json(folder / "run.json")
    assert record["accepted"]
    assert record["champion"] == record["model_version"]
    for name in ("report.html", "model_card.md", "evaluation.json", "holdout_predictions.parquet"):
        assert (folder / name).is_file()
    for layer in ("raw", "silver/transactions", "gold/baskets", "gold/products"):
        weeks = sorted(path.name for path in (lake / layer).iterdir())
        assert weeks == ["shop_week=200607", "shop_week=200608", "shop_week=200609"]
    bundle = Bundle.load(lake / "artifacts" / "models" / record["model_version"])
    assert bundle.manifest["lineage"]["inputs"][0]["sha256"]
    assert bundle.manifest["run"] == record["run"]


def test_every_model_names_its_inputs_code_schema_and_run(lake: Path) -> None:
    record = read_json(run_folder(lake) / "run.json")
    manifest = read_json(lake / "artifacts" / "models" / record["model_version"] / "manifest.json")
    raw = {path.name for path in (lake / "raw").rglob("*.csv")}
    assert {each["name"] for each in manifest["lineage"]["inputs"]} == raw
    assert manifest["code_version"] == manifest["lineage"]["code_version"]
    assert manifest["feature_schema"]["names"]
    assert set(manifest["files"]) >= {"model.onnx", "encoder.json", "evaluation.json", "report.html"}


def test_a_finished_run_is_not_run_twice(lake: Path, weekly: list[Path], use_case_file: Path) -> None:
    before = _tree(lake / "artifacts" / "runs") | _tree(lake / "silver") | _tree(lake / "gold")
    again = mlops("run", "--input", *weekly, "--workdir", lake, "--use-case", use_case_file)
    assert again.returncode == 0, again.stderr
    assert "is complete" in again.stderr
    assert "0 of them new" in again.stderr
    assert _tree(lake / "artifacts" / "runs") | _tree(lake / "silver") | _tree(lake / "gold") == before


@pytest.mark.usefixtures("without_charts")
def test_two_runs_of_the_same_input_give_identical_metrics_and_predictions(
    lake: Path, weekly: list[Path], use_case_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    # Another order of the inputs and another number of cores.
    done = mlops("run", "--input", *reversed(weekly), "--workdir", other, "--use-case", use_case_file, "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert results(other) == results(lake)
    versions = [sorted(path.name for path in (each / "artifacts" / "models").iterdir()) for each in (lake, other)]
    assert versions[0] == versions[1]


@pytest.mark.usefixtures("without_charts")
def test_a_second_delivery_processes_the_new_file_only_and_meets_the_champion(
    lake: Path, use_case_file: Path, tmp_path: Path
) -> None:
    workdir = tmp_path / "work"
    shutil.copytree(lake, workdir)
    first = read_json(run_folder(workdir) / "run.json")
    silver = _tree(workdir / "silver" / "transactions")
    newest = generate_weeks(weeks=4, baskets_per_week=1200, seed=11, output=tmp_path / "in")[-1]
    second = mlops("run", "--input", newest, "--workdir", workdir, "--use-case", use_case_file)
    assert second.returncode == 0, second.stderr
    assert "1 files, 1 of them new" in second.stderr
    after = _tree(workdir / "silver" / "transactions")
    assert {path: after[path] for path in silver} == silver
    assert len(after) > len(silver)
    [record] = [
        each
        for each in map(read_json, (workdir / "artifacts" / "runs").glob("*/run.json"))
        if each["run"] != first["run"]
    ]
    assert record["champion_before"] == first["champion"]
    evaluation = read_json(workdir / "artifacts" / "runs" / record["run"] / "evaluation.json")
    judged = next(each for each in evaluation["candidates"] if each["name"] == evaluation["winner"])
    assert evaluation["champion"]["holdout"]["rows"] == judged["holdout"]["rows"]
    assert evaluation["data"]["train_weeks"] == [200607, 200608, 200609]


@pytest.mark.usefixtures("without_charts")
def test_a_weak_model_ends_the_run_normally_with_the_reason(lake: Path, weekly: list[Path], tmp_path: Path) -> None:
    gate = {"accuracy": 0.999, "macro_f1": 0.7, "class_precision": 0.65, "max_regression": 0.0, "approval": "automatic"}
    use_case = small_use_case(tmp_path / "strict.yaml", gate=gate, candidates={"decision_tree": {}})
    workdir = _refined(lake, tmp_path / "work")
    done = mlops("run", "--input", *weekly, "--workdir", workdir, "--use-case", use_case)
    assert done.returncode == 0, done.stderr
    assert "Rejected at the gate" in done.stdout
    record = read_json(run_folder(workdir) / "run.json")
    assert not record["accepted"]
    assert any("accuracy" in reason and "0.999" in reason for reason in record["reasons"])
    assert record["champion"] is None
    assert "0.999" in (run_folder(workdir) / "report.html").read_text(encoding="utf-8")
    assert not (workdir / "artifacts" / "models").exists()


@pytest.mark.usefixtures("without_charts")
def test_a_model_worse_than_the_champion_on_the_same_rows_is_rejected(
    lake: Path, weekly: list[Path], tmp_path: Path
) -> None:
    workdir = tmp_path / "work"
    shutil.copytree(lake, workdir)
    champion = read_json(run_folder(workdir) / "run.json")["champion"]
    lenient = {"accuracy": 0.1, "macro_f1": 0.1, "class_precision": 0.0, "max_regression": 0.0, "approval": "automatic"}
    use_case = small_use_case(tmp_path / "lenient.yaml", gate=lenient, candidates={"majority": {}})
    done = mlops("run", "--input", *weekly, "--workdir", workdir, "--use-case", use_case)
    assert done.returncode == 0, done.stderr
    [record] = [
        each
        for each in map(read_json, (workdir / "artifacts" / "runs").glob("*/run.json"))
        if each["champion_before"] == champion
    ]
    assert not record["accepted"]
    assert any("champion" in reason for reason in record["reasons"] if reason.startswith("Failed"))
    assert read_json(workdir / "artifacts" / "registry" / "price_sensitivity" / "champion.json")["version"] == champion


@pytest.mark.usefixtures("without_charts")
def test_manual_approval_waits_for_a_person(lake: Path, weekly: list[Path], tmp_path: Path) -> None:
    gate = {"accuracy": 0.5, "macro_f1": 0.3, "class_precision": 0.1, "max_regression": 0.0, "approval": "manual"}
    use_case = small_use_case(tmp_path / "manual.yaml", gate=gate, candidates={"decision_tree": {}})
    workdir = _refined(lake, tmp_path / "work")
    done = mlops("run", "--input", *weekly, "--workdir", workdir, "--use-case", use_case)
    assert done.returncode == 0, done.stderr
    record = read_json(run_folder(workdir) / "run.json")
    assert (record["status"], record["champion"]) == ("PendingManualApproval", None)
    version = record["model_version"]
    assert "PendingManualApproval" in mlops("models", "list", "--workdir", workdir).stdout
    approved = mlops("models", "approve", version, "--workdir", workdir, "--by", "ada", "--reason", "checked")
    assert approved.returncode == 0, approved.stderr
    shown = mlops("models", "show", version, "--workdir", workdir)
    assert '"by": "ada"' in shown.stdout
    assert '"champion": true' in shown.stdout
    refused = mlops("models", "reject", version, "--workdir", workdir)
    assert refused.returncode == 2
    assert "champion" in refused.stderr


def test_two_runs_in_one_work_directory_do_not_meet(lake: Path, weekly: list[Path], tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    workdir = tmp_path / "work"
    workdir.mkdir()
    with (workdir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = mlops("run", "--input", *weekly, "--workdir", workdir)
    assert done.returncode == 2
    assert "is in use" in done.stderr
