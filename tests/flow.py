"""A cloud and a cluster in this process for tests of Lambdas: real clients, recorded, and stopped where a test says.

AWS is moto: the clients, their parameters and S3's conditional writes are real, the account is not. The cluster keeps
a Deployment with the API server's rule that matters here: a patch holds for one resource version only.
"""

import copy
import json
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, cast

import urllib3
from botocore.session import Session, get_session
from moto import mock_aws

from lambdas.common.calls import API_KEY, CLUSTER, EXECUTIONS, PACKAGES, Call
from lambdas.common.kubernetes import Http, Kubernetes
from lambdas.common.release import ReleaseTools
from lambdas.common.runtime import Clients
from lambdas.common.settings import ReleaseSettings
from tests.quick_account import QuickClients

REGION = "ap-southeast-1"
BUCKET = "mlops-test-lake"
USE_CASE = "price_sensitivity"
GROUP = "mlops-test-models"
KEY = "a-key-of-the-api-for-tests"
AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SETTINGS = ReleaseSettings(
    bucket=BUCKET,
    use_case=USE_CASE,
    cluster="mlops-test-eks",
    api_key_secret="mlops-test-api-key",
    release_limit_seconds=3600,
    alarm_settle_seconds=600,
)
LEDGER = f"artifacts/registry/{USE_CASE}/champion.json"
Object = dict[str, Any]
Step = Callable[[str], None]


def no_step(_: str) -> None:
    """Let everything pass."""


