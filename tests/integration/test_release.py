"""Releases and roll-backs against a real API server, with real controllers and access control.

Pods run nothing there: those of a version that starts with "bad" never get ready, and the smoke test's requests go to
a server of this process. AWS is moto.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import urllib3

from config.names import API_WORKLOAD, DEPLOYERS_GROUP, INFERENCE_DEPLOYMENT, NAMESPACE
from lambdas.common import kubernetes
from lambdas.common.eks import Endpoint, token_for
from lambdas.common.errors import (
    ForbiddenError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnreachableError,
)
from lambdas.common.kubernetes import Http, Kubernetes, Response
from lambdas.common.release import ReleaseTools
from lambdas.deploy.handler import deploy
from lambdas.promote.handler import promote
from lambdas.roll_back.handler import roll_back
from lambdas.rollout.handler import Looked, Rollout, rollout
from lambdas.verify.handler import Verify, verify
from tests.control_plane import ControlPlane, eventually, running
from tests.fault_proxy import Fault, FaultProxy, answers, does, hangs, loses_the_answer, proxy
from tests.flow import KEY, SETTINGS, Account, account, clients, prediction
from tests.integration.test_manifests_apply import (
    DEPLOYMENT,
    HERE,
    applied_objects,
    is_ready,
    label_node,
    pods,
    rolled_out,
    version_of,
)
from tests.releases import alarm_event, deploy_event, failure_event, promote_event

pytestmark = pytest.mark.control_plane
DEADLINE = 10
BASKET = {"lines": [{"prod_code": "PRD0900001", "quantity": 1, "spend": 1.03}]}


class PodsServer(Http):
    """Pods' HTTP led to a server of this process, which answers with the version it is told for an address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(timeout=5, retries=False)

    def request(self, method: str, url: str, *, body: bytes | None, headers: dict[str, str]) -> Response:  # type: ignore[override]
        answer: Response = self._pool.request(method, self._url, body=body, headers={**headers, "x-pod": url})
        return answer


@dataclass
class World:
    """A cluster behind a proxy, and an account."""

    plane: ControlPlane
    cloud: Account
    proxy: FaultProxy
    pods_url: str
    answering: dict[str, str] = field(default_factory=dict)

    def tools(self) -> ReleaseTools:
        """Return the tools of a new process of a function, which reach the cluster through the proxy."""
        world = self

        class Tools(ReleaseTools):
            @cached_property
            def kubernetes(self) -> Kubernetes:
                authority = (world.plane.folder / "pki" / "ca.crt").read_text()
                endpoint = Endpoint(world.proxy.url, authority)
                return Kubernetes.at(endpoint, lambda: token_for(self.clients.session, self.settings.cluster))

            @cached_property
            def pods_http(self) -> Http:
                return PodsServer(world.pods_url)

        return Tools(SETTINGS, clients())

    def watch(self, version: str, *, seconds: float = 60) -> Looked:
        """Look at the rollout until it is over, as the state machine does."""

        def over() -> Looked | None:
            seen = rollout(Rollout(version=version), self.tools())
            return None if seen.status == "progressing" else seen

        found: Looked = eventually(over, seconds=seconds)
        return found

    def release(self, version: str, *, minutes: float) -> None:
        """Release ``version``, which works."""
        if version not in self.cloud.packages:
            self.cloud.add_version(version)
        assert deploy(deploy_event(self.cloud, version, minutes=minutes), self.tools()).status == "deploying"
        assert self.watch(version).status == "done"
        assert verify(Verify(version=version, basket=BASKET), self.tools()).status == "passed"
        assert promote(promote_event(version, minutes=minutes + 10), self.tools()).status == "promoted"

    def serves(self, version: str) -> bool:
        """Whether every pod is of ``version`` and ready."""
        return rolled_out(self.plane.admin(), version)


