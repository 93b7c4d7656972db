"""The manifests on a real API server, with real controllers, scheduler and access control.

Its version is 1.20: three kinds are converted down first, and pods run nothing (see the control plane's README).
"""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.names import (
    API_WORKLOAD,
    BATCH_WORKLOAD,
    DEPLOYERS_GROUP,
    ETL_SERVICE_ACCOUNT,
    INFERENCE_CONTAINER,
    INFERENCE_DEPLOYMENT,
    INFERENCE_SERVICE_ACCOUNT,
    MODEL_VERSION_LABEL,
    MODEL_VERSION_VARIABLE,
    NAMESPACE,
    WORKLOAD_LABEL,
)
from rehearsal.older import older
from tests.control_plane import Answer, Api, ControlPlane, eventually, path_of, running
from tests.manifests import OVERLAYS, Object, kubectl, only, overlay

# Of the control plane: 1.20.
MINOR = 20
pytestmark = pytest.mark.control_plane

HERE = f"namespaces/{NAMESPACE}"
DEPLOYMENT = f"apis/apps/v1/{HERE}/deployments/{INFERENCE_DEPLOYMENT}"
STRATEGIC = "application/strategic-merge-patch+json"
TWO_PODS = 2
EVERY_OVERLAY = pytest.mark.parametrize("environment", OVERLAYS, indirect=True)
PRODUCTION = pytest.mark.parametrize("environment", ["prod"], indirect=True)
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    ("", "pods"),
    ("", "pods/exec"),
    ("", "pods/log"),
    ("", "secrets"),
    ("", "configmaps"),
    ("", "services"),
    ("", "services/proxy"),
    ("", "serviceaccounts/token"),
    ("", "nodes"),
    ("", "namespaces"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("networking.k8s.io", "networkpolicies"),
    ("networking.k8s.io", "ingresses"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
)


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One control plane for all tests, its two nodes labelled as the cluster's node groups are."""
    with running(tmp_path_factory.mktemp("control-plane")) as plane:
        label_node(plane.admin(), "node-1", API_WORKLOAD)
        label_node(plane.admin(), "node-2", BATCH_WORKLOAD, taint=True)
        yield plane


@pytest.fixture(scope="module")
def environment(request: pytest.FixtureRequest, control_plane: ControlPlane) -> Iterator[str]:
    """An environment whose objects have been applied, each accepted; gone afterwards."""
    api = control_plane.admin()
    name: str = request.param
    for each in applied_objects(name):
        answer = api.apply(each)
        assert answer.status == 201, (path_of(each), answer.body)
    yield name
    api.call("DELETE", f"api/v1/{HERE}")
    eventually(lambda: api.call("GET", f"api/v1/{HERE}").status == 404, seconds=120)


def applied_objects(name: str) -> list[Object]:
    return [older(each, minor=MINOR) for each in overlay(name)]


def label_node(api: Api, node: str, workload: str, *, taint: bool = False) -> None:
    taints = [{"key": WORKLOAD_LABEL, "value": workload, "effect": "NoSchedule"}] if taint else []
    patch = {"metadata": {"labels": {WORKLOAD_LABEL: workload}}, "spec": {"taints": taints}}
    answer = api.call("PATCH", f"api/v1/nodes/{node}", patch, "application/merge-patch+json")
    assert answer.status == 200, answer.body


def pods(api: Api, name: str = "inference") -> list[Object]:
    found: list[Object] = api.get(f"api/v1/{HERE}/pods?labelSelector=app.kubernetes.io/name={name}")["items"]
    return found


def is_ready(pod: Object) -> bool:
    conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True"


def version_of(pod: Object) -> str:
    """The version in the pod's own variable, or "" before the first release."""
    (container,) = pod["spec"]["containers"]
    return next((each["value"] for each in container["env"] if each["name"] == MODEL_VERSION_VARIABLE), "")


def release(api: Api, version: str) -> Answer:
    """Patch the version in, as the model's deployer does."""
    variable = {"name": MODEL_VERSION_VARIABLE, "value": version}
    template = {
        "metadata": {"labels": {MODEL_VERSION_LABEL: version}},
        "spec": {"containers": [{"name": INFERENCE_CONTAINER, "env": [variable]}]},
    }
    return api.call("PATCH", DEPLOYMENT, {"spec": {"template": template}}, STRATEGIC)


def rolled_out(api: Api, version: str) -> bool:
    """Whether every pod is of ``version``, and ready."""
    deployment = api.get(DEPLOYMENT)
    status = deployment.get("status", {})
    present = [each for each in pods(api) if "deletionTimestamp" not in each["metadata"]]
    return (
        status.get("observedGeneration") == deployment["metadata"]["generation"]
        and len(present) == deployment["spec"]["replicas"] == status.get("availableReplicas")
        and all(version_of(each) == version and is_ready(each) for each in present)
    )


def holds(stored: Any, sent: Any) -> bool:
    """Whether everything in ``sent`` is in ``stored``, which may have defaults besides."""
    if isinstance(sent, dict):
        return isinstance(stored, dict) and all(key in stored and holds(stored[key], sent[key]) for key in sent)
    if isinstance(sent, list):
        return (
            isinstance(stored, list)
            and len(stored) == len(sent)
            and all(holds(mine, theirs) for mine, theirs in zip(stored, sent, strict=True))
        )
    return bool(stored == sent)


def may(api: Api, who: Object, verb: str, resource: tuple[str, str], **more: str) -> bool:
    group, name = resource
    kind, _, part = name.partition("/")
    asked = {"verb": verb, "group": group, "resource": kind, "subresource": part, **more}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {**who, "resourceAttributes": asked},
    }
    answer = api.call("POST", "apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert answer.status == 201, answer.body
    return bool(answer.body["status"]["allowed"])


@EVERY_OVERLAY
def test_every_object_is_stored_as_it_was_sent(control_plane: ControlPlane, environment: str) -> None:
    api = control_plane.admin()

    for each in applied_objects(environment):
        assert holds(api.get(path_of(each)), each), each["kind"]


@EVERY_OVERLAY
def test_applying_again_changes_nothing(control_plane: ControlPlane, environment: str) -> None:
    api = control_plane.admin()

    for each in applied_objects(environment):
        before = api.get(path_of(each))
        after = api.apply(each)
        assert after.status == 200, after.body
        for key in ("spec", "data", "rules", "subjects"):
            assert after.body.get(key) == before.get(key), each["kind"]
        # Looked at for each by itself: over all of them the autoscaler may have its turn.
        assert after.body["metadata"].get("generation") == before["metadata"].get("generation"), each["kind"]


@EVERY_OVERLAY
def test_the_autoscaler_brings_up_its_least_and_all_are_ready_on_api_nodes(
    control_plane: ControlPlane, environment: str
) -> None:
    api = control_plane.admin()
    least = only(overlay(environment), "HorizontalPodAutoscaler")["spec"]["minReplicas"]

    eventually(lambda: rolled_out(api, "") and len(pods(api)) == least, seconds=90)

    assert {each["spec"]["nodeName"] for each in pods(api)} == {"node-1"}


@PRODUCTION
def test_a_released_version_survives_applying_the_manifests_again(
    control_plane: ControlPlane, environment: str
) -> None:
    api, deployer = control_plane.admin(), control_plane.deployer()

    answer = release(deployer, "200752-0123456789")
    assert answer.status == 200, answer.body
    eventually(lambda: rolled_out(api, "200752-0123456789"))
    for each in applied_objects(environment):
        again = api.apply(each)
        assert again.status == 200, again.body

    assert rolled_out(api, "200752-0123456789")
    assert {each["metadata"]["labels"][MODEL_VERSION_LABEL] for each in pods(api)} == {"200752-0123456789"}


@PRODUCTION
def test_so_it_does_where_a_client_compares_what_it_applied_last(
    control_plane: ControlPlane, environment: str, tmp_path: Path
) -> None:
    api = control_plane.admin()
    file = tmp_path / "deployment.yaml"
    deployment = only(applied_objects(environment), "Deployment")
    command = [kubectl(), f"--kubeconfig={control_plane.folder / 'kubeconfig'}", "apply", "--validate=false", "-f"]
    for seconds in (240, 300):
        deployment["spec"]["progressDeadlineSeconds"] = seconds
        file.write_text(json.dumps(deployment))
        release(control_plane.deployer(), "200751-other")

        subprocess.run([*command, str(file)], check=True, capture_output=True)

        assert api.get(DEPLOYMENT)["spec"]["progressDeadlineSeconds"] == seconds
        eventually(lambda: rolled_out(api, "200751-other"))


@PRODUCTION
def test_a_version_that_never_gets_ready_takes_no_pod_away(control_plane: ControlPlane, environment: str) -> None:
    api, deployer = control_plane.admin(), control_plane.deployer()
    release(deployer, "200752-good")
    eventually(lambda: rolled_out(api, "200752-good") and len(pods(api)) == TWO_PODS)

    release(deployer, "bad-200753")
    eventually(lambda: any(version_of(each) == "bad-200753" and "nodeName" in each["spec"] for each in pods(api)))
    for _ in range(10):
        serving = [each for each in pods(api) if is_ready(each)]
        assert [version_of(each) for each in serving] == ["200752-good"] * TWO_PODS
        assert len(pods(api)) == TWO_PODS + 1, "one more, and no more"
        time.sleep(0.3)

    release(deployer, "200752-good")
    eventually(lambda: rolled_out(api, "200752-good") and len(pods(api)) == TWO_PODS)


@PRODUCTION
def test_the_etl_runs_on_the_batch_node_and_the_api_does_not(control_plane: ControlPlane, environment: str) -> None:
    api = control_plane.admin()
    cronjob = api.get(f"apis/batch/v1beta1/{HERE}/cronjobs/etl")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "etl-by-hand"},
        "spec": cronjob["spec"]["jobTemplate"]["spec"],
    }
    assert api.call("POST", f"apis/batch/v1/{HERE}/jobs", job).status == 201

    (pod,) = eventually(lambda: [each for each in pods(api, "etl") if "nodeName" in each["spec"]])

    assert pod["spec"]["nodeName"] == "node-2"
    assert "node-2" not in {each["spec"].get("nodeName") for each in pods(api)}


