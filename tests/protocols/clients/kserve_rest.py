"""KServe's client: ``python kserve_rest.py URL MODEL`` with tensors on the standard input; prints what it got."""

import asyncio
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.rest.v2_datamodels import (
    InferenceResponse,
    ModelMetadataResponse,
    ModelReadyResponse,
    ServerLiveResponse,
    ServerMetadataResponse,
    ServerReadyResponse,
)

KINDS = {"BYTES": np.object_, "INT64": np.int64, "FP64": np.float64}
# KServe's own server answers by these types.
TYPES = {
    "v2": ServerMetadataResponse,
    "v2/health/live": ServerLiveResponse,
    "v2/health/ready": ServerReadyResponse,
    "v2/models/{}": ModelMetadataResponse,
    "v2/models/{}/ready": ModelReadyResponse,
}


async def main() -> None:
    """Ask as JSON and in binary, and read every answer by KServe's own types."""
    url, model = sys.argv[1:]
    tensors = json.load(sys.stdin)

    def request(*, binary: bool) -> InferRequest:
        made = []
        for each in tensors:
            tensor = InferInput(each["name"], each["shape"], each["datatype"])
            tensor.set_data_from_numpy(np.array(each["data"], dtype=KINDS[each["datatype"]]), binary_data=binary)
            made.append(tensor)
        return InferRequest(model_name=model, infer_inputs=made, request_id="r-1")

    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        answers = [await client.infer(url, request(binary=binary), model_name=model) for binary in (False, True)]
        try:
            await client.infer(url, request(binary=False), model_name="other")
            refused = ""
        except httpx.HTTPStatusError as error:
            refused = str(error)
        found: dict[str, Any] = {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "model_ready": await client.is_model_ready(url, model),
            "ids": [each.id for each in answers],
            "answers": [{output.name: output.as_numpy().tolist() for output in each.outputs} for each in answers],
            "unknown_model": refused,
        }
    plain = httpx.post(f"{url}/v2/models/{model}/infer", json={"id": "r-2", "inputs": tensors}).json()
    found["typed"] = InferenceResponse.model_validate(plain).model_version
    for path, kind in TYPES.items():
        kind.model_validate(httpx.get(f"{url}/{path.format(model)}").json())
    print(json.dumps(found))  # noqa: T201


asyncio.run(main())
