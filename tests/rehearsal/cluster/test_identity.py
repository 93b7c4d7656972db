"""Who is let in, and who pods are: proven by the emulated AWS."""

import base64
import json
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import ROOT, emulated
from rehearsal.kubernetes import RunningCluster, clustered
from rehearsal.world import World, inherited
from tests.control_plane import Api, eventually
from tests.rehearsal.cluster.aws import make_cluster, make_role, of_administrator, of_pods, token_of
from tests.rehearsal.cluster.clusters import DEPLOYERS, DEPLOYMENT, HERE, MERGE, PODS, apply, manifests, program_in

CLUSTER = "shop-cluster"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("rehearsal")
    with emulated(folder, speed=60.0) as started:
        yield started


@pytest.fixture(scope="module")
def cluster(world: World) -> Iterator[RunningCluster]:
    """A cluster with a role for its pods, one for its metrics agent, and a role that is in the group of deployers."""
    eks = world.client("eks")
    with clustered(world, CLUSTER, program=program_in(world.folder)) as found:
        make_cluster(world, CLUSTER)
        make_role(world, "stranger", of_administrator(world))
        deployer = make_role(world, "deployer", of_administrator(world))
        eks.create_access_entry(clusterName=CLUSTER, principalArn=deployer, kubernetesGroups=[DEPLOYERS])
        web = make_role(world, "web", of_pods(world, CLUSTER, "shop", "web"))
        for account in ("web", "other"):
            eks.create_pod_identity_association(
                clusterName=CLUSTER, namespace="shop", serviceAccount=account, roleArn=web
            )
        writes = {"Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
        agent = make_role(world, "agent", of_pods(world, CLUSTER, "amazon-cloudwatch", "cloudwatch-agent"), writes)
        eks.create_addon(
            clusterName=CLUSTER,
            addonName="amazon-cloudwatch-observability",
            podIdentityAssociations=[{"serviceAccount": "cloudwatch-agent", "roleArn": agent}],
        )
        yield found


@pytest.fixture(scope="module")
def administrator(cluster: RunningCluster) -> Api:
    """The API for the administrator, with the shop's objects applied."""
    api = api_of(cluster, cluster.token)
    for each in manifests(replicas=1):
        if each["kind"] == "Deployment":
            each["spec"]["template"]["spec"]["serviceAccountName"] = "web"
            metrics = {"name": "METRICS", "value": "tcp://cloudwatch-agent.amazon-cloudwatch:25888"}
            each["spec"]["template"]["spec"]["containers"][0]["env"].append(metrics)
        assert apply(api, each).status == 201
    return api


def role(world: World, name: str) -> str:
    return f"arn:aws:iam::{world.account}:role/teams/{name}"


def api_of(cluster: RunningCluster, token: str) -> Api:
    tls = ssl.create_default_context(cadata=cluster.authority)
    return Api(cluster.url, tls, {"Authorization": f"Bearer {token}"})


def test_eks_describes_the_cluster_that_runs_here(world: World, cluster: RunningCluster) -> None:
    found = world.client("eks").describe_cluster(name=CLUSTER)["cluster"]

    assert found["endpoint"] == cluster.url
    assert base64.b64decode(found["certificateAuthority"]["data"]).decode() == cluster.authority


def test_a_role_with_an_access_entry_may_do_what_its_group_may(
    world: World, cluster: RunningCluster, administrator: Api
) -> None:
    deployer = api_of(cluster, token_of(world, role(world, "deployer"), CLUSTER))

    assert deployer.call("GET", DEPLOYMENT).status == 200
    assert deployer.call("PATCH", DEPLOYMENT, {"metadata": {"annotations": {"by": "it"}}}, MERGE).status == 200
    assert deployer.call("GET", f"api/v1/{HERE}/configmaps").status == 403


def test_a_role_without_one_is_not_let_in(world: World, cluster: RunningCluster, administrator: Api) -> None:
    assert api_of(cluster, token_of(world, role(world, "stranger"), CLUSTER)).call("GET", DEPLOYMENT).status == 401


@pytest.mark.parametrize("changed", ["X-Amz-Signature", "X-Amz-Date", "X-Amz-Credential"])
def test_a_token_with_a_changed_request_is_not_let_in(
    world: World, cluster: RunningCluster, administrator: Api, changed: str
) -> None:
    kind, _, raw = token_of(world, role(world, "deployer"), CLUSTER).partition(".")
    url = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode()
    before, _, after = url.partition(f"{changed}=")
    other = before + f"{changed}=" + ("0" if after[0] != "0" else "1") + after[1:]
    token = f"{kind}.{base64.urlsafe_b64encode(other.encode()).decode().rstrip('=')}"

    assert api_of(cluster, token).call("GET", DEPLOYMENT).status == 401


def test_a_token_for_another_cluster_is_not_let_in(world: World, cluster: RunningCluster, administrator: Api) -> None:
    assert api_of(cluster, token_of(world, role(world, "deployer"), "another")).call("GET", DEPLOYMENT).status == 401


def test_a_pod_has_its_service_accounts_role(world: World, cluster: RunningCluster, administrator: Api) -> None:
    told = eventually(lambda: asked(cluster))

    given = credentials(told["env"], Path(told["env"]["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text())

    who = session_of(world, given).client("sts", **at(world)).get_caller_identity()["Arn"]
    assert who.startswith(f"arn:aws:sts::{world.account}:assumed-role/web/eks-{CLUSTER}-web-")
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:ListAllMyBuckets"):
        session_of(world, given).client("s3", **at(world)).list_buckets()


def test_a_pod_without_its_own_token_gets_nothing(world: World, cluster: RunningCluster, administrator: Api) -> None:
    told = eventually(lambda: asked(cluster))
    token = Path(told["env"]["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text()
    head, body, signature = token.split(".")

    for wrong, status in (("", "401"), ("made-up", "400"), (f"{head}.{body}.{signature[::-1]}", "400")):
        with pytest.raises(urllib.error.HTTPError, match=status):
            credentials(told["env"], wrong)


def test_a_role_that_does_not_trust_this_service_account_is_not_given(
    world: World, cluster: RunningCluster, administrator: Api
) -> None:
    api = administrator
    pod = eventually(lambda: api.get(PODS)["items"])[0]
    other = {"metadata": {"name": "other", "namespace": "shop"}, "spec": {**pod["spec"], "serviceAccountName": "other"}}
    other["spec"].pop("nodeName")
    assert api.call("POST", PODS, other).status == 201
    folder = cluster.folder / "pods" / "shop" / "other"
    token = eventually(lambda: (file := folder / "eks-pod-identity-token").exists() and file.read_text())
    told = eventually(lambda: asked(cluster))

    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        credentials(told["env"], token)

    assert "pods.eks.amazonaws.com is not authorized to perform: sts:AssumeRole" in refused.value.read().decode()


def test_what_a_pod_sends_to_the_clusters_agent_is_logged_by_the_addons_role(
    world: World, cluster: RunningCluster, administrator: Api
) -> None:
    told = eventually(lambda: asked(cluster))
    address = urllib.parse.urlsplit(told["env"]["METRICS"])
    line = {"_aws": {"LogGroupName": "/shop", "LogStreamName": "pods", "Timestamp": 0}, "sold": 1}
    with socket.create_connection((address.hostname, address.port)) as sending:
        sending.sendall(json.dumps(line).encode() + b"\n")

    def logged() -> list[Any]:
        try:
            found = world.client("logs").get_log_events(logGroupName="/shop", logStreamName="pods")
        except ClientError:
            return []
        events: list[Any] = found["events"]
        return events

    assert json.loads(eventually(logged)[0]["message"])["sold"] == 1


def test_an_addon_leaves_with_the_identity_that_it_came_with(world: World, cluster: RunningCluster) -> None:
    eks = world.client("eks")
    asked_for = {"clusterName": CLUSTER, "namespace": "kube-system"}
    one = {"serviceAccount": "aws-node", "roleArn": role(world, "agent")}
    eks.create_addon(clusterName=CLUSTER, addonName="vpc-cni", podIdentityAssociations=[one])
    there = eks.list_pod_identity_associations(**asked_for)["associations"]

    eks.delete_addon(clusterName=CLUSTER, addonName="vpc-cni")

    assert [each["serviceAccount"] for each in there] == ["aws-node"]
    assert not eks.list_pod_identity_associations(**asked_for)["associations"]


def asked(cluster: RunningCluster) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"{cluster.load_balancer}/env", timeout=5) as response:
            found: dict[str, Any] = json.loads(response.read())
            return found
    except urllib.error.HTTPError:
        return {}


def credentials(environment: dict[str, str], token: str) -> dict[str, str]:
    """Ask the agent, as an SDK does."""
    url = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    request = urllib.request.Request(url, headers={"Authorization": token})
    with urllib.request.urlopen(request, timeout=10) as response:
        found: dict[str, str] = json.loads(response.read())
        return found


def session_of(world: World, given: dict[str, str]) -> Any:
    return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["Token"], world.region)


def at(world: World) -> dict[str, str]:
    return {"endpoint_url": world.endpoint, "verify": str(world.authority)}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def listens(address: tuple[str, int]) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(address) == 0


def test_pods_end_with_the_cluster_even_where_it_is_killed(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    options = {"--folder": folder, "--world": world.folder, "--name": "none", "--image-registry": "rehearsal.local"}
    program = {"--program": program_in(tmp_path)}
    arguments = [str(part) for pair in (options | program).items() for part in pair]
    command = [sys.executable, "-m", "rehearsal.cluster", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=inherited()) as process:
        said = eventually(lambda: (file := folder / "ready.json").exists() and json.loads(file.read_text()))
        api = Api(said["url"], ssl.create_default_context(cadata=said["authority"]), bearer(said["token"]))
        for each in manifests(replicas=1):
            assert apply(api, each).status == 201
        (pod,) = eventually(lambda: [each for each in api.get(PODS)["items"] if "podIP" in each["status"]])
        address = (pod["status"]["podIP"], 8080)
        eventually(lambda: listens(address))

        process.kill()

        eventually(lambda: not listens(address))
