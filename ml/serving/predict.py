"""``POST /predict``: the one route that is made for speed. Bytes in, bytes out, nothing of a framework between."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs

import msgspec
from starlette.types import Receive, Scope, Send

from ml.serving.body import BodyError, read_body
from ml.serving.capture import Capture
from ml.serving.contract import Basket, Prediction
from ml.serving.keys import Keys, WrongKeyError
from ml.serving.observe import Observations
from ml.serving.online import NotAnAmountError
from ml.serving.predictor import Predictor
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot

_JSON: Final = (b"content-type", b"application/json")


class Refused(Exception):  # noqa: N818  it is an answer, not a fault
    """A request that is answered with a 4xx or 503; ``field`` says what is wrong where."""

    def __init__(self, status: int, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field


class PredictEndpoint:
    """An ASGI application for one path."""

    def __init__(
        self,
        slot: ModelSlot,
        *,
        settings: ServiceSettings,
        keys: Keys,
        observations: Observations,
        capture: Capture | None,
    ) -> None:
        self._slot = slot
        self._settings = settings
        self._keys = keys
        self._observations = observations
        self._capture = capture
        self._decoder = msgspec.json.Decoder(Basket | list[Basket])
        self._encoder = msgspec.json.Encoder()
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = time.perf_counter()
        status, body = await self._answer(scope, receive)
        headers = [_JSON, (b"content-length", b"%d" % len(body))]
        if status == 503:
            headers.append((b"retry-after", b"1"))
        self._observations.answered(status, (time.perf_counter() - started) * 1_000)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        if self._running >= self._settings.most_concurrent:
            return self._refusal(Refused(503, "too many requests at once"))
        self._running += 1
        try:
            self._keys.check(scope)
            predictor = self._slot.predictor
            if predictor is None:
                raise Refused(503, "no model is loaded yet")
            body = await read_body(
                scope, receive, most_bytes=self._settings.most_body_bytes, seconds=self._settings.body_seconds
            )
            return 200, await self._predict(predictor, body, explain=_explain(scope))
        except Refused as refused:
            return self._refusal(refused)
        except WrongKeyError:
            return self._refusal(Refused(401, "a valid x-api-key is needed"))
        except BodyError as error:
            return self._refusal(Refused(error.status, str(error)))
        finally:
            self._running -= 1

    async def _predict(self, predictor: Predictor, body: bytes, *, explain: bool) -> bytes:
        asked = self._decode(body)
        baskets = [asked] if isinstance(asked, Basket) else asked
        if len(baskets) > self._settings.most_baskets:
            raise Refused(413, f"more than {self._settings.most_baskets} baskets in one request")
        try:
            if len(baskets) <= self._settings.baskets_on_the_loop:
                predictions = predictor.predict(baskets, explain=explain)
            else:
                predictions = await asyncio.to_thread(predictor.predict, baskets, explain=explain)
        except NotAnAmountError as error:
            place = f"[{error.basket}]" if isinstance(asked, list) else ""
            raise Refused(422, str(error), f"${place}.lines[{error.line}].spend") from error
        self._keep(baskets, predictions)
        return self._encoder.encode(predictions[0] if isinstance(asked, Basket) else predictions)

    def _decode(self, body: bytes) -> Basket | list[Basket]:
        try:
            asked: Basket | list[Basket] = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            # "Expected `int` >= 1 - at `$.lines[0].quantity`": the value itself is never repeated.
            message, _, place = str(error).partition(" - at `")
            raise Refused(422, message, place.rstrip("`")) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(400, "the body is not JSON") from error
        return asked

    def _keep(self, baskets: Sequence[Basket], predictions: Sequence[Prediction]) -> None:
        self._observations.predicted(predictions, sum(len(basket.lines) for basket in baskets))
        if self._capture is not None:
            self._capture.take(baskets, predictions)

    def _refusal(self, refused: Refused) -> tuple[int, bytes]:
        error = {"message": refused.message} | ({"field": refused.field} if refused.field else {})
        return refused.status, self._encoder.encode({"error": error})


def _explain(scope: Scope) -> bool:
    query = scope["query_string"]
    return bool(query) and parse_qs(query.decode("latin-1")).get("explain", [""])[-1] in ("1", "true")
