import json
from pathlib import Path

import pytest

from ml.errors import SettingsError
from ml.jobs.container import DEFAULT_ROOT, FAILURE_LIMIT, ROOT_VARIABLE, Container


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "opt").mkdir()
    return tmp_path / "opt"


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def test_the_root_is_sagemakers_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    assert Container.of({}).root == Path(DEFAULT_ROOT) == Path("/opt/ml")
    assert Container.of({ROOT_VARIABLE: str(tmp_path)}).root == tmp_path


def test_an_option_wins_over_the_environment_and_over_the_mounted_channel(root: Path, tmp_path: Path) -> None:
    made(root / "input" / "data" / "gold")
    container = Container(root, {"SM_CHANNEL_GOLD": str(made(tmp_path / "env"))})
    assert container.channel("gold", tmp_path / "given") == tmp_path / "given"
    assert container.output("model", tmp_path / "out") == tmp_path / "out"


def test_a_channel_of_the_environment_wins_over_the_mounted_one(root: Path, tmp_path: Path) -> None:
    made(root / "input" / "data" / "gold")
    container = Container(root, {"SM_CHANNEL_GOLD": str(made(tmp_path / "env"))})
    assert container.channel("gold", None) == tmp_path / "env"


def test_a_training_jobs_channel_is_found_and_so_is_a_processing_jobs_input(root: Path) -> None:
    gold = made(root / "input" / "data" / "gold")
    encoders = made(root / "processing" / "input" / "encoders")
    container = Container(root, {})
    assert container.channel("gold", None) == gold
    assert container.channel("encoders", None) == encoders


def test_a_channel_of_the_environment_that_does_not_exist_gives_way_to_the_mounted_one(root: Path) -> None:
    gold = made(root / "input" / "data" / "gold")
    assert Container(root, {"SM_CHANNEL_GOLD": "/nowhere"}).channel("gold", None) == gold


def test_a_missing_channel_says_which_option_or_place_gives_it(root: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Container(root, {}).channel("gold", None)
    assert str(caught.value) == f"no gold given: name it with --gold, or mount it at {root / 'input' / 'data' / 'gold'}"
    with pytest.raises(SettingsError, match="mount it at /nowhere"):
        Container(root, {"SM_CHANNEL_GOLD": "/nowhere"}).channel("gold", None)


def test_an_optional_channel_may_be_missing(root: Path) -> None:
    container = Container(root, {})
    assert container.optional_channel("encoders", None) is None
    encoders = made(root / "input" / "data" / "encoders")
    assert container.optional_channel("encoders", None) == encoders


def test_a_model_goes_where_the_environment_or_the_contract_says(root: Path, tmp_path: Path) -> None:
    assert Container(root, {}).output("model", None) == root / "model"
    container = Container(root, {"SM_MODEL_DIR": str(tmp_path / "model dir")})
    assert container.output("model", None) == tmp_path / "model dir"
    assert container.output("evaluation", None) == root / "processing" / "output" / "evaluation"


def test_outside_a_container_an_output_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no place for model: name a folder with --output"):
        Container(tmp_path / "absent", {}).output("model", None)


def hyperparameters(root: Path, text: str | bytes) -> Container:
    folder = made(root / "input" / "config")
    content = text.encode() if isinstance(text, str) else text
    (folder / "hyperparameters.json").write_bytes(content)
    return Container(root, {})


def test_hyperparameters_that_come_as_text_are_read_as_what_they_mean(root: Path) -> None:
    given = {
        "max_depth": "6",
        "learning_rate": "0.2",
        "quiet": "true",
        "model": "xgboost",
        "quoted": '"xgboost"',
        "weeks": "[1, 2]",
        "code": "007",
        "empty": "",
        "already": 3,
    }
    assert hyperparameters(root, json.dumps(given)).hyperparameters() == {
        "max_depth": 6,
        "learning_rate": 0.2,
        "quiet": True,
        "model": "xgboost",
        "quoted": "xgboost",
        "weeks": [1, 2],
        "code": "007",
        "empty": "",
        "already": 3,
    }


def test_without_the_file_there_are_no_hyperparameters(root: Path) -> None:
    assert Container(root, {}).hyperparameters() == {}


@pytest.mark.parametrize("text", ["{", b"\xff\xfe"])
def test_hyperparameters_that_are_no_json_name_the_file(root: Path, text: str | bytes) -> None:
    with pytest.raises(SettingsError, match=r"hyperparameters.json: not JSON"):
        hyperparameters(root, text).hyperparameters()


def test_hyperparameters_that_are_no_object_name_the_file(root: Path) -> None:
    with pytest.raises(SettingsError, match=r"hyperparameters.json: not a JSON object"):
        hyperparameters(root, "[1]").hyperparameters()


def test_the_reason_for_a_failure_is_written_for_both_kinds_of_job_and_cut_to_what_is_shown(root: Path) -> None:
    Container(root, {}).report_failure("ä" * 2_000)
    for name in ("failure", "message"):
        assert (root / "output" / name).read_text(encoding="utf-8") == "ä" * FAILURE_LIMIT
    Container(root, {}).report_failure("second")
    assert (root / "output" / "failure").read_text() == "second"


def test_outside_a_container_no_reason_is_written(tmp_path: Path) -> None:
    Container(tmp_path / "absent", {}).report_failure("reason")
    assert list(tmp_path.iterdir()) == []