@contextmanager
def pods_answering(plane: ControlPlane) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve for all pods: with the version that the pod has, or with another one for its address."""
    others: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            address = self.headers["x-pod"]
            (pod,) = [each for each in pods(plane.admin()) if f"/{each['status'].get('podIP')}:" in address]
            right = self.headers["x-api-key"] == KEY
            answer = prediction(others.get(address, version_of(pod))).data
            self.send_response(200 if right else 401)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Tests say what went wrong themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/predict", others
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with production's manifests, and a deadline that a test can wait for."""
    with running(tmp_path_factory.mktemp("control-plane")) as found:
        label_node(found.admin(), "node-1", API_WORKLOAD)
        for each in applied_objects("prod"):
            if each["kind"] == "Deployment":
                each["spec"].update(progressDeadlineSeconds=DEADLINE, minReadySeconds=0)
            answer = found.admin().apply(each)
            assert answer.status == 201, answer.body
        # One pod at first; the autoscaler makes it two.
        eventually(lambda: rolled_out(found.admin(), "") and len(pods(found.admin())) == 2, seconds=90)
        yield found


@pytest.fixture
def world(plane: ControlPlane) -> Iterator[World]:
    """A cluster where v1 and then v2 were released, each by the functions."""
    with account() as cloud, proxy(plane) as front, pods_answering(plane) as (url, answering):
        found = World(plane, cloud, front, url, answering)
        found.release("v1", minutes=0)
        found.release("v2", minutes=60)
        yield found


@pytest.fixture
def few(plane: ControlPlane) -> Iterator[World]:
    """The cluster as it is, and an account where nothing has been released."""
    with account() as cloud, proxy(plane) as front:
        yield World(plane, cloud, front, "")


@pytest.fixture(scope="module")
def restart(plane: ControlPlane) -> Iterator[Callable[[], None]]:
    """Return what ends the API server and starts it again, with the same arguments and data."""
    started: list[subprocess.Popen[bytes]] = []

    def now() -> None:
        parent = int((plane.folder / "pid").read_text())
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        commands = {each: Path(f"/proc/{each}/cmdline").read_text().rstrip("\0").split("\0") for each in children}
        pid, command = next(each for each in commands.items() if each[1][0].endswith("kube-apiserver"))
        os.kill(int(pid), signal.SIGKILL)
        log = (plane.folder / "logs" / "kube-apiserver-again.log").open("wb")
        started.append(subprocess.Popen(command, cwd=plane.folder, stdout=log, stderr=log))

    yield now
    for each in started:
        each.kill()
        each.wait()


