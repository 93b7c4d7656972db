"""The service's own contract: one basket or a list of them as JSON."""

from collections.abc import Sequence

import msgspec
from starlette.types import Scope

from ml.serving.contract import Basket, Prediction
from ml.serving.predictor import Predictor
from ml.serving.protocols.codec import ENCODER, JSON, Asked, Refused, Written, decoded, wants_reasons

_BASKETS = msgspec.json.Decoder(Basket | list[Basket])


class Plain:
    """``POST /predict``."""

    def read(self, scope: Scope, body: bytes, predictor: Predictor) -> Asked:  # noqa: ARG002
        """Return the basket or baskets of ``body``."""
        return plain(body, explain=wants_reasons(scope))

    def refuse(self, refused: Refused) -> Written:
        """Return what is wrong, and where."""
        error = {"message": refused.message} | ({"field": refused.field} if refused.field else {})
        return Written(ENCODER.encode({"error": error}), [JSON])


def plain(body: bytes, *, explain: bool) -> Asked:
    """Return one basket, answered by one prediction, or a list, answered by a list.

    Raises:
        Refused: ``body`` is no JSON (400), or a field is wrong (422).

    """
    asked: Basket | list[Basket] = decoded(_BASKETS, body)
    if isinstance(asked, Basket):
        return Asked([asked], explain, _write_one, _field_of_one)
    return Asked(asked, explain, write_list, _field_of_many)


def write_list(predictions: Sequence[Prediction]) -> Written:
    """Return ``predictions`` as a JSON list."""
    return Written(ENCODER.encode(predictions), [JSON])


def _write_one(predictions: Sequence[Prediction]) -> Written:
    return Written(ENCODER.encode(predictions[0]), [JSON])


def _field_of_one(_: int, line: int) -> str:
    return f"$.lines[{line}].spend"


def _field_of_many(basket: int, line: int) -> str:
    return f"$[{basket}].lines[{line}].spend"
