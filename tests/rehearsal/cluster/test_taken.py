"""A cluster of somebody else's: refused, taken, asked through the door, and left; here it is one of this package's."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ml.errors import SettingsError
from rehearsal.aws import ROOT
from rehearsal.cluster.access import User
from rehearsal.cluster.kinds import Object
from rehearsal.cluster.lease import NODE
from rehearsal.cluster.remote import Remote
from rehearsal.cluster.settings import Taken
from rehearsal.kubernetes import check_vacant
from rehearsal.processes import RehearsalError
from tests.control_plane import eventually
from tests.rehearsal.cluster.clusters import DEPLOYERS, DEPLOYMENT, PODS, Running, apply, manifests, running

_NODES = "api/v1/nodes"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A cluster with nothing in it: what it has of a node is gone."""
    with running(tmp_path_factory.mktemp("real")) as found:
        assert found.api().call("DELETE", f"{_NODES}/node-1").status == 200
        yield found


def kubeconfig(cluster: Running) -> Path:
    return cluster.folder / "kubeconfig"


def refused(cluster: Running) -> str:
    with pytest.raises(SettingsError) as told:
        check_vacant(kubeconfig(cluster))
    return str(told.value)


@pytest.mark.parametrize(
    ("path", "thing", "problem"),
    [
        ("api/v1/nodes", {"metadata": {"name": "theirs"}}, r"has nodes \(theirs\)"),
        ("api/v1/nodes", {"metadata": {"name": NODE}}, "is of another rehearsal, or was left by one that was killed"),
        ("api/v1/namespaces", {"metadata": {"name": "mlops"}}, "has a namespace mlops already"),
        (
            "api/v1/namespaces/default/pods",
            {"metadata": {"name": "theirs"}, "spec": {"containers": [{"name": "a", "image": "b"}]}},
            r"has pods of somebody's \(default/theirs\)",
        ),
    ],
)
def test_a_cluster_that_is_somebodys_is_refused(real: Running, path: str, thing: Object, problem: str) -> None:
    check_vacant(kubeconfig(real))
    assert real.api().call("POST", path, thing).status == 201
    try:
        with pytest.raises(SettingsError, match=problem):
            check_vacant(kubeconfig(real))
    finally:
        real.api().call("DELETE", f"{path}/{thing['metadata']['name']}", {"gracePeriodSeconds": 0})
    check_vacant(kubeconfig(real))


def test_a_pod_that_waits_for_a_first_node_is_the_clusters_own(real: Running) -> None:
    pods = "api/v1/namespaces/kube-system/pods"
    pod = {"metadata": {"name": "dns"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    assert real.api().call("POST", pods, pod).status == 201

    check_vacant(kubeconfig(real))

    real.api().call("DELETE", f"{pods}/dns", {"gracePeriodSeconds": 0})


@pytest.mark.parametrize("text", ["", "a: [", "current-context: a\ncontexts: []", "just words"])
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)

    with pytest.raises(SettingsError, match=rf"{file}: no kubeconfig with a current context"):
        check_vacant(file)


def test_a_user_who_proves_nothing_that_is_understood_is_refused(real: Running, tmp_path: Path) -> None:
    config = json.loads(kubeconfig(real).read_text())
    config["users"][0]["user"] = {"exec": {"command": "login"}}
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))

    with pytest.raises(RehearsalError, match="neither a token nor a client certificate"):
        Remote(file)


def test_what_a_kubeconfig_names_files_for_is_read_beside_it(real: Running, tmp_path: Path) -> None:
    config = json.loads(kubeconfig(real).read_text())
    cluster = config["clusters"][0]["cluster"]
    del cluster["certificate-authority-data"]
    cluster["certificate-authority"] = "ca.pem"
    (tmp_path / "ca.pem").write_text(real.ready["authority"])
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))

    check_vacant(file)


def test_the_command_refuses_before_it_makes_anything(tmp_path: Path) -> None:
    file, output = tmp_path / "kubeconfig", tmp_path / "output"
    file.write_text("nothing")

    command = [sys.executable, "-m", "rehearsal", "--output", str(output), "--kubeconfig", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert f"error: {file}: no kubeconfig" in done.stderr
    assert not output.exists()


def test_it_is_taken_asked_through_the_door_and_left_as_it_was(real: Running, tmp_path: Path) -> None:
    def users(token: str) -> User | None:
        return User("arn:role/deployer", ("nobody", DEPLOYERS)) if token == "deployer" else None

    taken = Taken(kubeconfig=kubeconfig(real), namespace="shop", labels={"workload": "api"})
    with running(tmp_path, users=users, taken=taken) as node:
        (found,) = real.api().get(_NODES)["items"]
        assert (found["metadata"]["name"], found["metadata"]["labels"]) == (NODE, {"workload": "api"})
        assert "is of another rehearsal" in refused(real)
        for each in manifests():
            assert apply(node.api(), each).status == 201
        pod = eventually(lambda: node.api().get(PODS)["items"])[0]["metadata"]["name"]

        assert real.api().get(DEPLOYMENT)["metadata"]["name"] == "web"
        assert node.api("deployer").call("GET", DEPLOYMENT).status == 200
        denied = node.api("deployer").call("GET", _NODES)
        assert (denied.status, 'User "arn:role/deployer" cannot list' in denied.body["message"]) == (403, True)
        assert node.api("deployer").call("GET", f"{PODS}/{pod}/log").status == 403
        assert node.api("somebody").call("GET", DEPLOYMENT).status == 401
        assert real.ready["token"] not in kubeconfig(node).read_text()
        assert (tmp_path / "pods" / "shop").exists() is False

    assert real.api().get(_NODES)["items"] == []
    assert "shop" not in {each["metadata"]["name"] for each in real.api().get("api/v1/namespaces")["items"]}
    check_vacant(kubeconfig(real))


def test_a_change_is_told_at_the_door_when_it_comes(real: Running, tmp_path: Path) -> None:
    taken = Taken(kubeconfig=kubeconfig(real), namespace="shop")
    with running(tmp_path, taken=taken) as node:
        api = node.api()
        request = urllib.request.Request(f"{api.url}/api/v1/namespaces?watch=1", headers=api.headers)
        with urllib.request.urlopen(request, context=api.tls, timeout=10) as told:
            known = {json.loads(told.readline())["object"]["metadata"]["name"] for _ in range(2)}
            real.api().call("POST", "api/v1/namespaces", {"metadata": {"name": "shop"}})
            event = json.loads(told.readline())

    assert known == {"default", "kube-system"}
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "shop")


def test_one_that_does_not_answer_is_refused(real: Running, tmp_path: Path) -> None:
    config = json.loads(kubeconfig(real).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))

    with pytest.raises(SettingsError, match=r"https://127\.0\.0\.1:9: GET api/v1/nodes"):
        check_vacant(file)
