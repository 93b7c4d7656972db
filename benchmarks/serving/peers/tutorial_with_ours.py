"""The tutorial's service around our predictor."""

from typing import Any

from fastapi import FastAPI

from benchmarks.serving.peers import with_ours
from benchmarks.serving.peers.basket_request import Basket, Prediction

app = FastAPI()
predictor = with_ours.load()


@app.post("/predict", response_model=Prediction)
def predict(basket: Basket) -> dict[str, Any]:
    """Return our prediction."""
    return with_ours.answer(predictor, basket.model_dump())