@pytest.fixture
def fast_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that waits a second for an answer, so that a server that hangs is noticed soon."""
    monkeypatch.setattr(kubernetes, "READ_SECONDS", 1.0)


def look_until_it_fails(world: World, version: str) -> tuple[Looked, float]:
    """Look at the rollout of ``version`` until it has failed; meanwhile each pod of v2 must go on serving."""
    begun = time.monotonic()

    def failed() -> Looked | None:
        serving = [version_of(each) for each in pods(world.plane.admin()) if is_ready(each)]
        assert serving == ["v2", "v2"]
        seen = rollout(Rollout(version=version), world.tools())
        assert seen.status in {"progressing", "failed"}
        return seen if seen.status == "failed" else None

    seen: Looked = eventually(failed)
    return seen, time.monotonic() - begun


def test_a_good_release_serves_everywhere_and_is_recorded(world: World) -> None:
    assert world.serves("v2")
    assert world.cloud.ledger["version"] == "v2"
    assert [each["outcome"] for each in world.cloud.records("released")] == ["promoted", "promoted"]
    descriptor = world.cloud.object("artifacts/registry/price_sensitivity/deployments/latest.json")
    assert descriptor["model_package"]["version"] == "v2"
    assert descriptor["scaling"]["minimum"] >= 2
    assert descriptor["image"]["tag"]


def test_pods_that_never_get_ready_take_nothing_away_are_noticed_in_time_and_undone(world: World) -> None:
    bad = "bad-v3"
    world.cloud.add_version(bad)
    deploy(deploy_event(world.cloud, bad, minutes=100), world.tools())

    seen, seconds = look_until_it_fails(world, bad)

    assert seconds < DEADLINE + 10
    assert "ProgressDeadlineExceeded" in seen.reason
    (waiting,) = seen.not_ready
    assert "CrashLoopBackOff" in waiting.reason
    event = failure_event(world.cloud, bad, minutes=110, evidence=seen.as_json())
    assert roll_back(event, world.tools()).to_version == "v2"
    assert world.watch("v2").status == "done"
    assert world.serves("v2")
    assert world.cloud.status(bad) == "Rejected"
    (record,) = world.cloud.records("rolled-back")
    assert record["evidence"]["not_ready"] == [waiting.as_json()]


def test_a_pod_that_answers_with_another_version_fails_the_release_by_its_name(world: World) -> None:
    world.cloud.add_version("v3")
    deploy(deploy_event(world.cloud, "v3", minutes=100), world.tools())
    assert world.watch("v3").status == "done"
    stale = pods(world.plane.admin())[0]
    world.answering[f"http://{stale['status']['podIP']}:8080/predict"] = "v2"

    answer = verify(Verify(version="v3", basket=BASKET), world.tools())

    assert answer.status == "failed"
    assert answer.reason == f"{stale['metadata']['name']}: answered with version v2, not v3"
    roll_back(failure_event(world.cloud, "v3", minutes=110, evidence=answer.as_json()), world.tools())
    assert world.watch("v2").status == "done"
    assert world.serves("v2")


def test_an_alarm_takes_the_champion_back_and_its_repetition_does_nothing(world: World) -> None:
    assert roll_back(alarm_event(minutes=90), world.tools()).to_version == "v1"
    assert world.watch("v1").status == "done"
    assert world.serves("v1")
    before = (world.plane.admin().get(DEPLOYMENT)["metadata"]["generation"], world.cloud.state())

    assert roll_back(alarm_event(minutes=90), world.tools()).to_version == "v1"

    assert (world.plane.admin().get(DEPLOYMENT)["metadata"]["generation"], world.cloud.state()) == before


def test_without_a_healthy_predecessor_it_refuses(world: World) -> None:
    roll_back(alarm_event(minutes=90), world.tools())
    world.watch("v1")

    answer = roll_back(alarm_event(minutes=200, key="alarm-2"), world.tools())

    assert answer.status == "refused"
    assert "there is no healthy version before v1" in answer.reason
    assert world.serves("v1")


@pytest.mark.parametrize(
    ("method", "faults"),
    [
        ("GET", [answers(401)]),
        ("PATCH", [answers(401)]),
        ("PATCH", [answers(409), answers(409)]),
        ("GET", [answers(429, **{"Retry-After": "1"})]),
        ("PATCH", [answers(429, **{"Retry-After": "1"}), answers(503)]),
        ("GET", [answers(500), answers(502)]),
        ("GET", [hangs(1.5)]),
        ("PATCH", [hangs(1.5)]),
        ("PATCH", [loses_the_answer]),
    ],
    ids=["401 get", "401 patch", "409", "429 get", "429 and 503 patch", "5xx", "hang get", "hang patch", "lost answer"],
)
@pytest.mark.usefixtures("fast_client")
def test_what_passes_is_outlived_and_pods_are_rolled_once(few: World, method: str, faults: list[Fault]) -> None:
    before = few.plane.admin().get(DEPLOYMENT)["metadata"]["generation"]
    version = f"v-{before}"
    few.cloud.add_version(version)
    few.proxy.next(method, *faults)

    answer = deploy(deploy_event(few.cloud, version), few.tools())

    assert answer.status == "deploying"
    assert few.proxy.faults == [], "each was met"
    deployment = few.plane.admin().get(DEPLOYMENT)
    assert deployment["metadata"]["generation"] == before + 1
    assert deployment["spec"]["template"]["metadata"]["labels"]["model-version"] == version


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ([answers(401), answers(401)], UnauthorizedError),
        ([answers(403)], ForbiddenError),
        ([answers(404)], NotFoundError),
        ([answers(429, **{"Retry-After": "60"})], TooManyRequestsError),
    ],
)
def test_what_does_not_pass_is_told_by_name_and_a_retry_goes_on(
    few: World, faults: list[Fault], kind: type[Exception]
) -> None:
    version = f"v-{few.plane.admin().get(DEPLOYMENT)['metadata']['generation']}"
    few.cloud.add_version(version)
    few.proxy.next("PATCH", *faults)

    with pytest.raises(kind, match="by the test"):
        deploy(deploy_event(few.cloud, version), few.tools())

    assert deploy(deploy_event(few.cloud, version), few.tools()).status == "deploying"
    assert few.plane.admin().get(DEPLOYMENT)["spec"]["template"]["metadata"]["labels"]["model-version"] == version
    assert len(few.cloud.records("release")) == 1


def test_a_change_in_between_is_not_lost(few: World) -> None:
    few.cloud.add_version("v-between")
    other = {"metadata": {"annotations": {"somebody": "else"}}}

    def change() -> None:
        answer = few.plane.admin().call("PATCH", DEPLOYMENT, other, "application/merge-patch+json")
        assert answer.status == 200

    few.proxy.next("PATCH", does(change))

    deploy(deploy_event(few.cloud, "v-between"), few.tools())

    deployment = few.plane.admin().get(DEPLOYMENT)
    assert deployment["metadata"]["annotations"]["somebody"] == "else"
    assert deployment["spec"]["template"]["metadata"]["labels"]["model-version"] == "v-between"
    assert few.proxy.passed.count("PATCH") >= 2, "the first was refused"


def test_the_deployer_can_do_nothing_else(few: World) -> None:
    api = few.plane.deployer()
    review = api.call(
        "POST",
        "apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": NAMESPACE}},
    )
    rules = {
        (verb, resource, tuple(rule.get("resourceNames", [])))
        for rule in review.body["status"]["resourceRules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
        if rule["apiGroups"] != ["authorization.k8s.io"]
    }
    assert rules == {
        ("get", "deployments", (INFERENCE_DEPLOYMENT,)),
        ("patch", "deployments", (INFERENCE_DEPLOYMENT,)),
        ("get", "replicasets", ()),
        ("list", "replicasets", ()),
        ("get", "pods", ()),
        ("list", "pods", ()),
        ("get", "horizontalpodautoscalers", (INFERENCE_DEPLOYMENT,)),
    }, DEPLOYERS_GROUP
    pod = pods(few.plane.admin())[0]["metadata"]["name"]
    tries = [
        ("DELETE", DEPLOYMENT),
        ("GET", f"apis/apps/v1/{HERE}/deployments"),
        ("PATCH", f"{DEPLOYMENT}/scale"),
        ("PATCH", DEPLOYMENT.replace("inference", "other")),
        ("POST", f"apis/apps/v1/{HERE}/deployments"),
        ("DELETE", f"api/v1/{HERE}/pods/{pod}"),
        ("POST", f"api/v1/{HERE}/pods/{pod}/exec"),
        ("GET", f"api/v1/{HERE}/pods/{pod}/log"),
        ("GET", f"api/v1/{HERE}/secrets"),
        ("GET", f"api/v1/{HERE}/configmaps"),
        ("GET", "api/v1/namespaces/default/pods"),
        ("GET", "api/v1/nodes"),
        ("PATCH", f"apis/autoscaling/v1/{HERE}/horizontalpodautoscalers/inference"),
    ]
    sent = {
        "PATCH": ({"metadata": {"labels": {"a": "b"}}}, "application/merge-patch+json"),
        "POST": ({}, "application/json"),
    }
    refused = [api.call(method, path, *sent.get(method, ())).status for method, path in tries]
    assert refused == [403] * len(tries)


def test_an_api_server_that_restarts_in_the_middle_is_outlived(few: World, restart: Callable[[], None]) -> None:
    few.cloud.add_version("v-restart")
    few.proxy.next("PATCH", does(restart))

    def deployed() -> bool:
        """Ask as the state machine does: again after what its Retry names."""
        try:
            return deploy(deploy_event(few.cloud, "v-restart"), few.tools()).status == "deploying"
        except (UnauthorizedError, ForbiddenError, ServerError, UnreachableError):
            return False

    eventually(deployed, seconds=120)
    eventually(lambda: few.serves("v-restart"), seconds=120)
