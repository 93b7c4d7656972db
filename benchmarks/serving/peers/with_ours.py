"""Our encoder and ONNX Runtime, for use inside another server."""

from typing import Any

from msgspec import convert, to_builtins

from benchmarks.serving.peers.names import BUNDLE_VARIABLE, folder_of
from ml.serving.contract import Basket
from ml.serving.predictor import Predictor


def load() -> Predictor:
    """Return the bundle's predictor."""
    return Predictor.load(folder_of(BUNDLE_VARIABLE))


def answer(predictor: Predictor, basket: dict[str, Any]) -> dict[str, Any]:
    """Return the prediction of one basket as plain values."""
    [prediction] = predictor.predict([convert(basket, Basket)])
    found: dict[str, Any] = to_builtins(prediction)
    return found