class Account:
    """A bucket, a registry of models, the API's key: all in this process, seen from outside of the functions."""

    def __init__(self, clients: Clients | QuickClients, *, cluster: bool = True) -> None:
        self.clients = clients
        self._s3, self._sagemaker = clients.of("s3"), clients.of("sagemaker")
        self._s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        if cluster:
            clients.of("eks").create_cluster(
                name=SETTINGS.cluster, roleArn=f"arn:aws:iam::{'1' * 12}:role/eks", resourcesVpcConfig={}
            )
            clients.of("secretsmanager").create_secret(Name=SETTINGS.api_key_secret, SecretString=KEY)
        self.packages: dict[str, str] = {}

    def add_version(self, version: str) -> str:
        """Put a bundle into the lake and an approved package into the registry; return its ARN."""
        manifest = {"version": version, "metrics": {"accuracy": 0.9}, "feature_schema": {"version": "1", "names": []}}
        self.put(f"artifacts/models/{version}/manifest.json", manifest)
        answer = self._sagemaker.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus="Approved",
            CustomerMetadataProperties={"version": version},
        )
        self.packages[version] = answer["ModelPackageArn"]
        return self.packages[version]

    def start_again(self, *versions: str) -> None:
        """Leave nothing but ``versions``, as they are first."""
        for key in self.objects():
            self.remove(key)
        for version in versions:
            self.add_version(version)

    def remove(self, key: str) -> None:
        """Remove an object."""
        self._s3.delete_object(Bucket=BUCKET, Key=key)

    def put(self, key: str, value: Object) -> None:
        """Write a JSON object."""
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(value).encode())

    def object(self, key: str) -> Object:
        """Return a JSON object."""
        found: Object = json.loads(self._s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        return found

    def objects(self) -> dict[str, Object]:
        """Return all JSON objects by key."""
        listed = self._s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {each["Key"]: self.object(each["Key"]) for each in listed if each["Key"].endswith(".json")}

    def records(self, what: str) -> list[Object]:
        """Return the audit records named ``what``."""
        pattern = re.compile(rf"artifacts/audit/[\d-]+/{what}-[^/]+\.json")
        return [value for key, value in self.objects().items() if pattern.fullmatch(key)]

    def status(self, version: str) -> str:
        """Return the approval of a version's package."""
        answer = self._sagemaker.describe_model_package(ModelPackageName=self.packages[version])
        return str(answer["ModelApprovalStatus"])

    def set_status(self, version: str, status: str) -> None:
        """Approve or reject, as a person does."""
        self._sagemaker.update_model_package(ModelPackageArn=self.packages[version], ModelApprovalStatus=status)

    @property
    def ledger(self) -> Object:
        """The ledger as it is stored."""
        return self.object(LEDGER)

    def state(self) -> Object:
        """Return everything that a function can change."""
        return {"objects": self.objects(), "packages": {each: self.status(each) for each in self.packages}}


@contextmanager
def account() -> Iterator[Account]:
    """Return an account of its own, gone afterwards."""
    with mock_aws():
        yield Account(clients())


@contextmanager
def quick_account() -> Iterator[Account]:
    """Return an account of its own that takes no time, and knows S3 and SageMaker by what the functions use only."""
    yield Account(QuickClients(_step))


@dataclass(frozen=True)
class Watch:
    """What happens around each call of a function, and where its calls are noted."""

    step: Step = no_step
    seen: set[Call] = field(default_factory=set)


_WATCH: ContextVar[Watch | None] = ContextVar("_WATCH", default=None)


def _step(what: str) -> None:
    watch = _WATCH.get()
    if watch is not None:
        watch.step(what)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Let calls of this thread pass ``watch``."""
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)


def _session() -> Session:
    """Return a session whose clients pass the present watch before and after each call."""
    found = get_session()
    found.set_config_variable("region", REGION)
    found.set_credentials("testing", "testing")

    def record(model: Any, params: Mapping[str, Any], **_: Any) -> None:
        watch = _WATCH.get()
        if watch is not None:
            watch.seen.add(_call(model.service_model.service_name, model.name, params))

    def before(model: Any, **_: Any) -> None:
        _step(f"before {model.name}")

    def after(model: Any, **_: Any) -> None:
        _step(f"after {model.name}")

    found.register("before-parameter-build", record)
    found.register("before-call", before)
    found.register("after-call", after)
    return found


@cache
def clients() -> Clients:
    """Return the clients that all tests of a process share: to make some takes longer than a test."""
    return Clients(_session())


def _call(service: str, operation: str, params: Mapping[str, Any]) -> Call:
    others = {"eks": CLUSTER, "secretsmanager": API_KEY, "sagemaker": PACKAGES, "stepfunctions": EXECUTIONS}
    if service == "cloudwatch":
        return Call(f"{service}:{operation}", params["Namespace"])
    resource = _object(params) if service == "s3" else others[service]
    # IAM calls it by its older name.
    return Call(f"{service}:{'ListBucket' if operation == 'ListObjectsV2' else operation}", resource)


def _object(params: Mapping[str, Any]) -> str:
    """Return the key, the prefix of a listing, or the first key of a deletion."""
    return str(params.get("Key") or params.get("Prefix") or params["Delete"]["Objects"][0]["Key"])


@dataclass
class Answer:
    """An answer of the API server or of a pod."""

    status: int
    body: Object | bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        """The body as bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Cluster:
    """An API server with the one Deployment, its autoscaler, and pods that follow it at once."""

    def __init__(self, version: str | None = None, replicas: int = 2) -> None:
        labels = {"app.kubernetes.io/name": "inference"}
        container: Object = {
            "name": "api",
            "image": "registry.local/mlops-api:0.1.0",
            "env": [{"name": "HOME", "value": "/tmp"}],
            "ports": [{"name": "http", "containerPort": 8080}],
        }
        self.deployment: Object = {
            "metadata": {"name": "inference", "resourceVersion": "1", "generation": 1, "annotations": {}},
            "spec": {
                "replicas": replicas,
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        }
        if version is not None:
            self.release(version)
        self.ready = True

    @property
    def template(self) -> Object:
        """The template of new pods."""
        template: Object = self.deployment["spec"]["template"]
        return template

    @property
    def version(self) -> str | None:
        """The label of new pods."""
        label: str | None = self.template["metadata"]["labels"].get("model-version")
        return label

    def release(self, version: str) -> None:
        """Let new pods have ``version``, as a release does."""
        self.template["metadata"]["labels"]["model-version"] = version
        env = self.template["spec"]["containers"][0]["env"]
        env[:] = [
            *(each for each in env if each["name"] != "MODEL_VERSION"),
            {"name": "MODEL_VERSION", "value": version},
        ]

    def state(self) -> Object:
        """Return everything that a function can change. ``generation`` counts the changes that roll pods."""
        return {"version": self.version, "generation": self.deployment["metadata"]["generation"]}

    def answer(self, method: str, path: str, body: bytes | None) -> Answer:
        """Answer a request as the API server does."""
        path, _, query = path.partition("?")
        if path.endswith("/horizontalpodautoscalers/inference"):
            return Answer(200, {"spec": {"minReplicas": 2, "maxReplicas": 10, "targetCPUUtilizationPercentage": 60}})
        if path.endswith("/pods"):
            return Answer(200, {"items": self.pods(urllib.parse.parse_qs(query)["labelSelector"][0])})
        if not path.endswith("/deployments/inference"):
            return Answer(404, {"message": f"{path} not found"})
        if method == "PATCH":
            assert body is not None
            return self._patch(json.loads(body))
        return Answer(200, copy.deepcopy(self.deployment))

    def pods(self, selector: str) -> list[Object]:
        """Return pods of the template, if ``selector`` asks for them."""
        labels = self.template["metadata"]["labels"]
        if not all(labels.get(key) == value for key, value in (each.split("=") for each in selector.split(","))):
            return []
        ready = {"type": "Ready", "status": "True" if self.ready else "False"}
        return [
            {
                "metadata": {"name": f"inference-{number}", "labels": labels},
                "spec": copy.deepcopy(self.template["spec"]),
                "status": {"podIP": f"10.0.0.{number}", "phase": "Running", "conditions": [ready]},
            }
            for number in range(1, self.deployment["spec"]["replicas"] + 1)
        ]

    def _patch(self, changes: Object) -> Answer:
        metadata = self.deployment["metadata"]
        if changes["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            return Answer(409, {"message": "the object has been modified"})
        before = copy.deepcopy(self.template)
        metadata["annotations"].update(changes["metadata"].get("annotations", {}))
        template = changes.get("spec", {}).get("template")
        if template:
            (variable,) = template["spec"]["containers"][0]["env"]
            assert variable["value"] == template["metadata"]["labels"]["model-version"]
            self.release(variable["value"])
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
        metadata["generation"] += self.template != before
        return Answer(200, copy.deepcopy(self.deployment))


@dataclass
class ClusterHttp:
    """The connection to a ``Cluster``: passes the present watch before and after each request."""

    cluster: Cluster

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Answer as the API server, to whoever has a token."""
        assert headers["Authorization"].startswith("Bearer ")
        _step(f"before {method}")
        answer = self.cluster.answer(method, url.removeprefix("https://cluster/"), body)
        _step(f"after {method}")
        return answer


@dataclass
class PodsHttp:
    """The connection to pods: each answers with ``versions`` by its address, or with the version that it should."""

    answers: dict[str, Answer | None] = field(default_factory=dict)
    version: str = "v2"
    asked: list[str] = field(default_factory=list)

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Answer as the pod at ``url``; None is no answer."""
        assert method == "POST"
        assert body
        self.asked.append(url)
        if headers["x-api-key"] != KEY:
            return Answer(401, {"detail": "wrong key"})
        answer = self.answers.get(url, prediction(self.version))
        if answer is None:
            raise urllib3.exceptions.ConnectTimeoutError
        return answer


def prediction(version: str, probabilities: tuple[float, ...] = (0.2, 0.3, 0.5)) -> Answer:
    """Return the service's answer to a basket."""
    shares = dict(zip(("High", "Medium", "Low"), probabilities, strict=True))
    return Answer(200, {"prediction": "Low", "code": "UM", "probabilities": shares, "model_version": version})


class Tools(ReleaseTools):
    """A function's tools that reach the account and cluster of this process."""

    def __init__(self, cluster: Cluster, pods: PodsHttp | None = None, account: Account | None = None) -> None:
        super().__init__(SETTINGS, cast("Clients", account.clients) if account else clients())
        self.cluster = cluster
        self._http = ClusterHttp(cluster)
        self._pods = pods or PodsHttp()

    @cached_property
    def kubernetes(self) -> Kubernetes:
        """The cluster of this process, after a look at where the account's is."""
        self.clients.of("eks").describe_cluster(name=self.settings.cluster)
        return Kubernetes("https://cluster", lambda: "token", self._http, sleep=self.sleep)

    @cached_property
    def pods_http(self) -> Http:
        """The pods of this process."""
        return self._pods

    def sleep(self, seconds: float) -> None:
        """Waiting is no part of these tests."""
