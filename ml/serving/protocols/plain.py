"""The service's own contract: one basket or a list of them as JSON."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from starlette.types import Scope

from ml.serving.contract import Basket, Prediction
from ml.serving.predictor import Predictor
from ml.serving.protocols.codec import ENCODER, JSON, Refused, Written, decoded, wants_reasons

_BASKETS = msgspec.json.Decoder(Basket | list[Basket])


class Plain:
    """``POST /predict``."""

    def read(self, scope: Scope, body: bytes, predictor: Predictor) -> "PlainAsked":  # noqa: ARG002
        """Return the basket or baskets of ``body``."""
        asked: Basket | list[Basket] = decoded(_BASKETS, body)
        explain = wants_reasons(scope)
        return PlainAsked([asked], explain, False) if isinstance(asked, Basket) else PlainAsked(asked, explain, True)

    def refuse(self, refused: Refused) -> Written:
        """Return what is wrong, and where."""
        error = {"message": refused.message} | ({"field": refused.field} if refused.field else {})
        return Written(ENCODER.encode({"error": error}), [JSON])


class PlainAsked(NamedTuple):
    """One basket, answered by one prediction, or a list, answered by a list."""

    baskets: list[Basket]
    explain: bool
    listed: bool

    def write(self, predictions: Sequence[Prediction]) -> Written:
        """Return the predictions in the shape in which the baskets came."""
        return Written(ENCODER.encode(predictions if self.listed else predictions[0]), [JSON])

    def spend_field(self, basket: int, line: int) -> str:
        """Return the JSON path of a line's spend."""
        return f"${f'[{basket}]' if self.listed else ''}.lines[{line}].spend"
