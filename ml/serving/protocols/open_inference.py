"""KServe's Open Inference Protocol V2 over REST: ``/v2/...``, with its binary tensor extension.

One input tensor per column of basket lines, named as in the table; one element of an output tensor per basket, in the
order in which baskets begin.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from msgspec import UNSET, UnsetType
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from ml.serving.contract import Prediction
from ml.serving.predictor import Predictor
from ml.serving.protocols.codec import ENCODER, JSON, Asked, Headers, Refused, Written, decoded, header
from ml.serving.protocols.table import Cell, to_baskets
from ml.serving.protocols.tensors import InputTensor, OutputTensor, columns_of, packed
from ml.serving.slot import ModelSlot
from ml.version import code_version

MODEL: Final = "/v2/models/{name}"
VERSION: Final = MODEL + "/versions/{version}"
_UNKNOWN: Final = "no model of this name and version is loaded"
_HEADER_LENGTH: Final = b"inference-header-content-length"
# What a column of the table is as a tensor; those a basket may do without are left out.
_INPUTS: Final = {
    "BASKET_ID": "BYTES",
    "SHOP_WEEKDAY": "INT64",
    "SHOP_HOUR": "INT64",
    "STORE_FORMAT": "BYTES",
    "STORE_REGION": "BYTES",
    "PROD_CODE": "BYTES",
    "QUANTITY": "INT64",
    "SPEND": "FP64",
}


class WantedOutput(msgspec.Struct, gc=False):
    """An output by its name; its parameter ``binary_data`` asks for it in binary."""

    name: str
    parameters: dict[str, Cell] = {}


class InferenceRequest(msgspec.Struct, gc=False):
    """One tensor per column of basket lines; without ``outputs`` all of them are answered."""

    inputs: list[InputTensor]
    id: str | None = None
    outputs: list[WantedOutput] | None = None
    parameters: dict[str, Cell] = {}


class InferenceAnswer(msgspec.Struct, gc=False):
    """One element of each output per basket, in the order in which baskets begin."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | UnsetType = UNSET


_REQUEST: Final = msgspec.json.Decoder(InferenceRequest)


class OpenInference:
    """``POST /v2/models/{name}/infer``, with a version or without."""

    def read(self, scope: Scope, body: bytes, predictor: Predictor) -> Asked:
        """Return the baskets whose lines the tensors are."""
        if not _is(predictor, **scope["path_params"]):
            raise Refused(404, _UNKNOWN)
        length = header(scope, _HEADER_LENGTH)
        if length and not (length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= len(body)):
            raise Refused(400, f"{_HEADER_LENGTH.decode()} is not a length within the body")
        end = int(length) if length else len(body)
        request: InferenceRequest = decoded(_REQUEST, body[:end])
        wanted = _wanted(request, predictor)
        columns = columns_of(request.inputs, body[end:])
        tabled = to_baskets([tensor.name for tensor in request.inputs], zip(*columns, strict=True), text=False)
        write = partial(_write, predictor, request.id, wanted)
        return Asked(tabled.baskets, False, write, tabled.spend_field)

    def refuse(self, refused: Refused) -> Written:
        """Return what is wrong as one text."""
        place = f"{refused.field}: " if refused.field else ""
        return Written(ENCODER.encode({"error": place + refused.message}), [JSON])


