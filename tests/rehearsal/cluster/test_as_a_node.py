"""As a node of a real control plane: its scheduler, its controllers, and our processes for pods."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.names import NAMESPACE
from ml.errors import SettingsError
from rehearsal.aws import emulated
from rehearsal.cluster.kinds import Object, kind
from rehearsal.cluster.settings import Taken
from rehearsal.kubernetes import check_vacant, clustered
from rehearsal.manifests import kubectl
from tests.control_plane import Api, ControlPlane, eventually, without_nodes
from tests.integration.test_manifests_apply import is_ready
from tests.rehearsal.cluster.clusters import DEPLOYMENT, HERE, PODS, Running, load, manifests, running

pytestmark = pytest.mark.control_plane


@dataclass(frozen=True)
class Node(Running):
    """A real control plane with this node."""

    plane: ControlPlane

    def api(self, token: str | None = None, **headers: str) -> Api:
        return self.plane.admin(**headers)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane without nodes."""
    with without_nodes(tmp_path_factory.mktemp("control-plane")) as found:
        yield found


def taken(plane: ControlPlane) -> Taken:
    return Taken(kubeconfig=plane.folder / "kubeconfig", namespace="shop", labels={"workload": "api"})


@pytest.fixture(scope="module")
def node(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The shop's first version on this node."""
    with running(tmp_path_factory.mktemp("node"), taken=taken(plane)) as found:
        for each in manifests():
            answer = plane.admin().apply(of_1_20(each), manager="person")
            assert answer.status == 201, answer.body
        here = Node(found.folder, found.ready, plane)
        here.release("one")
        here.done("one")
        yield here


def of_1_20(thing: Object) -> Object:
    """Return an object with its version, without what came after Kubernetes 1.20."""
    older = {"apiVersion": kind(thing["kind"]).api_version, **thing}
    if thing["kind"] == "Deployment":
        pod = older["spec"]["template"]["spec"]
        pod["nodeSelector"] = {"workload": "api"}
        pod["containers"][0]["lifecycle"]["preStop"] = {"exec": {"command": ["sleep", "6"]}}
    if thing["kind"] == "Service":
        older["spec"]["ports"] = [{**each, "protocol": "TCP"} for each in older["spec"]["ports"]]
    return older


def test_the_clusters_process_takes_the_cluster_that_it_is_given_and_leaves_it_as_it_was(
    plane: ControlPlane, tmp_path: Path
) -> None:
    kubeconfig, api = plane.folder / "kubeconfig", plane.admin()
    before = listed(api)
    with emulated(tmp_path) as world, clustered(world, "any", kubeconfig=kubeconfig) as found:
        assert found.is_real

        def labels() -> Object:
            return next((each["metadata"]["labels"] for each in api.get("api/v1/nodes")["items"] if is_ready(each)), {})

        assert eventually(labels)["workload"] == "api"
        with pytest.raises(SettingsError, match="is of another rehearsal"):
            check_vacant(kubeconfig)
        kubectl(tmp_path, f"--kubeconfig={found.kubeconfig}", "create", "namespace", NAMESPACE)
        kubectl(tmp_path, f"--kubeconfig={found.kubeconfig}", "create", "deployment", "x", "--image=x", "-n", NAMESPACE)
        eventually(lambda: [each for each in listed(api) if "/pods/x-" in each])

    assert listed(api) == before
    check_vacant(kubeconfig)


def listed(api: Api) -> set[str]:
    """Return all there are, but the events that the control plane notes of its own work."""
    kinds = ("nodes", "namespaces", "pods", "serviceaccounts", "configmaps", "secrets")
    things = [(kind, each["metadata"]) for kind in kinds for each in api.get(f"api/v1/{kind}")["items"]]
    return {f"{each.get('namespace', '')}/{kind}/{each['name']}" for kind, each in things}


def test_a_rolling_update_by_the_real_controller_loses_no_request(node: Node) -> None:
    with load(node) as answers:
        assert node.release("two").status == 200
        node.done("two")
        eventually(lambda: len(node.api().get(f"api/v1/{HERE}/pods")["items"]) == 2)

    assert {status for status, _ in answers} == {200}
    assert {version for _, version in answers} == {"one", "two"}


def test_a_version_that_never_gets_ready_trips_the_real_deadline_and_is_undone(node: Node) -> None:
    node.release("two")
    node.done("two")
    with load(node, "/") as answers:
        node.release("idle-three")
        eventually(lambda: node.progress() == ("False", "ProgressDeadlineExceeded"))
        node.release("two")
        node.done("two")

    assert set(answers) == {(200, "two")}


def test_a_crash_is_told_in_the_real_status(node: Node) -> None:
    node.release("bad-four")

    def told() -> list[Object]:
        states = [each for pod in node.pods() for each in pod["status"].get("containerStatuses", [])]
        return [each for each in states if each["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"]

    (found,) = eventually(told)
    assert found["lastState"]["terminated"]["exitCode"] == 3
    node.release("two")
    node.done("two")


def test_the_door_asks_in_the_name_of_whom_a_token_proves(node: Node) -> None:
    deployer = Running(node.folder, node.ready).api("deployer")

    assert deployer.call("GET", DEPLOYMENT).status == 200
    refused = deployer.call("GET", "api/v1/nodes")
    assert refused.status == 403
    assert 'User "arn:role/deployer" cannot list resource "nodes"' in refused.body["message"]
    assert Running(node.folder, node.ready).api("somebody").call("GET", DEPLOYMENT).status == 401


def test_an_administrator_reads_logs_and_waits_for_an_end_at_the_door(node: Node) -> None:
    pod = node.pods()[0]["metadata"]["name"]
    way = f"--kubeconfig={node.folder / 'kubeconfig'}"

    assert "version" in kubectl(node.folder, way, "logs", pod, "-n", "shop")
    kubectl(node.folder, way, "delete", "pod", pod, "-n", "shop")

    assert pod not in {each["metadata"]["name"] for each in node.api().get(PODS)["items"]}


def test_what_it_writes_names_no_key_of_the_real_cluster(node: Node) -> None:
    text = (node.folder / "kubeconfig").read_text()

    assert json.loads(text)["clusters"][0]["cluster"]["server"] == node.ready["url"] != node.plane.url
    assert "client-key-data" not in text
    assert not list(node.plane.folder.glob("*.pem"))
