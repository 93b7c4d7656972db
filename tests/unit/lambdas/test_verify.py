"""The smoke test: each pod by itself."""

import pytest

from lambdas.verify.handler import Verify, verify
from tests.flow import Account, Answer, Cluster, Object, PodsHttp, Tools, prediction

EVENT = Verify(version="v2", basket={"lines": [{"prod_code": "PRD0900001", "quantity": 1, "spend": 1.03}]})
FIRST, SECOND = "http://10.0.0.1:8080/predict", "http://10.0.0.2:8080/predict"


def test_every_ready_pod_is_asked_by_its_own_address(cloud: Account) -> None:
    pods = PodsHttp()

    answer = verify(EVENT, Tools(Cluster("v2"), pods))

    assert (answer.status, answer.reason) == ("passed", "2 pods answered")
    assert pods.asked == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (prediction("v1"), "answered with version v1, not v2"),
        (prediction("v2", (0.2, 0.2, 0.2)), "its probabilities [0.2, 0.2, 0.2] do not sum to one"),
        (prediction("v2", (1.5, -0.3, -0.2)), "its probabilities [1.5, -0.3, -0.2] do not sum to one"),
        (Answer(200, b"<html>"), "its answer is not a prediction: <html>"),
        (Answer(200, {"model_version": "v2"}), 'its answer is not a prediction: {"model_version": "v2"}'),
        (Answer(200, b"[]"), "its answer is not a prediction: []"),
        (Answer(422, {"detail": "lines"}), 'answered 422: {"detail": "lines"}'),
        (Answer(503, b"warming"), "answered 503: warming"),
        (None, "no answer: ConnectTimeoutError"),
    ],
)
def test_one_pod_that_answers_wrongly_fails_it_by_name(cloud: Account, wrong: Answer | None, problem: str) -> None:
    answer = verify(EVENT, Tools(Cluster("v2"), PodsHttp({SECOND: wrong})))

    assert (answer.status, answer.reason) == ("failed", f"inference-2: {problem}")
    assert [each.problem for each in answer.pods] == [None, problem]


def test_a_pod_that_does_not_answer_at_first_is_asked_again(cloud: Account) -> None:
    class Late(PodsHttp):
        def request(self, *args: object, **options: object) -> Answer:
            self.answers = {SECOND: None} if len(self.asked) < 3 else {}
            return super().request(*args, **options)  # type: ignore[arg-type]

    pods = Late()

    assert verify(EVENT, Tools(Cluster("v2"), pods)).status == "passed"
    assert pods.asked == [FIRST, SECOND, SECOND, SECOND]


def test_a_pod_that_ended_meanwhile_is_no_failure(cloud: Account) -> None:
    cluster = Cluster("v2")

    class Ending(PodsHttp):
        def request(self, *args: object, **options: object) -> Answer:
            if len(self.asked) == 1:
                cluster.deployment["spec"]["replicas"] = 1
            return super().request(*args, **options)  # type: ignore[arg-type]

    answer = verify(EVENT, Tools(cluster, Ending({SECOND: None})))

    assert (answer.status, answer.reason) == ("passed", "1 pods answered")


def test_no_ready_pod_is_a_failure(cloud: Account) -> None:
    cluster = Cluster("v2")
    cluster.ready = False

    assert verify(EVENT, Tools(cluster)).reason == "no pod of this version is ready"
    assert verify(EVENT, Tools(Cluster("v1"))).status == "failed"


def test_the_key_is_the_present_one(cloud: Account) -> None:
    class WrongKey(Tools):
        def api_key(self) -> str:
            return "an old key"

    answer = verify(EVENT, WrongKey(Cluster("v2")))

    assert answer.reason.startswith('inference-1: answered 401: {"detail": "wrong key"}')
    kept: Object = answer.as_json()
    assert "an old key" not in str(kept)
