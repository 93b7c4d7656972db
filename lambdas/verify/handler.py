"""Smoke test: each ready pod of the new version, asked by itself, predicts with that version.

Through the load balancer an old pod could answer for a new one.
"""

import json
import math
from collections.abc import Callable
from typing import Any, Literal

import urllib3

from config.names import API_KEY_HEADER
from lambdas.common.deployment import Pod
from lambdas.common.events import Frozen, Version
from lambdas.common.kubernetes import Http
from lambdas.common.release import ReleaseTools, release_tools
from lambdas.common.runtime import handler_of

_ATTEMPTS = 3
_WAIT_SECONDS = 1.0
# Probabilities come as single-precision floats.
_TOLERANCE = 1e-3
_SHOWN = 200


class Verify(Frozen):
    """The version that is to answer, and the basket that it is asked about."""

    version: Version
    basket: dict[str, Any]


class Asked(Frozen):
    """A pod that was asked; ``problem`` is None where it answered as it should."""

    pod: str
    address: str
    problem: str | None


class Verified(Frozen):
    """What came of it."""

    status: Literal["passed", "failed"]
    version: str
    reason: str
    pods: tuple[Asked, ...]


def verify(event: Verify, tools: ReleaseTools) -> Verified:
    """Ask every ready pod of the version.

    Raises:
        KubernetesError: its subclass says what went wrong.

    """
    ready = [pod for pod in tools.deployment.pods(event.version) if pod.is_ready]
    if not ready:
        return Verified(status="failed", version=event.version, reason="no pod of this version is ready", pods=())
    key = tools.api_key()
    asked = [_ask(pod, event, key, tools.pods_http, tools.sleep) for pod in ready]
    if any(each.problem for each in asked):
        # A pod that the autoscaler ended meanwhile is no failure of the version.
        here = {pod.name for pod in tools.deployment.pods(event.version) if not pod.is_ending}
        asked = [each for each in asked if not each.problem or each.pod in here]
    wrong = [each for each in asked if each.problem]
    if not asked:
        return Verified(status="failed", version=event.version, reason="every pod ended while it was asked", pods=())
    return Verified(
        status="failed" if wrong else "passed",
        version=event.version,
        reason="; ".join(f"{each.pod}: {each.problem}" for each in wrong) or f"{len(asked)} pods answered",
        pods=tuple(asked),
    )


def _ask(pod: Pod, event: Verify, key: str, http: Http, sleep: Callable[[float], None]) -> Asked:
    """Ask one pod, again where it does not answer at all: predicting changes nothing."""
    problem: str | None = None
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            response = http.request(
                "POST",
                f"{pod.url}/predict",
                body=json.dumps(event.basket).encode(),
                headers={"Content-Type": "application/json", API_KEY_HEADER: key},
            )
        except urllib3.exceptions.HTTPError as error:
            problem = f"no answer: {type(error).__name__}"
        else:
            problem = _problem_of(response.status, response.data, event.version)
            if response.status < 500:
                break
        if attempt < _ATTEMPTS:
            sleep(_WAIT_SECONDS)
    return Asked(pod=pod.name, address=pod.url, problem=problem)


def _problem_of(status: int, body: bytes, version: str) -> str | None:
    """Return what is wrong with an answer, if anything."""
    words = body[:_SHOWN].decode(errors="replace")
    if status != 200:
        return f"answered {status}: {words}"
    try:
        answer = json.loads(body)
        answered, probabilities = answer["model_version"], list(answer["probabilities"].values())
        total = math.fsum(probabilities)
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"its answer is not a prediction: {words}"
    if answered != version:
        return f"answered with version {answered}, not {version}"
    if not all(0 <= each <= 1 for each in probabilities) or abs(total - 1) > _TOLERANCE:
        return f"its probabilities {probabilities} do not sum to one"
    return None


handler = handler_of("verify", Verify, verify, release_tools)
