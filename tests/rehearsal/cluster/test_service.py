"""The real service on the rehearsal's cluster: released by what the deployer sends, asked through the load balancer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import urllib3

from config.names import DEPLOYERS_GROUP, INFERENCE_SERVICE_ACCOUNT, NAMESPACE
from lambdas.common.deployment import InferenceDeployment, _changes
from lambdas.common.eks import endpoint_of
from lambdas.common.kubernetes import Kubernetes
from lambdas.rollout.handler import Looked, Rollout, rollout
from lambdas.verify.handler import Verify, verify
from ml.serving.examples import EXAMPLE
from rehearsal.aws import emulated
from rehearsal.kubernetes import RunningCluster, clustered
from rehearsal.manifests import apply_manifests
from rehearsal.story.traffic import traffic
from rehearsal.world import World
from tests.control_plane import eventually
from tests.integration.test_manifests_apply import DEPLOYMENT
from tests.rehearsal.cluster.aws import make_cluster, make_role, of_administrator, of_pods, token_of
from tests.versions import Lake

# A minute and more: the real service starts six times.
pytestmark = pytest.mark.control_plane
CLUSTER = "mlops-dev-eks"
KEY = "a-key-of-enough-length"
BASKET = EXAMPLE


@dataclass
class Released:
    """The service on a cluster, and the tools of a release as its functions have them."""

    world: World
    cluster: RunningCluster
    role: str

    @cached_property
    def kubernetes(self) -> Kubernetes:
        endpoint = endpoint_of(self.world.client("eks"), CLUSTER)
        return Kubernetes.at(endpoint, lambda: token_of(self.world, self.role, CLUSTER))

    @cached_property
    def deployment(self) -> InferenceDeployment:
        return InferenceDeployment(self.kubernetes)

    @cached_property
    def pods_http(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(timeout=5, retries=False)

    def api_key(self) -> str:
        return KEY

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a pod did not answer at once")

    def release(self, version: str) -> None:
        found = self.deployment.read()
        self.kubernetes.patch(DEPLOYMENT, _changes(version, "1"), resource_version=found.resource_version)

    def look(self, version: str) -> Looked:
        return rollout(Rollout(version=version), self)  # type: ignore[arg-type]

    def done(self, version: str) -> None:
        eventually(lambda: self.look(version).status == "done", seconds=120)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    """The service, applied by a person as the README says, with two versions in the lake."""
    folder: Path = tmp_path_factory.mktemp("rehearsal")
    with emulated(folder, speed=60.0) as world, clustered(world, CLUSTER) as cluster:
        lake = f"mlops-dev-lake-{world.account}-{world.region}"
        fill_lake(world, lake, folder / "lake", "v1", "v2")
        secret = world.client("secretsmanager").create_secret(Name="mlops-dev-api-key", SecretString=KEY)["ARN"]
        make_cluster(world, CLUSTER)
        pods = make_role(
            world,
            "inference",
            of_pods(world, CLUSTER, NAMESPACE, INFERENCE_SERVICE_ACCOUNT),
            {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{lake}/artifacts/*"},
            {"Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{lake}"},
            {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{lake}/captured/*"},
            {"Action": "secretsmanager:GetSecretValue", "Resource": secret},
        )
        eks = world.client("eks")
        eks.create_pod_identity_association(
            clusterName=CLUSTER, namespace=NAMESPACE, serviceAccount=INFERENCE_SERVICE_ACCOUNT, roleArn=pods
        )
        deployer = make_role(world, "deployer", of_administrator(world))
        eks.create_access_entry(clusterName=CLUSTER, principalArn=deployer, kubernetesGroups=[DEPLOYERS_GROUP])
        apply_manifests(world, cluster)
        found = Released(world, cluster, deployer)
        found.release("v1")
        found.done("v1")
        yield found


def fill_lake(world: World, bucket: str, folder: Path, *versions: str) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": world.region})
    lake = Lake(folder)
    for version in versions:
        lake.publish(version)
    for path in folder.rglob("*"):
        if path.is_file():
            s3.put_object(Bucket=bucket, Key=str(path.relative_to(folder)), Body=path.read_bytes())


def predicted(service: Released, *, key: str = KEY) -> tuple[int, Any]:
    answer = urllib3.request(
        "POST",
        f"{service.cluster.load_balancer}/predict",
        body=json.dumps(BASKET).encode(),
        headers={"content-type": "application/json", "x-api-key": key},
        retries=False,
    )
    return answer.status, answer.json()


def test_it_predicts_through_the_load_balancer_with_its_key_only(service: Released) -> None:
    status, answer = predicted(service)

    assert (status, answer["model_version"]) == (200, "v1")
    assert predicted(service, key="another")[0] == 401


def test_only_the_ingress_routes_lead_in(service: Released) -> None:
    front = service.cluster.load_balancer

    assert urllib3.request("GET", f"{front}/healthz", retries=False).status == 200
    assert urllib3.request("GET", f"{front}/docs", retries=False).status == 404


def test_every_pod_is_asked_by_itself(service: Released) -> None:
    answer = verify(Verify(version="v1", basket=BASKET), service)  # type: ignore[arg-type]

    assert (answer.status, len(answer.pods)) == ("passed", 1)
    assert answer.pods[0].address.startswith("http://127.")


def test_a_version_that_is_not_there_is_told_by_its_pod_and_undone(service: Released) -> None:
    service.release("v9")

    def waiting() -> str:
        seen = service.look("v9")
        assert seen.status == "progressing"
        return "; ".join(each.reason for each in seen.not_ready if "CrashLoopBackOff" in each.reason)

    assert "ended with exit code 2 (Error)" in eventually(waiting)
    assert predicted(service)[1]["model_version"] == "v1"

    service.release("v1")
    service.done("v1")


def test_a_release_under_load_fails_no_request(service: Released) -> None:
    bodies = [json.dumps(BASKET).encode()]
    with traffic(service.cluster.load_balancer, key=KEY, bodies=bodies, rate=20) as sent:
        service.release("v2")
        service.done("v2")
        eventually(lambda: len(service.deployment.pods("v2")) == 1 and not service.deployment.pods("v1"))

    assert sent.failed == 0, sent
    assert set(sent.versions) == {"v1", "v2"}
    assert predicted(service)[1]["model_version"] == "v2"
