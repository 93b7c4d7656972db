"""MLflow's ``PythonModel`` with type hints around our predictor; MLflow checks the baskets by them."""

from typing import Any

import mlflow

from benchmarks.serving.peers import with_ours
from benchmarks.serving.peers.basket_request import Basket


class WithOurs(mlflow.pyfunc.PythonModel):
    """Our predictor as an MLflow model."""

    def load_context(self, context: Any) -> None:  # noqa: ARG002  MLflow's signature
        """Load the bundle."""
        self.predictor = with_ours.load()

    def predict(self, model_input: list[Basket]) -> list[dict[str, Any]]:
        """Return one prediction per basket."""
        return [with_ours.answer(self.predictor, basket.model_dump()) for basket in model_input]
