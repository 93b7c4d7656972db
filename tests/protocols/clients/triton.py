"""Triton's client: ``python triton.py HOST:PORT MODEL`` with tensors on the standard input; prints what it got."""

import json
import sys
from typing import Any

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, triton_to_np_dtype


def inputs(tensors: list[dict[str, Any]], *, binary: bool) -> list[InferInput]:
    made = []
    for each in tensors:
        tensor = InferInput(each["name"], each["shape"], each["datatype"])
        kind = triton_to_np_dtype(each["datatype"])
        tensor.set_data_from_numpy(np.array(each["data"], dtype=kind).reshape(each["shape"]), binary_data=binary)
        made.append(tensor)
    return made


def arrays(result: Any) -> dict[str, Any]:
    found = {}
    for output in result.get_response()["outputs"]:
        array = result.as_numpy(output["name"])
        # Texts are bytes where they came in binary.
        found[output["name"]] = [each.decode() if isinstance(each, bytes) else each for each in array.tolist()]
    return found


def refusal(client: InferenceServerClient, model: str, asked: list[InferInput]) -> str:
    try:
        client.infer(model, asked)
    except InferenceServerException as error:
        return f"{error.status()}: {error.message()}"
    return ""


def main() -> None:
    """Ask in every way the client knows."""
    address, model = sys.argv[1:]
    tensors = json.load(sys.stdin)
    client = InferenceServerClient(address)
    in_binary, as_json = inputs(tensors, binary=True), inputs(tensors, binary=False)
    names = [each["name"] for each in client.get_model_metadata(model)["outputs"]]
    version = client.get_model_metadata(model)["versions"][0]
    wanted = {kind: [InferRequestedOutput(name, binary_data=kind) for name in names] for kind in (True, False)}
    matrices = inputs([each | {"shape": [*each["shape"], 1]} for each in tensors], binary=False)
    found = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model) and client.is_model_ready(model, version),
        "other_ready": client.is_model_ready("other"),
        "server": client.get_server_metadata(),
        "answers": [
            arrays(client.infer(model, in_binary)),
            arrays(client.infer(model, in_binary, outputs=wanted[False])),
            arrays(client.infer(model, as_json, outputs=wanted[True])),
            arrays(client.infer(model, as_json, outputs=wanted[False], model_version=version)),
            arrays(client.infer(model, matrices)),
        ],
        "one": arrays(client.infer(model, in_binary, outputs=wanted[True][1:2])),
        "id": client.infer(model, in_binary, request_id="r-1").get_response()["id"],
        "unknown_model": refusal(client, "other", in_binary),
        "missing": refusal(client, model, in_binary[1:]),
    }
    print(json.dumps(found))  # noqa: T201


main()
