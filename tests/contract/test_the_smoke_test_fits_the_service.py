"""The smoke test of a release speaks to the service as it is: its path, its key, its answer."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from lambdas.verify.handler import Verified, Verify, verify
from ml.bundle import Bundle
from ml.serving.app import Service
from ml.serving.examples import EXAMPLE
from ml.serving.observe import Observations
from ml.serving.predictor import Predictor
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot
from tests.asgi import send_request
from tests.flow import KEY, Answer, Cluster, PodsHttp, Tools, account
from tests.versions import trained


class ServicePods(PodsHttp):
    """Pods that are the service itself."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        sent = {name.lower(): value for name, value in headers.items()}
        path = urlsplit(url).path
        answer = asyncio.run(send_request(self._service, method, path, body=body or b"", headers=sent))
        return Answer(answer.status, answer.body)


def smoke(version: str, basket: dict[str, Any], *, keys: tuple[str, ...] = (KEY,)) -> Verified:
    """Return what the smoke test says of the service with a real bundle, where ``version`` should answer."""
    predictor = Predictor(Bundle.load(trained()))
    service = Service(
        ModelSlot(predictor),
        settings=ServiceSettings(api_keys=keys),
        observations=Observations(environment="test", write=lambda _: None, clock=lambda: 0.0),
    )
    with account():
        return verify(Verify(version=version, basket=basket), Tools(Cluster(version), ServicePods(service)))


@pytest.fixture
def version() -> str:
    """The version of the bundle."""
    return Bundle.load(trained()).version


def test_the_right_version_passes(version: str) -> None:
    assert smoke(version, EXAMPLE).reason == "2 pods answered"


def test_another_version_a_wrong_key_and_a_wrong_basket_fail(version: str) -> None:
    assert f"answered with version {version}, not another" in smoke("another", EXAMPLE).reason
    assert "answered 401" in smoke(version, EXAMPLE, keys=("some-other-key-of-the-service",)).reason
    assert "answered 422" in smoke(version, {**EXAMPLE, "shop_hour": 99}).reason
