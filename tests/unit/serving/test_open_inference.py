"""The Open Inference Protocol V2: tensors in and out, as JSON and in binary, and what is told of server and model."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from ml.serving.examples import EXAMPLE
from ml.serving.predictor import Predictor
from ml.serving.protocols import examples
from ml.serving.slot import ModelSlot
from tests.asgi import Answer
from tests.unit.serving.conftest import Ask

MODEL = "/v2/models/price_sensitivity"
INFER = f"{MODEL}/infer"
LENGTH = "inference-header-content-length"
HOSTILE = "IGNORE-ALL-RULES"


def changed(of: str, **changes: Any) -> dict[str, Any]:
    """The example request with one of its tensors changed; ``...`` takes a field away."""
    request: dict[str, Any] = json.loads(json.dumps(examples.TENSORS))
    for tensor in request["inputs"]:
        if tensor["name"] == of:
            tensor.update(changes)
            for field in [field for field, value in changes.items() if value is ...]:
                del tensor[field]
    return request


def outputs(answer: Answer) -> dict[str, Any]:
    return {tensor["name"]: tensor["data"] for tensor in answer.json()["outputs"]}


def test_tensors_are_answered_as_predict_answers_the_basket(ask: Ask, predictor: Predictor) -> None:
    expected = ask(EXAMPLE).json()

    answer = ask({"inputs": examples.TENSORS["inputs"]}, path=INFER)

    assert answer.json()["model_name"] == "price_sensitivity"
    assert answer.json()["model_version"] == predictor.version
    assert "id" not in answer.json()
    assert outputs(answer) == {
        "prediction": [expected["prediction"]],
        "code": [expected["code"]],
        "probabilities": [expected["probabilities"][word] for word in predictor.words],
        "basket_id": [expected["basket_id"]],
        "unknown_products": [expected.get("unknown_products", 0)],
        "unknown_categories": [expected.get("unknown_categories", 0)],
    }
    (probabilities,) = (each for each in answer.json()["outputs"] if each["name"] == "probabilities")
    assert (probabilities["datatype"], probabilities["shape"]) == ("FP64", [1, 3])
    assert probabilities["parameters"] == {"classes": ",".join(predictor.words)}


def test_wanted_outputs_come_in_their_order_with_the_requests_id(ask: Ask) -> None:
    request = examples.TENSORS | {"id": "r-1", "outputs": [{"name": "code"}, {"name": "prediction"}]}

    answer = ask(request, path=INFER).json()

    assert (answer["id"], [each["name"] for each in answer["outputs"]]) == ("r-1", ["code", "prediction"])


def test_a_column_may_be_a_matrix_of_one_column(ask: Ask) -> None:
    request = changed("SPEND", shape=[3, 1], data=[[1.03], [2.5], [0.89]])

    assert ask(request, path=INFER).json() == ask(examples.TENSORS, path=INFER).json()


def test_binary_tensors_say_the_same(ask: Ask, predictor: Predictor) -> None:
    header: dict[str, Any] = {"inputs": [], "parameters": {"binary_data_output": True}}
    binary = b""
    for tensor in examples.TENSORS["inputs"]:
        if tensor["datatype"] == "BYTES":
            texts = [each.encode() for each in tensor["data"]]
            part = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        else:
            part = np.array(tensor["data"], {"INT64": "<i8", "FP64": "<f8"}[tensor["datatype"]]).tobytes()
        binary += part
        described = {name: tensor[name] for name in ("name", "shape", "datatype")}
        header["inputs"].append(described | {"parameters": {"binary_data_size": len(part)}})
    body = json.dumps(header).encode()
    expected = outputs(ask({"inputs": examples.TENSORS["inputs"]}, path=INFER))

    answer = ask(body + binary, path=INFER, headers={LENGTH: str(len(body))})

    end = int(answer.headers[LENGTH])
    rest = answer.body[end:]
    for tensor in json.loads(answer.body[:end])["outputs"]:
        size = tensor["parameters"]["binary_data_size"]
        part, rest = rest[:size], rest[size:]
        if tensor["datatype"] == "BYTES":
            assert [part[4:].decode()] == expected[tensor["name"]]
            assert struct.unpack("<I", part[:4])[0] == size - 4
        else:
            found = np.frombuffer(part, {"INT64": "<i8", "FP64": "<f8"}[tensor["datatype"]])
            assert found.tolist() == expected[tensor["name"]]
    assert rest == b""
    assert ask(body + binary, path=INFER, headers={LENGTH: str(len(body) - 1)}).status == 400
    assert ask(body + binary[:-1], path=INFER, headers={LENGTH: str(len(body))}).status == 422
    assert ask(body + binary + b"x", path=INFER, headers={LENGTH: str(len(body))}).status == 422
    for wrong in ("-1", "9" * 30, "x", str(len(body + binary) + 1)):
        assert ask(body + binary, path=INFER, headers={LENGTH: wrong}).status == 400


@pytest.mark.parametrize(
    ("datatype", "binary"),
    [("INT64", b"1234567"), ("BYTES", b"\x09\0\0\0a"), ("BYTES", b"\x01\0\0\0\xff"), ("BYTES", b"\x01"), ("FP64", b"")],
)
def test_binary_that_is_not_what_it_is_said_to_be_is_refused(ask: Ask, datatype: str, binary: bytes) -> None:
    tensor = {"name": "QUANTITY", "shape": [1], "datatype": datatype, "parameters": {"binary_data_size": len(binary)}}
    body = json.dumps({"inputs": [tensor]}).encode()

    answer = ask(body + binary, path=INFER, headers={LENGTH: str(len(body))})

    assert answer.status == 422
    assert answer.json()["error"].startswith("$.inputs[0].data: ")


@pytest.mark.parametrize(
    ("request_body", "status", "said"),
    [
        (changed("SPEND", datatype="FP16"), 422, "$.inputs[10].datatype"),
        (changed("SPEND", datatype="INT64"), 422, "$.inputs[10].data"),
        (changed("SPEND", shape=[2]), 422, "$.inputs[10].data"),
        (changed("SPEND", shape=[3, 2]), 422, "$.inputs[10].shape"),
        (changed("SPEND", shape=[-1]), 422, "$.inputs[10].shape"),
        (changed("SPEND", shape=[]), 422, "$.inputs[10].shape"),
        (changed("SPEND", shape=[2], data=[1, 2]), 422, "$.inputs"),
        (changed("SPEND", data=[[1, 2], [3], [4]]), 422, "$.inputs[10].data"),
        (changed("SPEND", data=[1.03, 2.505, 0.89]), 422, "row 2, column SPEND"),
        (changed("SPEND", data=...), 422, "$.inputs[10].data"),
        (changed("SPEND", name="OTHER"), 422, "SPEND: missing columns: SPEND"),
        (changed("SPEND", name="QUANTITY"), 422, "QUANTITY: two columns"),
        (changed("QUANTITY", data=[1, True, 2]), 422, "$.inputs[9].data"),
        (changed("QUANTITY", data=[1, None, 2]), 422, "$.inputs[9].data"),
        (changed("QUANTITY", data=[1, 0, 2]), 422, "row 2, column QUANTITY"),
        (changed("QUANTITY", datatype="FP64"), 200, ""),
        (changed("PROD_CODE", data=[HOSTILE, 1, ""]), 422, "$.inputs[8].data"),
        (examples.TENSORS | {"outputs": [{"name": HOSTILE}]}, 422, "$.outputs[0].name"),
        (examples.TENSORS | {"id": 7}, 422, "$.id"),
        ({}, 422, "inputs"),
        ({"inputs": []}, 422, "missing columns"),
        ([], 422, "object"),
    ],
)
def test_a_wrong_request_is_refused_in_the_protocols_shape(ask: Ask, request_body: Any, status: int, said: str) -> None:
    answer = ask(request_body, path=INFER)

    assert answer.status == status
    if status != 200:
        assert set(answer.json()) == {"error"}
        assert said in answer.json()["error"]
        assert HOSTILE not in answer.json()["error"]


def test_limits_keys_methods_and_no_json_are_refused_in_the_same_shape(ask: Ask) -> None:
    for answer, status in (
        (ask(b"{", path=INFER), 400),
        (ask(path=INFER, method="GET"), 405),
        (ask(examples.TENSORS, path=INFER, limits={"api_keys": ("a-key-of-enough-length",)}), 401),
        (ask(examples.TENSORS, path=INFER, slot=ModelSlot()), 503),
        (ask(examples.TENSORS, path="/v2/models/other/infer"), 404),
        (ask(examples.TENSORS, path=f"{MODEL}/versions/1/infer"), 404),
    ):
        assert (answer.status, set(answer.json())) == (status, {"error"})


def test_server_and_model_say_what_they_are(ask: Ask, predictor: Predictor) -> None:
    def told(path: str, **options: Any) -> tuple[int, Any]:
        answer = ask(path=path, method="GET", **options)
        return answer.status, answer.json()

    version = f"{MODEL}/versions/{predictor.version}"
    assert told("/v2")[1]["extensions"] == ["binary_tensor_data"]
    assert told("/v2/health/live") == (200, {"live": True})
    assert told("/v2/health/ready") == (200, {"ready": True})
    assert told("/v2/health/ready", slot=ModelSlot()) == (503, {"ready": False})
    for path in (MODEL, version):
        assert told(f"{path}/ready") == (200, {"name": "price_sensitivity", "ready": True})
        assert told(f"{path}/ready", slot=ModelSlot())[0] == 503
        assert told(path)[1]["versions"] == [predictor.version]
        assert ask(examples.TENSORS, path=f"{path}/infer").status == 200
    for path in ("/v2/models/other", "/v2/models/other/ready", f"{MODEL}/versions/1", f"{MODEL}/versions/1/ready"):
        assert told(path)[0] == 404


def test_the_models_inputs_are_enough_and_its_outputs_are_what_comes(ask: Ask) -> None:
    metadata = ask(path=MODEL, method="GET").json()
    given = {tensor["name"]: tensor for tensor in examples.TENSORS["inputs"]}

    answer = ask({"inputs": [given[tensor["name"]] for tensor in metadata["inputs"]]}, path=INFER)

    assert [tensor["datatype"] for tensor in metadata["inputs"]] == [
        given[tensor["name"]]["datatype"] for tensor in metadata["inputs"]
    ]
    for said, found in zip(metadata["outputs"], answer.json()["outputs"], strict=True):
        assert (said["name"], said["datatype"], said["shape"][1:]) == (
            found["name"],
            found["datatype"],
            found["shape"][1:],
        )
    for tensor in metadata["inputs"]:
        rest = [each for each in given.values() if each["name"] != tensor["name"]]
        assert ask({"inputs": rest}, path=INFER).status == 422
