"""The service put together: the fast route in front, FastAPI for everything else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Response
from fastapi_offline import FastAPIOffline
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ml.serving.capture import Capture
from ml.serving.keys import NO_KEY, Keys, WrongKeyError
from ml.serving.memory import give_back
from ml.serving.observe import Observations
from ml.serving.openapi import INFER, INFER_VERSION, INVOCATIONS, PREDICT, describe
from ml.serving.page import Page
from ml.serving.predict import Endpoint, Predictions
from ml.serving.protocols.invocations import Invocations
from ml.serving.protocols.open_inference import OpenInference, router
from ml.serving.protocols.plain import Plain
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot
from ml.version import code_version

# What answers without a key: health, and what is the same in every installation: the page's files and the contract.
_OPEN = frozenset({"/health", "/healthz", "/ready", "/ping", "/v2/health/live", "/v2/health/ready"})
_OPEN |= {"/", "/docs", "/openapi.json"}
_OPEN_BELOW = ("/static/", "/static-offline-docs/")


class Service:
    """The ASGI application: predictions by their own endpoints, every other path by FastAPI."""

    def __init__(
        self,
        slot: ModelSlot,
        *,
        settings: ServiceSettings,
        observations: Observations,
        capture: Capture | None = None,
    ) -> None:
        self.slot = slot
        self._observations = observations
        self.keys = Keys(settings.api_keys)
        self._metrics_seconds = settings.metrics_seconds
        # What runs beside the requests until the service ends; then each is cancelled and waited for, the last first:
        # what capture drops at the end is still counted, and what is counted still written.
        self.background: list[Callable[[], Coroutine[Any, Any, None]]] = [self._flush_regularly, give_back]
        if capture is not None:
            self.background.append(capture.run)
        predictions = Predictions(slot, settings=settings, keys=self.keys, observations=observations, capture=capture)
        # For speed these are found before FastAPI looks at its routes.
        self._fast: dict[str, ASGIApp] = {
            PREDICT: Endpoint(predictions, Plain()),
            INVOCATIONS: Endpoint(predictions, Invocations()),
        }
        self._infer: ASGIApp = Endpoint(predictions, OpenInference())
        self._page = Page(slot, self.keys)
        self.api = self._api()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] != "http":
            await self.api(scope, receive, send)
            return
        # These ask for the key themselves, as their protocol says no.
        own = self._fast.get(scope["path"])
        if own is None and not _is_open(scope["path"]) and not self._has_key(scope):
            error = NO_KEY if scope["path"].startswith("/v2") else {"message": NO_KEY}
            await JSONResponse({"error": error}, status_code=401)(scope, receive, send)
            return
        await (own or self.api)(scope, receive, send)

    def _has_key(self, scope: Scope) -> bool:
        try:
            self.keys.check(scope)
        except WrongKeyError:
            return False
        return True

    def _api(self) -> FastAPI:
        app = FastAPIOffline(
            redoc_url=None,
            title="Basket price sensitivity",
            version=code_version(),
            description="Raw basket lines in; class, probabilities and model version out.",
            lifespan=self._lifespan,
        )

        @app.get("/healthz", tags=["operations"], summary="The process lives")
        @app.get("/health", tags=["operations"], summary="The process lives")
        async def healthz() -> dict[str, str]:
            return {"status": "ok"}

        @app.get("/ready", tags=["operations"], summary="A model is loaded and warm")
        @app.get("/ping", tags=["SageMaker"], summary="A model is loaded and warm")
        async def ready() -> Response:
            predictor = self.slot.predictor
            if predictor is None:
                return JSONResponse({"status": "loading"}, status_code=503)
            return JSONResponse({"status": "ready", "model_version": predictor.version})

        @app.get("/version", tags=["operations"], summary="What answers: code and model")
        async def version() -> dict[str, str | None]:
            predictor = self.slot.predictor
            return {"code_version": code_version(), "model_version": predictor.version if predictor else None}

        @app.get("/metrics", tags=["operations"], summary="Counts in Prometheus' text format")
        async def metrics() -> Response:
            predictor = self.slot.predictor
            text = self._observations.prometheus(predictor.version if predictor else "")
            return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

        app.include_router(self._page.router())
        app.include_router(router(self.slot))
        for path in (INFER, INFER_VERSION):
            app.router.routes.append(Route(path, self._infer, include_in_schema=False))

        described = app.openapi

        def openapi() -> dict[str, Any]:
            schema = described()
            schema["paths"] |= describe(schema.setdefault("components", {}).setdefault("schemas", {}))
            return schema

        app.openapi = openapi  # type: ignore[method-assign]
        return app

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(run()) for run in self.background]
        try:
            yield
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _flush_regularly(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._metrics_seconds)
                self._observations.flush()
        finally:
            self._observations.flush()


def _is_open(path: str) -> bool:
    if path.startswith("/v2/models/"):
        # Predictions there ask for the key themselves, too.
        return path.endswith(("/ready", "/infer"))
    return path in _OPEN or path.startswith(_OPEN_BELOW)
