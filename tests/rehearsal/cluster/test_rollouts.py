"""Rolling updates of real processes, seen from the load balancer and from the API."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from rehearsal.cluster.kinds import Object
from tests.control_plane import eventually
from tests.rehearsal.cluster.clusters import DEPLOYMENT, HERE, MERGE, PODS, Running, apply, load, manifests, running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A cluster where version one serves."""
    with running(tmp_path_factory.mktemp("cluster")) as found:
        for each in manifests():
            assert apply(found.api(), each).status == 201
        found.release("one")
        found.done("one")
        yield found


def serving(cluster: Running) -> list[str]:
    return [
        each["metadata"]["labels"]["version"]
        for each in cluster.pods()
        if any(c["type"] == "Ready" and c["status"] == "True" for c in each["status"].get("conditions", []))
    ]


def test_a_rolling_update_loses_no_request(cluster: Running) -> None:
    with load(cluster) as answers:
        assert cluster.release("two").status == 200
        cluster.done("two")
        eventually(lambda: len(cluster.api().get(f"api/v1/{HERE}/pods")["items"]) == 2)

    assert {status for status, _ in answers} == {200}
    assert {"two"} <= {version for _, version in answers}
    assert answers[-1][1] == "two"


def test_a_version_that_never_gets_ready_keeps_the_old_pods_and_trips_the_deadline_and_is_undone(
    cluster: Running,
) -> None:
    cluster.release("three")
    cluster.done("three")
    with load(cluster, "/") as answers:
        cluster.release("idle-four")
        eventually(lambda: cluster.progress() == ("False", "ProgressDeadlineExceeded"))

        assert serving(cluster) == ["three", "three"]
        assert len(cluster.pods()) == 3
        status = cluster.api().get(DEPLOYMENT)["status"]
        assert (status["updatedReplicas"], status["readyReplicas"], status["unavailableReplicas"]) == (1, 2, 1)

        cluster.release("three")
        cluster.done("three")
    assert set(answers) == {(200, "three")}


def test_a_container_that_crashes_is_restarted_later_and_later_and_says_so(cluster: Running) -> None:
    cluster.release("bad-five")

    def waits() -> list[Object]:
        states = [
            status
            for pod in cluster.pods()
            if pod["metadata"]["labels"]["version"] == "bad-five"
            for status in pod["status"].get("containerStatuses", [])
        ]
        return [each for each in states if each["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"]

    (found,) = eventually(waits)

    assert found["lastState"]["terminated"]["exitCode"] == 3
    assert found["lastState"]["terminated"]["reason"] == "Error"
    assert found["restartCount"] == 1
    assert "back-off 10s restarting failed container=web" in found["state"]["waiting"]["message"]
    cluster.release("six")
    cluster.done("six")


def test_a_pod_that_no_longer_answers_is_restarted_by_its_liveness_probe(cluster: Running) -> None:
    cluster.release("deaf")
    cluster.done("deaf")

    status, told = cluster.ask("/deafen")

    def restarted() -> bool:
        return any(each["restartCount"] for pod in cluster.pods() for each in pod["status"]["containerStatuses"])

    assert status == 200
    eventually(restarted)
    eventually(lambda: serving(cluster) == ["deaf", "deaf"])
    assert told["version"] == "deaf"


def test_each_revision_is_numbered_and_the_oldest_are_forgotten(cluster: Running) -> None:
    for version in ("seven", "eight"):
        cluster.release(version)
        cluster.done(version)

    sets = cluster.api().get(f"apis/apps/v1/{HERE}/replicasets")["items"]
    revisions = sorted(int(each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]) for each in sets)
    present = cluster.api().get(DEPLOYMENT)["metadata"]["annotations"]["deployment.kubernetes.io/revision"]

    assert revisions == [revisions[-1] - 1, revisions[-1]]
    assert present == str(revisions[-1])


def test_pods_come_and_go_with_their_number(cluster: Running) -> None:
    cluster.api().call("PATCH", DEPLOYMENT, {"spec": {"replicas": 3}}, MERGE)
    eventually(lambda: len(serving(cluster)) == 3)

    cluster.api().call("PATCH", f"{DEPLOYMENT}/scale", {"spec": {"replicas": 1}}, MERGE)

    eventually(lambda: len(cluster.pods()) == 1)
    cluster.api().call("PATCH", DEPLOYMENT, {"spec": {"replicas": 2}}, MERGE)
    eventually(lambda: len(serving(cluster)) == 2)


def test_a_pods_variables_arguments_and_folders_are_its_own(cluster: Running) -> None:
    (pod, other) = cluster.pods()
    told = asked(pod)

    address, folder = pod["status"]["podIP"], cluster.folder / "pods" / "shop" / pod["metadata"]["name"]
    assert told["args"][:5] == ["serve", "--host", address, "--port", "8080"]
    assert told["args"][-1] == f"{folder}/volumes/models/x"
    assert told["env"]["GREETING"] == "green $(UNKNOWN) $(COLOUR)"
    assert told["env"]["HOME"] == f"{folder}/volumes/tmp"
    assert told["env"]["METRICS"] == f"tcp://{address.rpartition('.')[0]}.1:25888"
    assert told["env"]["AWS"] == "here"
    assert told["env"]["POD_FOLDER"] == str(folder)
    assert address != asked(other)["args"][2]
    assert "version" in cluster.log_of(pod)


def test_a_pod_whose_image_is_not_there_says_so(cluster: Running) -> None:
    (pod, _) = cluster.pods()
    container = {**pod["spec"]["containers"][0], "image": "elsewhere.example/web:1", "volumeMounts": []}
    lone = {"metadata": {"name": "lone"}, "spec": {"containers": [container]}}
    assert cluster.api().call("POST", PODS, lone).status == 201

    def waits() -> Object:
        status = cluster.api().get(f"{PODS}/lone")["status"].get("containerStatuses", [{}])[0]
        found: Object = status.get("state", {}).get("waiting", {})
        return found if found.get("reason") == "ErrImagePull" else {}

    assert "elsewhere.example/web:1" in eventually(waits)["message"]
    cluster.api().call("DELETE", f"{PODS}/lone")
    eventually(lambda: cluster.api().call("GET", f"{PODS}/lone").status == 404)


def test_a_pod_that_has_ended_is_kept_with_its_log_until_it_is_told_to_go(cluster: Running) -> None:
    api, one = cluster.api(), {"name": "one", "image": "rehearsal.local/x:1", "command": ["sh", "-c", "echo did it"]}
    spec = {"restartPolicy": "Never", "containers": [one]}
    assert api.call("POST", PODS, {"metadata": {"name": "once", "namespace": "shop"}, "spec": spec}).status == 201
    eventually(lambda: api.get(f"{PODS}/once")["status"]["phase"] == "Succeeded")
    said = cluster.log_of(api.get(f"{PODS}/once"))

    api.call("DELETE", f"{PODS}/once")

    eventually(lambda: api.call("GET", f"{PODS}/once").status == 404)
    assert said == "did it\n"


def asked(pod: Object) -> Object:
    with urllib.request.urlopen(f"http://{pod['status']['podIP']}:8080/") as response:
        found: Object = json.loads(response.read())
        return found
