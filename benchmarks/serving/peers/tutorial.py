"""FastAPI, pandas and joblib, as tutorials put them together; ``def``, as FastAPI's docs say for code that blocks."""

from typing import Any

import joblib
from fastapi import FastAPI

from benchmarks.serving.peers.basket_pipeline import PIPELINE, answer
from benchmarks.serving.peers.basket_request import Basket, Prediction
from benchmarks.serving.peers.names import PIPELINE_VARIABLE, folder_of

app = FastAPI()
pipeline = joblib.load(folder_of(PIPELINE_VARIABLE) / PIPELINE)


@app.post("/predict", response_model=Prediction)
def predict(basket: Basket) -> dict[str, Any]:
    """Return class and probabilities."""
    return answer(pipeline, basket.model_dump())
