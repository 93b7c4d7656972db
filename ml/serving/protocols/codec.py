"""What a protocol has to say: how a body becomes baskets, and how predictions and refusals are written."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qs

import msgspec
from starlette.types import Scope

from ml.serving.contract import Basket, Prediction
from ml.serving.predictor import Predictor

Headers = list[tuple[bytes, bytes]]
JSON: Final = (b"content-type", b"application/json")
ENCODER: Final = msgspec.json.Encoder()


class Refused(Exception):  # noqa: N818  it is an answer, not a fault
    """A request that is answered with a 4xx or 503; ``field`` says what is wrong where."""

    def __init__(self, status: int, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field


class Written(NamedTuple):
    """A body, and the headers that say what it is."""

    body: bytes
    headers: Headers


class Asked(NamedTuple):
    """What one request asks for, and how it wants to be answered."""

    baskets: Sequence[Basket]
    explain: bool
    # Predictions of the baskets, in order, to the answer.
    write: Callable[[Sequence[Prediction]], Written]
    # Basket and line to where in the body that line's spend stands.
    spend_field: Callable[[int, int], str]


class Codec(Protocol):
    """A protocol's way of reading and writing. It holds no state: it may be used by many requests at once."""

    def read(self, scope: Scope, body: bytes, predictor: Predictor) -> Asked:
        """Return what the request asks for.

        Raises:
            Refused: the body is not one of this protocol's, or a field of it is wrong. The value is not repeated.

        """

    def refuse(self, refused: Refused) -> Written:
        """Return the answer of a refused request."""


def decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """Return what ``decoder`` makes of ``body``.

    Raises:
        Refused: it is no JSON (400), or a field of it is wrong (422).

    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise wrong_field(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "the body is not JSON") from error


def wrong_field(error: msgspec.ValidationError) -> Refused:
    """Return the refusal that names the field. The value is not in it: msgspec never repeats it."""
    # Its text reads: Expected `int` >= 1 - at `$.lines[0].quantity`.
    message, _, place = str(error).partition(" - at `")
    return Refused(422, message, place.rstrip("`"))


def header(scope: Scope, name: bytes) -> str:
    """Return a header of the request; empty where it has none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def wants_reasons(scope: Scope) -> bool:
    """Return whether the query asks for each product's part in the answer: ``?explain=1``."""
    query = scope["query_string"]
    return bool(query) and parse_qs(query.decode("latin-1")).get("explain", [""])[-1] in ("1", "true")
