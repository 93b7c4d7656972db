"""The command line's manners: help with examples, clear errors, exit codes."""

from pathlib import Path

import pytest

from ml.data.generate import generate_weeks
from tests.integration.runs import mlops, run_folder, small_use_case

COMMANDS = [
    *("run", "etl", "encode", "train", "evaluate", "score", "data generate", "report eda", "report io"),
    *("models list", "models show", "models approve", "models reject", "kpi"),
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    done = mlops(*name.split(), "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"mlops {name} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], ["--input"]),
        (["run", "--input", "nowhere", "--workdir", "w"], ["nowhere"]),
        (["run", "--input", ".", "--workdir", "w", "--holdout-weeks", "0"], ["--holdout-weeks"]),
        (["run", "--input", ".", "--workdir", "w", "--use-case", "nosuch"], ["nosuch", "price_sensitivity"]),
        (["run", "--input", ".", "--workdir", "w", "--models", "oracle"], ["oracle", "xgboost"]),
        (["train", "--gold", "nowhere", "--output", "x"], ["--model", "xgboost"]),
        (["train", "--model", "xgboost", "--gold", "nowhere", "--output", "x"], ["nowhere"]),
        (["score", "--model", "nowhere", "--input", ".", "--output", "x"], ["nowhere"]),
        (["models", "list", "--workdir", "nowhere"], ["nowhere", "mlops run"]),
        (["kpi", "--lake", "nowhere"], ["nowhere"]),
        (["kpi", "--lake", ".", "--days", "0"], ["--days"]),
        (["kpi", "--lake", "ftp://lake"], ["ftp", "s3"]),
        (["data", "generate", "--weeks", "0", "--output", "x"], ["week"]),
        (["nosuch"], ["nosuch"]),
    ],
)
def test_a_wrong_call_ends_with_code_2_and_names_what_is_wrong(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "transactions_200607.csv").write_text("SHOP_WEEK\n")
    done = mlops(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_hold_out_that_leaves_nothing_to_learn_from_is_refused(lake: Path, tmp_path: Path) -> None:
    done = mlops("encode", "--gold", lake / "gold", "--output", tmp_path / "e", "--holdout-weeks", "3")
    assert done.returncode == 2
    assert "holdout_weeks is 3" in done.stderr


def test_a_wrong_hyper_parameter_is_named_with_its_model(lake: Path, tmp_path: Path) -> None:
    use_case = small_use_case(tmp_path / "wrong.yaml", candidates={"decision_tree": {"fixed": {"depth": 3}}})
    encoders = run_folder(lake) / "encoders"
    train = ("train", "--model", "decision_tree", "--gold", lake / "gold", "--encoders", encoders)
    done = mlops(*train, "--output", tmp_path / "b", "--use-case", use_case)
    assert done.returncode == 2, done.stderr
    assert "candidates.decision_tree" in done.stderr
    assert "depth" in done.stderr
    assert not (tmp_path / "b").exists()


def test_files_without_labels_cannot_be_trained_on(tmp_path: Path) -> None:
    files = generate_weeks(weeks=1, baskets_per_week=50, seed=1, output=tmp_path / "in", label=False)
    done = mlops("run", "--input", *files, "--workdir", tmp_path / "w")
    assert done.returncode == 2
    assert "BASKET_PRICE_SENSITIVITY" in done.stderr
    assert files[0].name in done.stderr


def test_reports_on_data_are_written(weekly: list[Path], tmp_path: Path) -> None:
    for name in ("eda", "io"):
        page = tmp_path / f"{name}.html"
        done = mlops("report", name, "--input", weekly[0], "--output", page)
        assert done.returncode == 0, done.stderr
        assert page.stat().st_size > 10_000
