"""Predictions over HTTP, whatever the protocol: bytes in, bytes out, nothing of a framework between."""

import asyncio
import time
from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from ml.serving.body import BodyError, read_body
from ml.serving.capture import Capture
from ml.serving.contract import Prediction
from ml.serving.keys import Keys, WrongKeyError
from ml.serving.observe import Observations
from ml.serving.online import NotAnAmountError
from ml.serving.predictor import Predictor
from ml.serving.protocols.codec import Asked, Codec, Refused, Written
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot


class Predictions:
    """What every protocol shares: keys, limits, the model, and what is counted and captured."""

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
        self._running = 0

    async def answer(self, codec: Codec, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that reads and writes by ``codec``."""
        started = time.perf_counter()
        status, (body, headers) = await self._answer(codec, scope, receive)
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        if status == 503:
            headers.append((b"retry-after", b"1"))
        self._observations.answered(status, (time.perf_counter() - started) * 1_000)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, codec: Codec, scope: Scope, receive: Receive) -> tuple[int, Written]:
        if self._running >= self._settings.most_concurrent:
            return 503, codec.refuse(Refused(503, "too many requests at once"))
        self._running += 1
        try:
            self._keys.check(scope)
            predictor = self._slot.predictor
            if predictor is None:
                raise Refused(503, "no model is loaded yet")
            body = await read_body(
                scope, receive, most_bytes=self._settings.most_body_bytes, seconds=self._settings.body_seconds
            )
            asked = codec.read(scope, body, predictor)
            return 200, asked.write(await self._predict(predictor, asked))
        except Refused as refused:
            return refused.status, codec.refuse(refused)
        except WrongKeyError:
            return 401, codec.refuse(Refused(401, "a valid x-api-key is needed"))
        except BodyError as error:
            return error.status, codec.refuse(Refused(error.status, str(error)))
        finally:
            self._running -= 1

    async def _predict(self, predictor: Predictor, asked: Asked) -> Sequence[Prediction]:
        baskets = asked.baskets
        if len(baskets) > self._settings.most_baskets:
            raise Refused(413, f"more than {self._settings.most_baskets} baskets in one request")
        try:
            if len(baskets) <= self._settings.baskets_on_the_loop:
                predictions = predictor.predict(baskets, explain=asked.explain)
            else:
                predictions = await asyncio.to_thread(predictor.predict, baskets, explain=asked.explain)
        except NotAnAmountError as error:
            raise Refused(422, str(error), asked.spend_field(error.basket, error.line)) from error
        self._observations.predicted(predictions, sum(len(basket.lines) for basket in baskets))
        if self._capture is not None:
            self._capture.take(baskets, predictions)
        return predictions


class Endpoint:
    """An ASGI application: one protocol's way to predictions."""

    def __init__(self, predictions: Predictions, codec: Codec) -> None:
        self._predictions = predictions
        self._codec = codec

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._predictions.answer(self._codec, scope, receive, send)
