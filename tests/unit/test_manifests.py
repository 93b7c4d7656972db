"""What the Kubernetes manifests promise of pods and rollouts, read from the overlays as they are applied."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from config import names
from config.settings import load_environment
from ml.cli import app
from tests.manifests import (
    API_LABELS,
    EVERY_OVERLAY,
    FOLDER,
    OVERLAYS,
    annotation,
    api_container,
    api_pod,
    attributes,
    built,
    built_text,
    containers,
    etl_pod,
    of_kind,
    only,
    overlay,
    pod_templates,
    settings,
    tool,
)

# What Pod Security's "restricted" leaves of volumes.
RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


# ---- valid -------------------------------------------------------------------------------------------------


@EVERY_OVERLAY
def test_every_object_is_strictly_valid_for_the_clusters_version(environment: str, tmp_path: Path) -> None:
    version = load_environment(environment).eks.version
    command = [tool("kubernetes-validate", "MLOPS_KUBERNETES_VALIDATE"), "--strict", "-k", version]
    file = tmp_path / "built.yaml"
    file.write_text(built_text(FOLDER / "overlays" / environment))

    ended = subprocess.run([*command, str(file)], check=False, capture_output=True, text=True)

    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert said.count("passed for resource") == len(overlay(environment)), said


def test_checkov_finds_only_what_is_skipped_with_a_reason_and_no_skip_is_idle(tmp_path: Path) -> None:
    checkov = tool("checkov", "MLOPS_CHECKOV")
    written = FOLDER / ".checkov.yaml"
    reasons = dict(re.findall(r"^  - (CKV\w+)\s+# (\S.{20,})$", written.read_text(), re.MULTILINE))
    configuration = yaml.safe_load(written.read_text())
    assert list(reasons) == configuration["skip-check"], "every skip has its reason beside it"
    unskipped = tmp_path / "checkov.yaml"
    unskipped.write_text(yaml.safe_dump({key: value for key, value in configuration.items() if key != "skip-check"}))
    manifests = tmp_path / "built"
    manifests.mkdir()
    for environment in OVERLAYS:
        (manifests / f"{environment}.yaml").write_text(built_text(FOLDER / "overlays" / environment))

    command = [checkov, "--directory", str(manifests), "--config-file", str(unskipped), "--output", "json"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)

    report = json.loads(ended.stdout)
    found = {each["check_id"] for each in report["results"]["failed_checks"]}
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100 * len(OVERLAYS)
    assert found == set(reasons)


# ---- who and where -----------------------------------------------------------------------------------------


@EVERY_OVERLAY
def test_namespace_and_service_accounts_are_those_of_the_pod_identities(environment: str) -> None:
    objects = overlay(environment)

    assert only(objects, "Namespace")["metadata"]["name"] == names.NAMESPACE
    assert {each["metadata"].get("namespace") for each in objects if each["kind"] != "Namespace"} == {names.NAMESPACE}
    assert api_pod(environment)["spec"]["serviceAccountName"] == names.INFERENCE_SERVICE_ACCOUNT
    assert etl_pod(environment)["spec"]["serviceAccountName"] == names.ETL_SERVICE_ACCOUNT
    assert {each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount")} == {
        names.INFERENCE_SERVICE_ACCOUNT,
        names.ETL_SERVICE_ACCOUNT,
    }


@EVERY_OVERLAY
def test_nothing_that_runs_has_a_token_or_a_role_in_the_cluster(environment: str) -> None:
    objects = overlay(environment)

    for each in of_kind(objects, "ServiceAccount"):
        assert each["automountServiceAccountToken"] is False
    for _, template in pod_templates(objects):
        assert template["spec"]["automountServiceAccountToken"] is False
    assert not of_kind(objects, "ClusterRole")
    assert not of_kind(objects, "ClusterRoleBinding")
    subjects = [subject for each in of_kind(objects, "RoleBinding") for subject in each["subjects"]]
    assert [(subject["kind"], subject["name"]) for subject in subjects] == [("Group", names.DEPLOYERS_GROUP)]


@EVERY_OVERLAY
def test_the_deployer_changes_one_deployment_and_nothing_else(environment: str) -> None:
    rules = only(overlay(environment), "Role")["rules"]

    writing = [rule for rule in rules if not set(rule["verbs"]) <= {"get", "list"}]
    assert [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in writing] == [
        (["deployments"], [names.INFERENCE_DEPLOYMENT], ["get", "patch"])
    ]
    reading = {resource: rule.get("resourceNames") for rule in rules for resource in rule["resources"]}
    assert reading == {
        "deployments": [names.INFERENCE_DEPLOYMENT],
        "replicasets": None,
        "pods": None,
        # A release's descriptor says how the service scales.
        "horizontalpodautoscalers": [names.INFERENCE_DEPLOYMENT],
    }


@EVERY_OVERLAY
def test_batch_never_lands_on_api_nodes_nor_the_api_on_batch_nodes(environment: str) -> None:
    api, batch = api_pod(environment)["spec"], etl_pod(environment)["spec"]

    assert api["nodeSelector"] == {names.WORKLOAD_LABEL: names.API_WORKLOAD}
    assert "tolerations" not in api
    assert batch["nodeSelector"] == {names.WORKLOAD_LABEL: names.BATCH_WORKLOAD}
    assert batch["tolerations"] == [
        {
            "key": names.WORKLOAD_LABEL,
            "operator": "Equal",
            "value": names.BATCH_WORKLOAD,
            "effect": "NoSchedule",
        }
    ]


@EVERY_OVERLAY
def test_every_container_is_restricted(environment: str) -> None:
    objects = overlay(environment)
    labels = only(objects, "Namespace")["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}

    for name, template in pod_templates(objects):
        pod = template["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod), name
        assert pod["securityContext"]["runAsNonRoot"] is True
        # A name in an image's USER cannot be checked by the kubelet, which then refuses to start it: a number can.
        assert pod["securityContext"]["runAsUser"] >= 10_000
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} <= RESTRICTED_VOLUMES
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert not [port for port in container.get("ports", []) if "hostPort" in port]


@EVERY_OVERLAY
def test_every_container_says_what_it_needs_and_what_memory_it_may_take(environment: str) -> None:
    for _, template in pod_templates(overlay(environment)):
        for container in containers(template["spec"]):
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]
            # An autoscaler that starts from no node at all does not know a node's disk.
            assert "ephemeral-storage" not in json.dumps(container["resources"])
        for volume in template["spec"]["volumes"]:
            if "emptyDir" in volume:
                assert "sizeLimit" in volume["emptyDir"]


# ---- the model and its rollout -----------------------------------------------------------------------------


@EVERY_OVERLAY
def test_the_container_serves_the_version_that_the_pod_template_names(environment: str) -> None:
    container = api_container(environment)

    assert container["name"] == names.INFERENCE_CONTAINER
    assert only(overlay(environment), "Deployment")["metadata"]["name"] == names.INFERENCE_DEPLOYMENT
    model = container["args"][container["args"].index("--model") + 1]
    assert model == f"$(MLOPS_LAKE)/{names.ARTIFACTS}/{names.MODELS}/$({names.MODEL_VERSION_VARIABLE})"
    capture = container["args"][container["args"].index("--capture") + 1]
    assert capture == f"$(MLOPS_LAKE)/{names.CAPTURED}"
    command = typer.main.get_command(app).commands[container["args"][0]]  # type: ignore[attr-defined]  # it is a group
    given = command.make_context("serve", container["args"][1:]).params
    assert (given["host"], given["port"]) == ("0.0.0.0", container["ports"][0]["containerPort"])
    # A default from the settings, which a variable of the template itself overrides.
    assert container["envFrom"] == [{"configMapRef": {"name": settings(environment)["metadata"]["name"]}}]
    assert settings(environment)["data"][names.MODEL_VERSION_VARIABLE] == "none"


@EVERY_OVERLAY
def test_applying_again_undoes_neither_a_release_nor_what_the_autoscaler_did(environment: str) -> None:
    deployment = only(overlay(environment), "Deployment")

    assert "replicas" not in deployment["spec"]
    assert names.MODEL_VERSION_VARIABLE not in {each["name"] for each in api_container(environment)["env"]}
    assert names.MODEL_VERSION_LABEL not in api_pod(environment)["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == API_LABELS


@EVERY_OVERLAY
def test_a_rollout_takes_no_pod_away_before_its_successor_is_ready(environment: str) -> None:
    spec = only(overlay(environment), "Deployment")["spec"]

    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    namespace = only(overlay(environment), "Namespace")
    assert namespace["metadata"]["labels"]["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"


@EVERY_OVERLAY
def test_readiness_asks_for_a_model_and_liveness_does_not(environment: str) -> None:
    container = api_container(environment)
    ready, alive = container["readinessProbe"]["httpGet"], container["livenessProbe"]["httpGet"]

    assert ready == {"path": "/ready", "port": "http"}
    assert alive == {"path": "/healthz", "port": "http"}
    assert container["startupProbe"]["httpGet"] == alive
    starting = container["startupProbe"]
    assert starting["periodSeconds"] * starting["failureThreshold"] >= 60
    # The load balancer asks what the kubelet asks.
    assert annotation(environment, "healthcheck-path") == ready["path"]


@EVERY_OVERLAY
def test_a_pod_serves_until_the_load_balancer_has_let_go_of_it(environment: str) -> None:
    pod, container = api_pod(environment)["spec"], api_container(environment)
    serves_on = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    lets_go = int(attributes(environment, "target-group-attributes")["deregistration_delay.timeout_seconds"])
    finds_out = int(annotation(environment, "healthcheck-interval-seconds"))

    assert serves_on > finds_out
    assert pod["terminationGracePeriodSeconds"] >= serves_on + lets_go


@EVERY_OVERLAY
def test_the_disruption_budget_lets_a_node_be_drained(environment: str) -> None:
    budget = only(overlay(environment), "PodDisruptionBudget")["spec"]

    assert budget["selector"]["matchLabels"] == API_LABELS
    assert budget["maxUnavailable"] == 1
    assert "minAvailable" not in budget
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@pytest.mark.parametrize(("environment", "least", "most"), [("dev", 1, 3), ("stg", 2, 6), ("prod", 2, 10)])
def test_the_autoscaler_stays_between_its_bounds(environment: str, least: int, most: int) -> None:
    scaler = only(overlay(environment), "HorizontalPodAutoscaler")["spec"]

    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (least, most)
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "inference"}
    assert [metric["resource"]["name"] for metric in scaler["metrics"]] == ["cpu"]


def test_with_an_adapter_the_autoscaler_looks_at_requests_too(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "k8s_manifests")
    folder = tmp_path / "k8s_manifests" / "overlays" / "prod"
    with (folder / "kustomization.yaml").open("a") as file:
        file.write("components: [../../components/scale-on-requests]\n")

    cpu, requests = only(built(folder), "HorizontalPodAutoscaler")["spec"]["metrics"]

    assert cpu["resource"]["name"] == "cpu"
    assert requests["pods"]["metric"]["name"] == "http_requests_per_second"


@EVERY_OVERLAY
def test_all_pods_the_autoscaler_may_want_and_one_of_a_rollout_fit_the_node_group(environment: str) -> None:
    nodes = load_environment(environment).eks.api
    assert nodes.instance_types == ("t3.medium",), "another type: adapt what follows"
    # Of 2 CPUs, EKS keeps 70 m; the agents on every node (network, identity, metrics, logs) ask for about 400 m.
    for_pods = 2000 - 70 - 400
    requested = int(api_container(environment)["resources"]["requests"]["cpu"].removesuffix("m"))
    pods = only(overlay(environment), "HorizontalPodAutoscaler")["spec"]["maxReplicas"] + 1

    assert pods <= nodes.maximum * (for_pods // requested)


def test_production_waits_for_room_in_another_zone_rather_than_crowd_one() -> None:
    zone, host = api_pod("prod")["spec"]["topologySpreadConstraints"]

    assert (zone["topologyKey"], zone["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "DoNotSchedule")
    assert (host["topologyKey"], host["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    assert zone["matchLabelKeys"] == host["matchLabelKeys"] == ["pod-template-hash"]
