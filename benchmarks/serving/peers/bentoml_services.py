"""BentoML services: the pipeline from its model store, and our predictor."""

from typing import Any

import bentoml
import joblib

from benchmarks.serving.peers import basket_pipeline, with_ours
from benchmarks.serving.peers.basket_request import Basket

QUIET = {"access": {"enabled": False}}


@bentoml.service(workers=1, logging=QUIET)
class Pipeline:
    """The pipeline."""

    stored = bentoml.models.BentoModel("baskets:latest")

    def __init__(self) -> None:
        self.pipeline = joblib.load(self.stored.path_of(basket_pipeline.PIPELINE))

    @bentoml.api
    def predict(self, basket: Basket) -> dict[str, Any]:
        """Return class and probabilities."""
        return basket_pipeline.answer(self.pipeline, basket.model_dump())


@bentoml.service(workers=1, logging=QUIET)
class WithOurs:
    """Our predictor."""

    def __init__(self) -> None:
        self.predictor = with_ours.load()

    @bentoml.api
    def predict(self, basket: Basket) -> dict[str, Any]:
        """Return our prediction."""
        return with_ours.answer(self.predictor, basket.model_dump())
