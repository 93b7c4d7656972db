"""A cluster in a thread of the test's process, what it is given, and how it is asked."""

import asyncio
import json
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.cluster.access import User
from rehearsal.cluster.identity import Proof
from rehearsal.cluster.kinds import Object
from rehearsal.cluster.network import Network
from rehearsal.cluster.planes import Door, OwnPlane, RealPlane
from rehearsal.cluster.server import Cluster
from rehearsal.cluster.settings import READY, Settings, Taken
from tests.control_plane import Answer, Api, eventually

_PROGRAM = Path(__file__).with_name("program.py")
DEPLOYERS = "deployers"
HERE = "namespaces/shop"
DEPLOYMENT = f"apis/apps/v1/{HERE}/deployments/web"
PODS = f"api/v1/{HERE}/pods"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


Users = Callable[[str], User | None]


@dataclass(frozen=True)
class Running:
    """A cluster that runs."""

    folder: Path
    ready: Mapping[str, str]

    def api(self, token: str | None = None, **headers: str) -> Api:
        """Return its API for the administrator, or for the bearer of a token."""
        tls = ssl.create_default_context(cadata=self.ready["authority"])
        return Api(self.ready["url"], tls, {"Authorization": f"Bearer {token or self.ready['token']}", **headers})

    def ask(self, path: str, *, method: str = "GET", data: bytes | None = None) -> tuple[int, Object]:
        """Ask through the load balancer; return the status and what a pod told of itself."""
        request = urllib.request.Request(self.ready["load_balancer"] + path, method=method, data=data)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, {"text": error.read().decode()}

    def pods(self) -> list[Object]:
        """Return the pods that were not told to end."""
        items: list[Object] = self.api().get(PODS)["items"]
        return [each for each in items if "deletionTimestamp" not in each["metadata"]]

    def log_of(self, pod: Object) -> str:
        """Return what a pod has written, as ``kubectl logs`` asks for it."""
        api = self.api()
        path = f"{api.url}/{PODS}/{pod['metadata']['name']}/log"
        with urllib.request.urlopen(urllib.request.Request(path, headers=api.headers), context=api.tls) as response:
            return str(response.read().decode())

    def release(self, version: str) -> Answer:
        """Let the Deployment ask for a version, as a deployer does."""
        variable = {"name": "VERSION", "value": version}
        template = {
            "metadata": {"labels": {"version": version}},
            "spec": {"containers": [{"name": "web", "env": [variable]}]},
        }
        return self.api().call("PATCH", DEPLOYMENT, {"spec": {"template": template}}, STRATEGIC)

    def progress(self) -> tuple[str, str]:
        """Return status and reason of how far the rollout is."""
        conditions = self.api().get(DEPLOYMENT).get("status", {}).get("conditions", [])
        found = next((each for each in conditions if each["type"] == "Progressing"), {"status": "", "reason": ""})
        return found["status"], found["reason"]

    def is_done(self, version: str) -> bool:
        """Whether all pods are of ``version``, and the Deployment says that it is over."""
        found = self.api().get(DEPLOYMENT)
        status, wanted = found.get("status", {}), found["spec"]["replicas"]
        counts = {status.get(each, 0) for each in ("replicas", "updatedReplicas", "availableReplicas")}
        return (
            status.get("observedGeneration") == found["metadata"]["generation"]
            and counts == {wanted}
            and self.progress() == ("True", "NewReplicaSetAvailable")
            and {each["metadata"]["labels"].get("version") for each in self.pods()} == {version}
        )

    def done(self, version: str) -> None:
        """Return when the rollout of ``version`` is over."""
        eventually(lambda: self.is_done(version))


@contextmanager
def running(
    folder: Path,
    *,
    speed: float = 12.0,
    registry: str = "rehearsal.local",
    users: Users | None = None,
    taken: Taken | None = None,
) -> Iterator[Running]:
    """Run a cluster where ``users`` says whose a token is: unless given, "deployer" is in the group of deployers.

    With ``taken`` it is a node of that one.
    """
    settings = Settings(
        folder=folder,
        world=folder,
        name="test",
        image_registry=registry,
        program=program_in(folder),
        speed=speed,
    )
    loops: list[asyncio.AbstractEventLoop] = []
    ending = asyncio.Event()
    network = Network()

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        door = Door(socket.create_server(("127.0.0.1", 0)), folder, _proof(users or _deployer))
        cluster = Cluster(
            settings,
            network,
            OwnPlane(door, speed=speed) if taken is None else RealPlane(door, taken),
            credentials=_credentials,
            variables={"AWS": "here"},
            names={"metrics.monitoring": network.host},
        )
        await cluster.run(ending)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        ready = folder / READY
        eventually(ready.exists, seconds=20)
        yield Running(folder, json.loads(ready.read_text()))
    finally:
        loops[0].call_soon_threadsafe(ending.set)
        thread.join()
        network.agent.close()


