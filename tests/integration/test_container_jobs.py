"""Each job under the SageMaker contract: channels in, outputs and failure reasons where they are read."""

import shutil
from pathlib import Path

import pytest

from ml.bundle import Bundle
from ml.files import read_json, write_json
from tests.integration.runs import mlops, run_folder


@pytest.fixture
def container(tmp_path: Path) -> Path:
    root = tmp_path / "opt" / "ml"
    root.mkdir(parents=True)
    return root


def test_a_runs_weeks_are_fed_and_gold_is_read_back_from_channels_alone(
    container: Path, weekly: list[Path], use_case_file: Path, tmp_path: Path
) -> None:
    environment = {"MLOPS_CONTAINER_ROOT": str(container)}
    refined = tmp_path / "lake"
    done = mlops("etl", "--input", *weekly, "--output", refined, "--use-case", use_case_file)
    assert done.returncode == 0, done.stderr
    channels, produced = container / "processing" / "input", container / "processing" / "output"
    shutil.copytree(refined / "gold", channels / "gold")
    shutil.copytree(refined / "reports", channels / "refined")
    raw = [{"key": f"raw/{path.name}", "came_at": "2026-03-02T10:00:00Z"} for path in weekly]
    write_json(channels / "run" / "run.json", {"raw": raw})
    offline = channels / "offline" / "123456789012" / "sagemaker" / "offline-store" / "baskets-1"
    done = mlops("feed", "--to", offline, environment=environment)
    assert done.returncode == 0, done.stderr
    fed = read_json(produced / "fed" / "feed.json")
    assert [each["event_time"] for each in fed["weeks"]] == ["2026-03-02T10:00:00Z"] * len(weekly)

    shutil.copytree(refined / "gold" / "products", channels / "products")
    done = mlops("as-of", "--time", "2026-03-02T10:00:00Z", "--use-case", use_case_file, environment=environment)
    assert done.returncode == 0, done.stderr
    encoders = [tmp_path / name for name in ("of-the-lake", "as-of")]
    for gold, output in zip((refined / "gold", produced / "gold"), encoders, strict=True):
        done = mlops("encode", "--gold", gold, "--output", output, "--use-case", use_case_file)
        assert done.returncode == 0, done.stderr
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} for folder in encoders)
    assert one == other, "what is learnt from it is the same"


