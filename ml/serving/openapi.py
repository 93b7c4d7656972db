"""OpenAPI of the routes that are not FastAPI's own: predictions, by each protocol."""

from typing import Any, Final

import msgspec

from ml.serving.contract import Basket, Prediction
from ml.serving.examples import EXAMPLE
from ml.serving.protocols import examples
from ml.serving.protocols.invocations import MlflowTables
from ml.serving.protocols.open_inference import MODEL, VERSION, InferenceAnswer, InferenceRequest

PREDICT: Final = "/predict"
INVOCATIONS: Final = "/invocations"
INFER: Final = MODEL + "/infer"
INFER_VERSION: Final = VERSION + "/infer"

_JSON: Final = "application/json"
_CSV: Final = "text/csv"
_REFUSALS: Final = {
    "400": "The body is not JSON",
    "401": "No valid key",
    "408": "The body came too slowly",
    "413": "The body or the list of baskets is too large",
    "415": "The body is compressed",
    "422": "A field is missing, of another type or out of range; the answer names it",
    "503": "No model is loaded yet, or too many large requests at once",
}
_TEXT: Final = {"type": "string"}
_REFUSAL: Final = {
    "type": "object",
    "properties": {
        "error": {"type": "object", "properties": {"message": _TEXT, "field": _TEXT}, "required": ["message"]}
    },
    "required": ["error"],
}
_ERROR: Final = {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]}
_KEY: Final = {"name": "x-api-key", "in": "header", "schema": _TEXT}
_EXPLAIN: Final = {
    "name": "explain",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "also return what each product says by itself; not in CSV, where it has no place",
}


def describe(components: dict[str, Any]) -> dict[str, Any]:
    """Return the paths; the types they speak of join ``components``."""
    (basket, prediction, tables, request, answer), found = msgspec.json.schema_components(
        (Basket, Prediction, MlflowTables, InferenceRequest, InferenceAnswer),
        ref_template="#/components/schemas/{name}",
    )
    components |= found
    baskets, predictions = _one_or_many(basket), _one_or_many(prediction)
    wrapped = {"type": "object", "properties": {"predictions": {"type": "array", "items": prediction}}}
    invocations = _operation(
        "SageMaker, MLflow",
        "The same by the contract of a SageMaker container, and by MLflow's scoring protocol",
        parameters=[_EXPLAIN, _KEY, {"name": "accept", "in": "header", "schema": {"enum": [_JSON, _CSV]}}],
        body={
            _JSON: {
                "schema": {"oneOf": [*baskets["oneOf"], tables]},
                "examples": {
                    "basket": {"value": EXAMPLE},
                    "dataframe_split": {"value": examples.DATAFRAME_SPLIT},
                    "dataframe_records": {"value": examples.DATAFRAME_RECORDS},
                    "instances": {"value": examples.INSTANCES},
                    "inputs": {"value": examples.INPUTS},
                },
            },
            _CSV: {"schema": _TEXT, "example": examples.CSV_TEXT},
        },
        answer={_JSON: {"schema": {"oneOf": [*predictions["oneOf"], wrapped]}}, _CSV: {"schema": _TEXT}},
        refusals=_REFUSALS
        | {
            "400": "The body is not JSON, or not CSV in UTF-8",
            "406": "The answer is wanted in a form that is neither JSON nor CSV",
            "415": "The body is neither JSON nor CSV, or compressed",
        },
        description=(
            "Tables have one row per basket line, in columns named as in the weekly files, upper or lower case; others "
            "are ignored. Rows are grouped by BASKET_ID, which is needed; a refusal names a row by its number "
            'from 1, without the header. MLflow\'s shapes are answered by {"predictions": [...]}, one per basket in '
            "the order in which baskets begin. On SageMaker the endpoint's IAM permissions take the place of the key."
        ),
    )
    infer = _operation(
        "Open Inference Protocol V2",
        "The same by the Open Inference Protocol",
        parameters=[_KEY],
        body={_JSON: {"schema": request, "example": examples.TENSORS}},
        answer={_JSON: {"schema": answer}},
        refusals=_REFUSALS | {"404": "No model of this name and version is loaded"},
        refusal=_ERROR,
        description=(
            "One tensor of shape [n] or [n, 1] per column, one element per basket line, grouped by BASKET_ID as on "
            "/invocations. Tensors may be binary, there and back, by the protocol's binary tensor data extension."
        ),
    )
    name, version = ({"name": each, "in": "path", "required": True, "schema": _TEXT} for each in ("name", "version"))
    return {
        PREDICT: {
            "post": _operation(
                "prediction",
                "Predict the price sensitivity of one basket or many",
                parameters=[_EXPLAIN, _KEY],
                body={_JSON: {"schema": baskets, "example": EXAMPLE}},
                answer={_JSON: {"schema": predictions}},
                refusals=_REFUSALS,
            )
        },
        INVOCATIONS: {"post": invocations},
        INFER: {"parameters": [name], "post": infer},
        INFER_VERSION: {"parameters": [name, version], "post": infer},
    }


def _operation(
    tag: str,
    summary: str,
    *,
    parameters: list[dict[str, Any]],
    body: dict[str, Any],
    answer: dict[str, Any],
    refusals: dict[str, str],
    refusal: dict[str, Any] = _REFUSAL,
    description: str = "",
) -> dict[str, Any]:
    refused = {
        code: {"description": text, "content": {_JSON: {"schema": refusal}}} for code, text in sorted(refusals.items())
    }
    return {
        "tags": [tag],
        "summary": summary,
        **({"description": description} if description else {}),
        "parameters": parameters,
        "requestBody": {"required": True, "content": body},
        "responses": {"200": {"description": "One prediction per basket, in order", "content": answer}, **refused},
    }


def _one_or_many(one: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [one, {"type": "array", "items": one}]}
