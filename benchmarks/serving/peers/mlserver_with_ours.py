"""MLServer's custom runtime around our predictor: a basket's JSON in, the prediction's JSON out."""

import json

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.serving.peers import with_ours


class WithOurs(MLModel):
    """Our predictor as an MLServer model."""

    async def load(self) -> bool:
        """Load the bundle."""
        self.predictor = with_ours.load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return one prediction per basket."""
        baskets = StringCodec.decode_input(payload.inputs[0])
        answers = [json.dumps(with_ours.answer(self.predictor, json.loads(basket))) for basket in baskets]
        return InferenceResponse(model_name=self.name, outputs=[StringCodec.encode_output("predictions", answers)])