def test_the_jobs_run_one_after_another_from_channels_alone(
    container: Path, weekly: list[Path], use_case_file: Path
) -> None:
    environment = {"MLOPS_CONTAINER_ROOT": str(container)}
    raw = container / "processing" / "input" / "raw"
    raw.mkdir(parents=True)
    for path in weekly:
        shutil.copy(path, raw)
    done = mlops("etl", "--use-case", use_case_file, environment=environment)
    assert done.returncode == 0, done.stderr
    produced = container / "processing" / "output"
    assert (produced / "lake" / "reports" / "validation.html").is_file()

    data = container / "input" / "data"
    shutil.copytree(produced / "lake" / "gold", data / "gold")
    done = mlops("encode", "--use-case", use_case_file, environment=environment)
    assert done.returncode == 0, done.stderr
    shutil.copytree(produced / "encoders", data / "encoders")

    (container / "checkpoints").mkdir()
    hyperparameters = {"model": "decision_tree", "use_case": str(use_case_file), "max_depth": "3"}
    write_json(container / "input" / "config" / "hyperparameters.json", hyperparameters)
    done = mlops("train", environment=environment)
    assert done.returncode == 0, done.stderr
    bundle = Bundle.load(container / "model")
    assert bundle.manifest["parameters"] == {"min_samples_leaf": 20, "max_depth": 3}
    assert len(list((container / "checkpoints").glob("*/fold-*.json"))) == 3

    # As SageMaker hands a training job's model on.
    channels = container / "processing" / "input"
    packed = channels / "candidates" / "decision_tree" / "a-job" / "output"
    packed.mkdir(parents=True)
    shutil.make_archive(str(packed / "model"), "gztar", container / "model")
    shutil.copytree(produced / "lake" / "silver" / "_manifests", channels / "manifests")
    versioned = {"uri": f"s3://lake/raw/{weekly[0].name}", "version_id": "3sL4kqtJlcpXroDTDmJ"}
    write_json(channels / "run" / "run.json", {"run": "200607-abc", "objects": {weekly[0].name: versioned}})
    done = mlops("evaluate", "--use-case", use_case_file, environment=environment)
    assert done.returncode == 0, done.stderr
    evaluation = read_json(produced / "evaluation" / "evaluation.json")
    assert (evaluation["winner"], evaluation["run"]) == ("decision_tree", "200607-abc")
    assert evaluation["lineage"]["as_of"] is None
    inputs = evaluation["lineage"]["inputs"]
    assert [each["name"] for each in inputs] == sorted(path.name for path in weekly)
    assert [each.get("object") for each in inputs] == [versioned, *[None] * (len(weekly) - 1)]

    # As of a time the manifests, which tell of later files, are not given.
    shutil.rmtree(channels / "manifests")
    run = {"run": "200607-def", "objects": {weekly[0].name: versioned}, "as_of": "2026-03-02T10:00:00Z"}
    write_json(channels / "run" / "run.json", run)
    done = mlops("evaluate", "--use-case", use_case_file, environment=environment)
    assert done.returncode == 0, done.stderr
    lineage = read_json(produced / "evaluation" / "evaluation.json")["lineage"]
    assert (lineage["as_of"], lineage["inputs"]) == (run["as_of"], [{"name": weekly[0].name, "object": versioned}])
    assert "Features as of" in (produced / "evaluation" / "report.html").read_text(encoding="utf-8")

    done = mlops("score", "--model", container / "model", "--use-case", use_case_file, environment=environment)
    assert done.returncode == 0, done.stderr
    assert (produced / "predictions" / "predictions.parquet").is_file()


def test_a_job_as_sagemaker_runs_it_gives_the_laptops_bundle(container: Path, lake: Path, use_case_file: Path) -> None:
    folder = run_folder(lake)
    write_json(container / "input" / "config" / "hyperparameters.json", {"model": '"logistic_regression"'})
    environment = {
        "MLOPS_CONTAINER_ROOT": str(container),
        "SM_CHANNEL_GOLD": str(lake / "gold"),
        "SM_CHANNEL_ENCODERS": str(folder / "encoders"),
        "SM_MODEL_DIR": str(container / "model"),
    }
    done = mlops("train", "--use-case", use_case_file, environment=environment)
    assert done.returncode == 0, done.stderr
    there, here = read_json(container / "model" / "manifest.json"), folder / "candidates" / "logistic_regression"
    assert there["files"] == read_json(here / "manifest.json")["files"]


def test_the_failure_reason_is_written_where_sagemaker_reads_it(container: Path, tmp_path: Path) -> None:
    empty = tmp_path / "transactions_200607.csv"
    empty.write_text("")
    done = mlops(
        "etl", "--input", empty, "--output", tmp_path / "lake", environment={"MLOPS_CONTAINER_ROOT": str(container)}
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for name in ("failure", "message"):
        assert "transactions_200607.csv" in (container / "output" / name).read_text(encoding="utf-8")


def test_a_missing_channel_names_the_option_and_the_place(container: Path) -> None:
    done = mlops("encode", environment={"MLOPS_CONTAINER_ROOT": str(container)})
    assert done.returncode == 2
    assert "--gold" in done.stderr
    assert str(container / "input" / "data" / "gold") in done.stderr


def test_a_run_that_is_not_named_is_refused(container: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[]")
    done = mlops("evaluate", "--run", tmp_path, "--output", tmp_path / "out")
    assert done.returncode == 2
    assert "run.json" in done.stderr
