"""As a node of a real control plane: its scheduler, its controllers, and our processes for pods."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal.aws import emulated
from rehearsal.cluster.kinds import Object, kind
from rehearsal.cluster.planes import RealPlane
from rehearsal.kubernetes import clustered
from tests.control_plane import REPOSITORY, Api, ControlPlane, eventually
from tests.integration.test_manifests_apply import is_ready
from tests.rehearsal.cluster.clusters import HERE, Running, load, manifests, running

pytestmark = pytest.mark.control_plane
# Its own simulated nodes would say of our pods what is not so.
_WITHOUT_NODES = """
import sys
import control_plane
answered = control_plane.Nodes.call
waits_for = "/api/v1/nodes/node-2"
control_plane.Nodes.run = lambda self: None
control_plane.Nodes.call = lambda self, method, path, *more: (
    (200, {}) if path == waits_for else answered(self, method, path, *more)
)
control_plane.serve(sys.argv[1])
"""


@dataclass(frozen=True)
class Node(Running):
    """A real control plane with this node."""

    plane: ControlPlane

    def api(self, token: str | None = None, **headers: str) -> Api:
        return self.plane.admin(**headers)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane without nodes."""
    home = Path(os.environ.get("MLOPS_CONTROL_PLANE", REPOSITORY.parent / "shared" / "control-plane"))
    if not (home / "control_plane.py").is_file():
        pytest.skip(f"no control plane in {home}, and MLOPS_CONTROL_PLANE names no other")
    folder = tmp_path_factory.mktemp("control-plane")
    with subprocess.Popen([sys.executable, "-c", _WITHOUT_NODES, str(folder)], cwd=home) as process:
        try:
            eventually((folder / "ready").exists)
            yield ControlPlane(folder, (folder / "ready").read_text())
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def node(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The shop's first version on this node."""
    real = RealPlane(plane.folder / "kubeconfig", {"workload": "api"})
    with running(tmp_path_factory.mktemp("node"), plane=real) as found:
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


def test_the_clusters_process_becomes_a_node_of_the_cluster_that_it_is_given(
    plane: ControlPlane, tmp_path: Path
) -> None:
    kubeconfig = plane.folder / "kubeconfig"
    with emulated(tmp_path) as world, clustered(world, "any", kubeconfig=kubeconfig, label="workload=api") as found:
        assert found.url == plane.url
        assert found.kubeconfig.exists()

        def labels() -> Object:
            nodes = plane.admin().get("api/v1/nodes")["items"]
            return next((each["metadata"]["labels"] for each in nodes if is_ready(each)), {})

        assert eventually(labels)["workload"] == "api"


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


def test_its_kubeconfig_is_the_real_ones(node: Node) -> None:
    written = json.loads((node.folder / "kubeconfig").read_text())

    assert written["clusters"][0]["cluster"]["server"] == node.plane.url