@PRODUCTION
@pytest.mark.parametrize("account", [INFERENCE_SERVICE_ACCOUNT, ETL_SERVICE_ACCOUNT])
def test_the_service_accounts_may_do_nothing_in_the_cluster(
    control_plane: ControlPlane, environment: str, account: str
) -> None:
    api = control_plane.admin()
    user = f"system:serviceaccount:{NAMESPACE}:{account}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"]
    who = {"user": user, "groups": groups}

    allowed = [
        (verb, resource, namespace)
        for namespace in (NAMESPACE, "kube-system", "")
        for resource in RESOURCES
        for verb in VERBS
        if may(api, who, verb, resource, namespace=namespace)
    ]
    really = control_plane.admin(**{"Impersonate-User": user})

    assert not allowed
    assert really.call("GET", f"api/v1/{HERE}/pods").status == 403
    assert really.call("GET", f"api/v1/{HERE}/secrets").status == 403
    assert release(really, "stolen").status == 403


@PRODUCTION
def test_the_deployer_may_patch_the_one_deployment_and_look(control_plane: ControlPlane, environment: str) -> None:
    api = control_plane.admin()
    who = {"user": "eks-token", "groups": [DEPLOYERS_GROUP, "system:authenticated"]}

    def allowed(**where: str) -> set[tuple[str, str]]:
        return {
            (verb, resource[1]) for resource in RESOURCES for verb in VERBS if may(api, who, verb, resource, **where)
        }

    looking = {("get", "replicasets"), ("list", "replicasets"), ("get", "pods"), ("list", "pods")}
    assert allowed(namespace=NAMESPACE, name="other") == looking
    assert allowed(namespace=NAMESPACE, name=INFERENCE_DEPLOYMENT) == looking | {
        ("get", "deployments"),
        ("patch", "deployments"),
    }
    assert allowed(namespace="default") == set()
    secrets = control_plane.deployer().call("GET", f"api/v1/{HERE}/secrets")
    assert secrets.status == 403


def test_a_token_that_eks_did_not_make_is_refused(control_plane: ControlPlane) -> None:
    stranger = control_plane.deployer()
    stranger.headers["Authorization"] = "Bearer made-up"

    assert stranger.call("GET", f"api/v1/{HERE}/pods").status == 401


def test_without_a_control_plane_the_tests_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLOPS_CONTROL_PLANE", str(tmp_path))

    with pytest.raises(pytest.skip.Exception, match="no control plane"), running(tmp_path / "run"):
        pass
