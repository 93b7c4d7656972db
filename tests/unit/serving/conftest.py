"""A service that holds a small model, asked without a server."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from ml.serving.app import Service
from ml.serving.observe import Observations
from ml.serving.predictor import Predictor
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot
from tests.asgi import Answer, send_request
from tests.versions import trained

Ask = Callable[..., Answer]


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor.load(trained())


@pytest.fixture
def observations() -> Observations:
    return Observations(environment="test", write=lambda _: None, clock=lambda: 0.0)


@pytest.fixture
def ask(predictor: Predictor, observations: Observations) -> Ask:
    """Send a request to a service that holds a model."""

    def send(body: Any = None, *, path: str = "/predict", method: str = "POST", **options: Any) -> Answer:
        limits = options.pop("limits", {})
        held = options.pop("slot", ModelSlot(predictor))
        service = Service(held, settings=ServiceSettings(**limits), observations=observations)
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return asyncio.run(send_request(service, method, path, body=raw, **options))

    return send
