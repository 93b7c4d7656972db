"""Predictions over HTTP, whatever the protocol: bytes in, bytes out, nothing of a framework between."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from starlette.types import Receive, Scope, Send

from ml.serving.body import Bodies, BodyError
from ml.serving.capture import Capture
from ml.serving.contract import Prediction
from ml.serving.keys import NO_KEY, Keys, WrongKeyError
from ml.serving.observe import Observations
from ml.serving.online import NotAnAmountError
from ml.serving.predictor import Predictor
from ml.serving.protocols.codec import Asked, Codec, Refused, Written
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot

# More at once would be no faster, since decoding and encoding share one interpreter, and hold more memory.
_LARGE_AT_ONCE: Final = 2


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
        self._bodies = Bodies(
            most_bytes=settings.most_body_bytes,
            seconds=settings.body_seconds,
            most_waiting_bytes=settings.most_waiting_bytes,
        )
        self._large = 0
        self._turns = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def answer(self, codec: Codec, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that reads and writes by ``codec``."""
        started = time.perf_counter()
        try:
            status, (body, headers) = await self._answer(codec, scope, receive)
        except Exception:
            # What nobody foresaw is what the error rate is watched for; the server answers 500 and logs it.
            self._observations.answered(500, _milliseconds_since(started))
            raise
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        if status == 503:
            headers.append((b"retry-after", b"1"))
        if status == 405:
            headers.append((b"allow", b"POST"))
        self._observations.answered(status, _milliseconds_since(started))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, codec: Codec, scope: Scope, receive: Receive) -> tuple[int, Written]:
        try:
            if scope["method"] != "POST":
                raise Refused(405, "predictions are asked for by POST")
            self._keys.check(scope)
            predictor = self._slot.predictor
            if predictor is None:
                raise Refused(503, "no model is loaded yet")
            body = await self._bodies.read(scope, receive)
            if len(body) <= self._settings.bytes_on_the_loop:
                asked = self._read(codec, scope, body, predictor)
                return 200, self._written(asked, self._predict(predictor, asked))
            return 200, await self._in_turn(codec, scope, body, predictor)
        except Refused as refused:
            return refused.status, codec.refuse(refused)
        except WrongKeyError:
            return 401, codec.refuse(Refused(401, NO_KEY))
        except BodyError as error:
            return error.status, codec.refuse(Refused(error.status, str(error)))

    async def _in_turn(self, codec: Codec, scope: Scope, body: bytes, predictor: Predictor) -> Written:
        """Answer a large body when its turn comes: decoded it takes many times its bytes, so few are at once."""
        if self._large >= self._settings.most_large:
            raise Refused(503, "too many large requests at once")
        self._large += 1
        try:
            async with self._turns:
                asked = await asyncio.to_thread(self._read, codec, scope, body, predictor)
                return self._written(asked, await asyncio.to_thread(self._predict, predictor, asked))
        finally:
            self._large -= 1

    def _read(self, codec: Codec, scope: Scope, body: bytes, predictor: Predictor) -> Asked:
        asked = codec.read(scope, body, predictor)
        if len(asked.baskets) > self._settings.most_baskets:
            raise Refused(413, f"more than {self._settings.most_baskets} baskets in one request")
        return asked

    @staticmethod
    def _predict(predictor: Predictor, asked: Asked) -> Sequence[Prediction]:
        try:
            return predictor.predict(asked.baskets, explain=asked.explain)
        except NotAnAmountError as error:
            raise Refused(422, str(error), asked.spend_field(error.basket, error.line)) from error

    def _written(self, asked: Asked, predictions: Sequence[Prediction]) -> Written:
        """Count and capture ``predictions``, and write them as the protocol does."""
        self._observations.predicted(predictions, sum(len(basket.lines) for basket in asked.baskets))
        if self._capture is not None:
            self._capture.take(asked.baskets, predictions)
        return asked.write(predictions)


class Endpoint:
    """An ASGI application: one protocol's way to predictions."""

    def __init__(self, predictions: Predictions, codec: Codec) -> None:
        self._predictions = predictions
        self._codec = codec

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._predictions.answer(self._codec, scope, receive, send)


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1_000
