"""Each protocol against its own project's client or server, which live in an environment of their own."""

import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ml.serving.examples import EXAMPLE
from ml.serving.protocols import examples
from tests.integration.service import ask, serving
from tests.models import small, train_bundle

pytestmark = pytest.mark.protocols

PEERS = Path(os.environ.get("MLOPS_PEERS", Path(__file__).parents[2] / ".peers" / "protocols"))
CLIENTS = Path(__file__).parent / "clients"
TENSORS = examples.TENSORS["inputs"]
ROWS = examples.DATAFRAME_RECORDS["dataframe_records"]
CSV_ROWS = [line.split(",") for line in examples.CSV_TEXT.splitlines()]
# What of an answer says what was predicted.
TOLD = ("basket_id", "prediction", "code")
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("bundle") / "model"
    train_bundle(folder, "logistic_regression")
    with serving("--model", folder) as (port, _):
        yield port


@pytest.fixture(scope="module")
def expected(port: int) -> Any:
    status, answer = ask(port, "POST", "/predict", json.dumps(EXAMPLE))
    assert status == 200
    return answer


def run(script: str, *arguments: str, given: Any) -> Any:
    """Run a client in its environment; return what it printed last."""
    done = subprocess.run(
        [PEERS / "bin" / "python", CLIENTS / script, *arguments],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def as_expected(tensors: Any, expected: Any) -> bool:
    shares = [share for row in tensors["probabilities"] for share in (row if isinstance(row, list) else [row])]
    return [tensors[name] for name in TOLD] == [[expected[name]] for name in TOLD] and shares == list(
        expected["probabilities"].values()
    )


def test_tritons_client_reads_what_predict_says_in_json_and_in_binary(port: int, expected: Any) -> None:
    found = run("triton.py", f"127.0.0.1:{port}", small().name, given=TENSORS)

    assert [found[name] for name in ("live", "ready", "model_ready", "other_ready")] == [True, True, True, False]
    assert "binary_tensor_data" in found["server"]["extensions"]
    assert [as_expected(each, expected) for each in found["answers"]] == [True] * 5
    assert (found["one"], found["id"]) == ({"code": [expected["code"]]}, "r-1")
    assert found["unknown_model"] == "404: no model of this name and version is loaded"
    assert found["missing"] == "422: BASKET_ID: missing columns: BASKET_ID"


def test_kserves_client_and_types_read_what_predict_says(port: int, expected: Any) -> None:
    found = run("kserve_rest.py", f"http://127.0.0.1:{port}", small().name, given=TENSORS)

    assert [found[name] for name in ("live", "ready", "model_ready")] == [True, True, True]
    assert found["ids"] == ["r-1", "r-1"]
    assert [as_expected(each, expected) for each in found["answers"]] == [True, True]
    assert found["typed"] == expected["model_version"]
    assert "no model of this name and version is loaded" in found["unknown_model"]


def test_sagemakers_serializers_and_deserializers_carry_what_predict_says(port: int, expected: Any) -> None:
    found = run("sagemaker_predictor.py", f"http://127.0.0.1:{port}", given={"json": EXAMPLE, "csv": CSV_ROWS})

    assert found["json_JSONDeserializer"] == expected
    assert found["csv_JSONDeserializer"] == [expected]
    for answer in (found["json_CSVDeserializer"], found["csv_CSVDeserializer"]):
        (row,) = [dict(zip(answer[0], cells, strict=True)) for cells in answer[1:]]
        assert [row[name] for name in TOLD] == [expected[name] for name in TOLD]
        assert {word: float(row[f"probability_{word}"]) for word in expected["probabilities"]} == (
            expected["probabilities"]
        )


def test_mlflows_server_reads_the_same_tables_and_its_client_reads_our_answers(port: int, expected: Any) -> None:
    tables = (examples.DATAFRAME_SPLIT, examples.DATAFRAME_RECORDS, examples.INSTANCES, examples.INPUTS)
    right = [("application/json", json.dumps(table)) for table in tables] + [("text/csv", examples.CSV_TEXT)]
    wrong = [
        ("application/json", "{"),
        ("application/json", json.dumps(examples.INPUTS | examples.INSTANCES)),
        ("application/json", json.dumps({"inputs": {"a": [1], "b": [1, 2]}})),
        ("application/json; charset=latin-1", json.dumps(examples.INPUTS)),
        ("text/plain", "a"),
    ]
    given = {"bodies": [{"type": kind, "body": body} for kind, body in right + wrong], "rows": ROWS}

    found = run("mlflow_scoring.py", f"127.0.0.1:{port}", given=given)

    for theirs, ours, (kind, _) in zip(found["theirs"][:5], found["ours"][:5], right, strict=True):
        assert (theirs["status"], ours["status"]) == (200, 200)
        rows = json.loads(theirs["body"])["predictions"]
        # An empty cell of CSV is NaN to pandas.
        assert [
            {name: "" if isinstance(cell, float) and math.isnan(cell) else cell for name, cell in row.items()}
            for row in rows
        ] == ROWS
        answer = json.loads(ours["body"])
        (prediction,) = answer if kind == "text/csv" else answer["predictions"]
        assert {name: prediction[name] for name in expected} == expected
    for theirs, ours in zip(found["theirs"][5:], found["ours"][5:], strict=True):
        assert (theirs["status"] // 100, ours["status"] // 100) == (4, 4)
        assert (theirs["status"] == 415) == (ours["status"] == 415)
    for records in found["client"]:
        assert [{name: record[name] for name in expected} for record in records] == [expected]
    assert [record.get("reasons") is not None for (record,) in found["client"]] == [False, True]
    assert found["health"] == [200, 200]