def router(slot: ModelSlot) -> APIRouter:
    """Return what the protocol tells of server and model."""
    routes = APIRouter(tags=["Open Inference Protocol V2"])

    @routes.get("/v2", summary="What serves, and which extensions it knows")
    async def server() -> dict[str, Any]:
        return {"name": "mlops", "version": code_version(), "extensions": ["binary_tensor_data"]}

    @routes.get("/v2/health/live", summary="The process lives")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @routes.get("/v2/health/ready", summary="A model is loaded and warm")
    async def ready() -> Response:
        loaded = slot.predictor is not None
        return JSONResponse({"ready": loaded}, status_code=200 if loaded else 503)

    @routes.get(VERSION + "/ready", summary="This version is loaded and warm")
    @routes.get(MODEL + "/ready", summary="The model is loaded and warm")
    async def model_ready(name: str, version: str | None = None) -> Response:
        return _of_model(slot.predictor, name, version, lambda held: {"name": held.name, "ready": True})

    @routes.get(VERSION, summary="Inputs and outputs of this version")
    @routes.get(MODEL, summary="Inputs and outputs of the model")
    async def model(name: str, version: str | None = None) -> Response:
        return _of_model(slot.predictor, name, version, _metadata)

    return routes


def _is(predictor: Predictor, name: str, version: str | None = None) -> bool:
    return name == predictor.name and version in (None, predictor.version)


def _of_model(
    predictor: Predictor | None, name: str, version: str | None, say: Callable[[Predictor], dict[str, Any]]
) -> Response:
    if predictor is None:
        return JSONResponse({"error": "no model is loaded yet"}, status_code=503)
    if not _is(predictor, name, version):
        return JSONResponse({"error": _UNKNOWN}, status_code=404)
    return JSONResponse(say(predictor))


def _metadata(predictor: Predictor) -> dict[str, Any]:
    outputs = _outputs(predictor, [])
    return {
        "name": predictor.name,
        "versions": [predictor.version],
        "platform": "onnx",
        "inputs": [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in _INPUTS.items()],
        "outputs": [
            {"name": each.name, "datatype": each.datatype, "shape": [-1, *each.shape[1:]]} for each in outputs.values()
        ],
    }


def _outputs(predictor: Predictor, predictions: Sequence[Prediction]) -> dict[str, OutputTensor]:
    """Return every output by its name."""
    count, words = len(predictions), predictor.words
    shares = [each.probabilities[word] for each in predictions for word in words]
    tensors = [
        OutputTensor("prediction", "BYTES", [count], [each.prediction for each in predictions]),
        OutputTensor("code", "BYTES", [count], [each.code for each in predictions]),
        OutputTensor("probabilities", "FP64", [count, len(words)], shares, {"classes": ",".join(words)}),
        OutputTensor("basket_id", "BYTES", [count], [str(each.basket_id) for each in predictions]),
        OutputTensor("unknown_products", "INT64", [count], [each.unknown_products for each in predictions]),
        OutputTensor("unknown_categories", "INT64", [count], [each.unknown_categories for each in predictions]),
    ]
    return {each.name: each for each in tensors}


def _wanted(request: InferenceRequest, predictor: Predictor) -> dict[str, bool]:
    """Return the names of the wanted outputs, and whether each comes in binary."""
    known = _outputs(predictor, [])
    in_binary = request.parameters.get("binary_data_output") is True
    if not request.outputs:
        return dict.fromkeys(known, in_binary)
    for index, output in enumerate(request.outputs):
        if output.name not in known:
            raise Refused(422, f"outputs are {', '.join(known)}", f"$.outputs[{index}].name")
    return {output.name: output.parameters.get("binary_data", in_binary) is True for output in request.outputs}


def _write(
    predictor: Predictor, identity: str | None, wanted: dict[str, bool], predictions: Sequence[Prediction]
) -> Written:
    outputs = _outputs(predictor, predictions)
    tensors, binaries = [], []
    for name, in_binary in wanted.items():
        tensor, binary = packed(outputs[name]) if in_binary else (outputs[name], b"")
        tensors.append(tensor)
        binaries.append(binary)
    answer = ENCODER.encode(
        InferenceAnswer(predictor.name, predictor.version, tensors, UNSET if identity is None else identity)
    )
    if not any(wanted.values()):
        return Written(answer, [JSON])
    headers: Headers = [(b"content-type", b"application/octet-stream"), (_HEADER_LENGTH, b"%d" % len(answer))]
    return Written(answer + b"".join(binaries), headers)
