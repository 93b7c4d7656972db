"""The service's own manifests on the rehearsal's cluster, applied by kubectl."""

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.names import DEPLOYERS_GROUP, INFERENCE_DEPLOYMENT, NAMESPACE
from rehearsal.cluster.kinds import Object
from rehearsal.kubernetes import RunningCluster
from rehearsal.manifests import apply_manifests, kubectl, own_overlay
from rehearsal.world import World
from tests.control_plane import eventually
from tests.integration.test_manifests_apply import DEPLOYMENT, is_ready, pods, release, version_of
from tests.rehearsal.cluster.clusters import Running, running


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    return World(folder=folder, endpoint="https://127.0.0.1:1", authority=folder, access_key="", secret_key="")


@pytest.fixture(scope="module")
def cluster(world: World) -> Iterator[Running]:
    """A cluster where dev's manifests were applied."""
    with running(world.folder) as found:
        apply_manifests(world, described(found))
        yield found


def described(cluster: Running) -> RunningCluster:
    ready = cluster.ready
    return RunningCluster(cluster.folder, ready["url"], ready["authority"], ready["token"], ready["load_balancer"])


def test_every_object_is_there_and_a_second_time_changes_nothing(world: World, cluster: Running) -> None:
    generation = cluster.api().get(DEPLOYMENT)["metadata"]["generation"]

    words = apply_manifests(world, described(cluster)).splitlines()

    assert {each.split("/")[0] for each in words} >= {"namespace", "deployment.apps", "ingress.networking.k8s.io"}
    assert len(words) == 16
    assert cluster.api().get(DEPLOYMENT)["metadata"]["generation"] == generation


def test_the_overlay_names_this_account_and_the_image_that_is_given(world: World) -> None:
    overlay = own_overlay(world, "dev", image="rehearsal.local/mlops-api:7")

    text = "".join(file.read_text() for file in overlay.iterdir())
    assert "111122223333" not in text
    assert f"MLOPS_LAKE=s3://mlops-dev-lake-{world.account}-ap-southeast-1" in text
    built = kubectl(world.folder, "kustomize", str(overlay))
    assert "image: rehearsal.local/mlops-api:7" in built


def test_a_release_survives_applying_the_manifests_again(world: World, cluster: Running) -> None:
    assert release(cluster.api(), "200752-0123456789").status == 200

    apply_manifests(world, described(cluster))

    template = cluster.api().get(DEPLOYMENT)["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert template["metadata"]["labels"]["model-version"] == "200752-0123456789"
    assert {"name": "MODEL_VERSION", "value": "200752-0123456789"} in container["env"]


def test_a_pods_command_names_the_lake_the_version_and_the_pods_own_address_and_folders(
    world: World, cluster: Running
) -> None:
    release(cluster.api(), "200753-0123456789")
    (pod,) = eventually(lambda: ready_of(cluster, "200753-0123456789"))

    address, folder = pod["status"]["podIP"], cluster.folder / "pods" / NAMESPACE / pod["metadata"]["name"]
    with urllib.request.urlopen(f"http://{address}:8080/") as response:
        told = json.loads(response.read())

    lake = f"s3://mlops-dev-lake-{world.account}-ap-southeast-1"
    model = f"{lake}/artifacts/models/200753-0123456789"
    served = ["--host", address, "--port", "8080"]
    assert told["args"] == ["serve", "--model", model, "--capture", f"{lake}/captured", *served]
    assert told["env"]["MLOPS_MODEL_CACHE"] == str(folder / "volumes" / "models")
    assert told["env"]["HOME"] == told["env"]["TMPDIR"] == str(folder / "volumes" / "tmp")


def ready_of(cluster: Running, version: str) -> list[Object]:
    return [each for each in pods(cluster.api()) if version_of(each) == version and is_ready(each)]


def test_the_autoscaler_is_read_in_its_older_version_and_keeps_its_least(cluster: Running) -> None:
    path = f"apis/autoscaling/v1/namespaces/{NAMESPACE}/horizontalpodautoscalers/{INFERENCE_DEPLOYMENT}"
    spec = cluster.api().get(path)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"], spec["targetCPUUtilizationPercentage"]) == (1, 3, 60)

    newer = path.replace("v1/", "v2/", 1)
    cluster.api().call("PATCH", newer, {"spec": {"minReplicas": 2}}, "application/merge-patch+json")

    eventually(lambda: cluster.api().get(DEPLOYMENT)["spec"]["replicas"] == 2)
    cluster.api().call("PATCH", newer, {"spec": {"minReplicas": 1}}, "application/merge-patch+json")


def test_the_group_of_deployers_may_do_what_the_role_says_and_no_more(cluster: Running) -> None:
    as_deployer = {"Impersonate-User": "somebody", "Impersonate-Group": DEPLOYERS_GROUP}
    api = cluster.api(None, **as_deployer)
    here = f"namespaces/{NAMESPACE}"

    assert api.call("GET", DEPLOYMENT).status == 200
    assert api.call("GET", f"api/v1/{here}/pods").status == 200
    refused = [
        ("DELETE", DEPLOYMENT),
        ("GET", f"apis/apps/v1/{here}/deployments"),
        ("PATCH", f"{DEPLOYMENT}/scale"),
        ("GET", f"api/v1/{here}/secrets"),
        ("GET", f"api/v1/{here}/configmaps"),
        ("GET", "api/v1/namespaces/default/pods"),
        ("GET", "api/v1/nodes"),
    ]
    assert {api.call(method, path).status for method, path in refused} == {403}


def test_kubectl_comes_with_the_environment_where_a_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    assert "Client Version: v1.36" in kubectl(tmp_path, "version", "--client")
    assert (tmp_path / "kubectl").exists()
