"""Bodies that no honest caller sends: refused or answered, never a fault, never repeated."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings

from ml.serving.app import Service
from ml.serving.observe import Observations
from ml.serving.predictor import Predictor
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot
from tests.asgi import send_request
from tests.proofs import hostile

Check = Callable[[bytes], int]

ALL = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)


@pytest.fixture(scope="module")
def check(predictor: Predictor) -> Iterator[Check]:
    """Send a body to one service; return the status, and fail where it is a fault or a refusal repeats the body."""
    observations = Observations(environment="test", write=lambda _: None, clock=lambda: 0.0)
    service = Service(ModelSlot(predictor), settings=ServiceSettings(), observations=observations)
    with asyncio.Runner() as runner:

        def send(body: bytes) -> int:
            answer = runner.run(send_request(service, "POST", "/predict", body=body, query="explain=1"))
            assert answer.status < 500, body[:200]
            assert answer.status == 200 or hostile.CANARY.encode() not in answer.body, body[:200]
            return answer.status

        yield send


def test_hostile_bodies(check: Check) -> None:
    statuses = {name: check(body) for name, body in hostile.bodies().items()}

    assert statuses["duplicate keys"] == 422
    assert statuses["nested in an unknown field"] == 400
    assert statuses["lone surrogate"] == 400
    assert statuses["larger than allowed"] == 413
    assert statuses["escaped null in a text"] == 200


def test_damaged_bodies(check: Check) -> None:
    assert {200, 400, 422} <= {check(body) for body in islice(hostile.mutations(7), 300)}


@settings(ALL, max_examples=60)
@given(hostile.of_contract(wrong=False))
def test_what_the_contracts_schema_allows_is_answered(check: Check, body: bytes) -> None:
    assert check(body) == 200


@settings(ALL, max_examples=60)
@given(hostile.of_contract(wrong=True))
def test_what_it_does_not_allow_is_refused(check: Check, body: bytes) -> None:
    assert check(body) in {200, 400, 422}
