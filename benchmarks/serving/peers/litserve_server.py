"""LitServe around the pipeline, and around our predictor: ``python -m … pandas|ours PORT``."""

import sys
from typing import Any

import joblib
import litserve

from benchmarks.serving.peers import basket_pipeline, with_ours
from benchmarks.serving.peers.names import PIPELINE_VARIABLE, folder_of


class Pipeline(litserve.LitAPI):
    """The pipeline."""

    def setup(self, device: str) -> None:  # noqa: ARG002  LitServe's signature
        """Load the pipeline."""
        self.pipeline = joblib.load(folder_of(PIPELINE_VARIABLE) / basket_pipeline.PIPELINE)

    def predict(self, basket: dict[str, Any]) -> dict[str, Any]:
        """Return class and probabilities."""
        return basket_pipeline.answer(self.pipeline, basket)


class WithOurs(litserve.LitAPI):
    """Our predictor."""

    def setup(self, device: str) -> None:  # noqa: ARG002  LitServe's signature
        """Load the bundle."""
        self.predictor = with_ours.load()

    def predict(self, basket: dict[str, Any]) -> dict[str, Any]:
        """Return our prediction."""
        return with_ours.answer(self.predictor, basket)


if __name__ == "__main__":
    api = {"pandas": Pipeline, "ours": WithOurs}[sys.argv[1]]()
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[2]),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