def _proof(users: Users) -> Proof:
    async def proof(token: str) -> User | None:
        return users(token)

    return proof


async def _credentials(pod: Object, where: Path) -> Mapping[str, str]:
    return {"POD_FOLDER": str(where)}


def _deployer(token: str) -> User | None:
    return User("arn:role/deployer", (DEPLOYERS,)) if token == "deployer" else None


def program_in(folder: Path) -> Path:
    """Return the pods' program as a command, run by this Python."""
    command = folder / "program"
    command.write_text(f"#!{sys.executable} -S\n{_PROGRAM.read_text()}")
    command.chmod(0o755)
    return command


def manifests(**changes: Any) -> list[Object]:
    """Return what a person applies: a Deployment of two pods, and what leads to it; ``changes`` to its spec."""
    deployer = {
        "apiGroups": ["apps"],
        "resources": ["deployments"],
        "resourceNames": ["web"],
        "verbs": ["get", "patch"],
    }
    looking = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": DEPLOYERS}
    port = {"service": {"name": "web", "port": {"name": "http"}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": port}]
    return [
        {"kind": "Namespace", "metadata": {"name": "shop"}},
        _in_shop("ConfigMap", "settings", data={"COLOUR": "green", "VERSION": "none"}),
        _in_shop("Role", "deployer", rules=[deployer, looking]),
        _in_shop("RoleBinding", "deployer", roleRef=reference, subjects=[subject]),
        _in_shop("Service", "web", spec={"selector": {"app": "web"}, "ports": [_SERVED]}),
        _in_shop("Ingress", "web", spec={"rules": [{"host": "shop.example.com", "http": {"paths": paths}}]}),
        _in_shop("Deployment", "web", spec={**deployment_spec(), **changes}),
    ]


_SERVED = {"name": "http", "port": 80, "targetPort": "http"}


def deployment_spec() -> Object:
    """Return a Deployment's spec with every field that the kubelet reads."""

    def probe(path: str, **more: int) -> Object:
        return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 2, **more}

    args = ["serve", "--host", "0.0.0.0", "--port", "8080", "--version", "$(VERSION)", "--cache", "/var/cache/models/x"]
    container = {
        "name": "web",
        "image": "rehearsal.local/web:1",
        "args": args,
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "env": [
            {"name": "HOME", "value": "/tmp"},
            {"name": "GREETING", "value": "$(COLOUR) $(UNKNOWN) $$(COLOUR)"},
            {"name": "METRICS", "value": "tcp://metrics.monitoring:25888"},
        ],
        "ports": [{"name": "http", "containerPort": 8080}],
        "startupProbe": probe("/healthz", failureThreshold=30),
        "readinessProbe": probe("/ready", failureThreshold=1),
        "livenessProbe": probe("/healthz", failureThreshold=2),
        "lifecycle": {"preStop": {"sleep": {"seconds": 6}}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "models", "mountPath": "/var/cache/models"}],
    }
    return {
        "replicas": 2,
        "minReadySeconds": 2,
        "progressDeadlineSeconds": 5,
        "revisionHistoryLimit": 1,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "terminationGracePeriodSeconds": 10,
                "containers": [container],
                "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "models", "emptyDir": {}}],
            },
        },
    }


def apply(api: Api, thing: Object, *, manager: str = "person", force: bool = False) -> Answer:
    """Apply on the server."""
    path = f"{path_of(thing)}?fieldManager={manager}" + ("&force=true" if force else "")
    return api.call("PATCH", path, thing, APPLY)


def path_of(thing: Object) -> str:
    """Return where an object of ``manifests`` is."""
    name = thing["metadata"]["name"]
    folder, plural = _PATHS[thing["kind"]]
    return f"{folder}/{plural}/{name}" if thing["kind"] == "Namespace" else f"{folder}/{HERE}/{plural}/{name}"


_PATHS = {
    "Namespace": ("api/v1", "namespaces"),
    "ConfigMap": ("api/v1", "configmaps"),
    "Service": ("api/v1", "services"),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "Ingress": ("apis/networking.k8s.io/v1", "ingresses"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "HorizontalPodAutoscaler": ("apis/autoscaling/v2", "horizontalpodautoscalers"),
}


def _in_shop(kind: str, name: str, **content: Any) -> Object:
    return {"kind": kind, "metadata": {"name": name, "namespace": "shop"}, **content}


@contextmanager
def load(cluster: Running, path: str = "/slow") -> Iterator[list[tuple[int, str]]]:
    """Keep asking inside the block; yield the answers so far, status and version each."""
    answers: list[tuple[int, str]] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            status, told = cluster.ask(path)
            answers.append((status, str(told.get("version", told.get("text")))))
            time.sleep(0.01)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    try:
        yield answers
    finally:
        over.set()
        for each in threads:
            each.join()
