"""The service in the environment that its image has: the serving group by its lock, and the wheel. Nothing else."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ml.serving.examples import EXAMPLE
from tests.integration.service import LONGEST_START, ask, free_port, serving_by
from tests.models import train_bundle

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv")
# Of this machine, and not the address that `serve` takes by itself.
OTHER_ADDRESS = "127.0.0.2"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment as `images/api/Dockerfile` makes it."""
    if UV is None:
        pytest.skip("uv is not on the path; it makes the environment, from what `make setup` has cached")
    folder = tmp_path_factory.mktemp("serving")
    venv, wheels = folder / "venv", folder / "wheels"
    python = ["--python", str(venv / "bin" / "python")]
    lock = str(ROOT / "requirements" / "serving.txt")
    for arguments in (
        [UV, "venv", "--quiet", "--python", sys.executable, str(venv)],
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(wheels)],
        [UV, "pip", "sync", "--quiet", *python, "--require-hashes", lock],
        [
            UV,
            "pip",
            "install",
            "--quiet",
            *python,
            "--no-deps",
            "--no-index",
            "--find-links",
            str(wheels),
            "mlops-price-sensitivity",
        ],
    ):
        subprocess.run(arguments, cwd=ROOT, check=True)
    return venv


def test_the_environment_has_no_training_no_data_engine_and_no_cdk(environment: Path) -> None:
    names = [
        "sklearn",
        "scipy",
        "pandas",
        "xgboost",
        "skl2onnx",
        "onnxmltools",
        "matplotlib",
        "duckdb",
        "pyarrow",
        "aws_cdk",
    ]
    code = f"import importlib.util; print([each for each in {names} if importlib.util.find_spec(each)])"
    found = subprocess.run([environment / "bin" / "python", "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_serve_without_options_keeps_sagemakers_contract_there(environment: Path, tmp_path: Path) -> None:
    """As `docker run image serve`: bundle and address by the image's variables, the port by SageMaker's."""
    train_bundle(tmp_path / "model")
    port = free_port()
    variables = {
        "MLOPS_MODEL": str(tmp_path / "model"),
        "MLOPS_HOST": OTHER_ADDRESS,
        "SAGEMAKER_BIND_TO_PORT": str(port),
    }
    arguments = [str(environment / "bin" / "mlops"), "serve"]
    with serving_by(arguments, port=port, host=OTHER_ADDRESS, environment=variables) as process:
        status, answer = ask(port, "POST", "/predict", json.dumps(EXAMPLE), host=OTHER_ADDRESS)

        assert ask(port, "GET", "/ping", host=OTHER_ADDRESS)[0] == 200
        assert status == 200, answer
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=LONGEST_START)

    assert process.returncode in (0, -signal.SIGTERM), err
