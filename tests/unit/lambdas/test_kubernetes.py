"""The client of the Kubernetes API: what it sends again, what it gives up on, and under which name."""

import base64
import json
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from lambdas.common.eks import endpoint_of, token_for
from lambdas.common.errors import (
    TRANSIENT,
    ConflictError,
    ForbiddenError,
    KubernetesError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnreachableError,
)
from lambdas.common.kubernetes import Http, Kubernetes, Response
from tests.flow import Answer, clients

FINE = Answer(200, {"kind": "Deployment"})


class Script(Http):
    """A server that answers in the order given; an exception is no answer."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers = list(answers)
        self.headers: list[Mapping[str, str]] = []
        self.bodies: list[bytes | None] = []

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> Response:
        self.headers.append(headers)
        self.bodies.append(body)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Asker:
    """A client of a script, with the tokens it was given and the seconds it waited."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.script = Script(*answers)
        self.waits: list[float] = []
        self.tokens = 0
        self.client = Kubernetes("https://cluster/", self._token, self.script, sleep=self.waits.append)

    def _token(self) -> str:
        self.tokens += 1
        return f"token-{self.tokens}"


def refused(status: int, **headers: str) -> Answer:
    return Answer(status, {"kind": "Status", "message": "says the server"}, headers)


def test_one_token_is_used_until_it_is_refused() -> None:
    asker = Asker(FINE, FINE, refused(401), FINE)

    for _ in range(3):
        asker.client.get("api/v1/pods")

    assert [each["Authorization"] for each in asker.script.headers] == [
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_a_fresh_token_that_is_refused_is_an_error_of_its_own() -> None:
    asker = Asker(refused(401), refused(401))

    with pytest.raises(UnauthorizedError, match="GET api/v1/pods: 401: says the server"):
        asker.client.get("api/v1/pods")

    assert asker.tokens == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, ForbiddenError), (404, NotFoundError), (409, ConflictError), (422, KubernetesError)],
)
def test_what_will_not_change_is_not_asked_again(status: int, kind: type[KubernetesError]) -> None:
    asker = Asker(refused(status))

    with pytest.raises(kind) as error:
        asker.client.get("api/v1/pods")

    assert type(error.value) is kind
    assert error.value.status == status
    assert asker.waits == []


def test_the_state_machine_asks_again_where_an_api_server_has_just_started() -> None:
    assert {"UnauthorizedError", "ForbiddenError"} < set(TRANSIENT)
    assert not {"NotFoundError", "KubernetesError", "EventError"} & set(TRANSIENT)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(429), TooManyRequestsError),
        (refused(500), ServerError),
        (refused(503), ServerError),
        (Answer(200, b"<html>"), ServerError),
        (urllib3.exceptions.ReadTimeoutError(urllib3.HTTPSConnectionPool("cluster"), "/", "slow"), UnreachableError),
        (urllib3.exceptions.ProtocolError("connection reset"), UnreachableError),
    ],
)
def test_what_may_pass_is_asked_again_with_longer_waits_and_then_given_up(
    answer: Answer | Exception, kind: type[KubernetesError]
) -> None:
    patient = Asker(answer, answer, FINE)
    given_up = Asker(answer, answer, answer, answer)

    assert patient.client.get("api/v1/pods") == FINE.body
    with pytest.raises(kind):
        given_up.client.get("api/v1/pods")

    first, second, third = given_up.waits
    assert 0.125 <= first <= 0.25
    assert 0.5 <= second <= 1.0
    assert 2.0 <= third <= 4.0
    assert kind.__name__ in TRANSIENT


def test_it_waits_as_long_as_the_server_says_but_not_for_ever() -> None:
    told = Asker(refused(429, **{"Retry-After": "7"}), FINE)
    too_long = Asker(refused(429, **{"Retry-After": "60"}))

    told.client.get("api/v1/pods")
    with pytest.raises(TooManyRequestsError) as error:
        too_long.client.get("api/v1/pods")

    assert told.waits == [7.0]
    assert error.value.retry_after == 60


def test_a_patch_says_from_what_it_was_made_each_time() -> None:
    asker = Asker(refused(503), refused(409))

    with pytest.raises(ConflictError):
        asker.client.patch("a/deployment", {"metadata": {"annotations": {"a": "b"}}}, resource_version="41")

    expected = {"metadata": {"annotations": {"a": "b"}, "resourceVersion": "41"}}
    assert [json.loads(each or b"") for each in asker.script.bodies] == [expected, expected]
    assert asker.script.headers[0]["Content-Type"] == "application/strategic-merge-patch+json"


def test_an_answer_without_words_is_still_told_by_its_status() -> None:
    asker = Asker(Answer(403, b"denied by a proxy"))

    with pytest.raises(ForbiddenError, match="403: no message"):
        asker.client.get("api/v1/pods")


def test_the_token_is_a_presigned_call_that_names_the_cluster() -> None:
    token = token_for(clients().session, "mlops-dev-eks")

    kind, _, encoded = token.partition("k8s-aws-v1.")
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    query = parse_qs(url.query)
    assert kind == ""
    assert "=" not in token
    assert url.hostname == "sts.ap-southeast-1.amazonaws.com"
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert token != token_for(clients().session, "another-cluster"), "the name is signed"


def test_the_endpoint_has_its_certificates_decoded() -> None:
    class Eks:
        def describe_cluster(self, name: str) -> dict[str, object]:
            data = base64.b64encode(f"-----BEGIN {name}".encode()).decode()
            return {"cluster": {"endpoint": "https://cluster", "certificateAuthority": {"data": data}}}

    assert endpoint_of(Eks(), "CERTIFICATE").authority == "-----BEGIN CERTIFICATE"
