"""The contract describes every route of predictions, with examples that work as they stand."""

import re
from typing import Any

import pytest

from ml.serving.predictor import Predictor
from tests.unit.serving.conftest import Ask

PATHS = ("/predict", "/invocations", "/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer")


@pytest.mark.parametrize("path", PATHS)
def test_every_example_is_answered(ask: Ask, predictor: Predictor, path: str) -> None:
    operation = ask(path="/openapi.json", method="GET").json()["paths"][path]["post"]
    tried = 0
    for kind, content in operation["requestBody"]["content"].items():
        named = content.get("examples") or {"": {"value": content["example"]}}
        for example in [each["value"] for each in named.values()]:
            body = example.encode() if isinstance(example, str) else example
            asked = path.format(name=predictor.name, version=predictor.version)
            assert ask(body, path=asked, headers={"content-type": kind}).status == 200
            tried += 1

    assert tried == (6 if path == "/invocations" else 1)


def test_each_names_its_refusals_and_every_reference_leads_somewhere(ask: Ask) -> None:
    answer = ask(path="/openapi.json", method="GET")
    schema: dict[str, Any] = answer.json()
    common = {"200", "400", "401", "408", "413", "415", "422", "503"}

    more: dict[str, set[str]] = {"/predict": set(), "/invocations": {"406"}}
    for path in PATHS:
        assert set(schema["paths"][path]["post"]["responses"]) == common | more.get(path, {"404"})
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.body.decode()))
    assert references <= set(schema["components"]["schemas"])
    assert {"Basket", "Prediction", "MlflowTables", "InferenceRequest", "InferenceAnswer"} <= references
