"""A real API server in place of the one here: its pods for the kubelet, and a picture of it for the load balancer."""

import asyncio
import base64
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml

from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.kinds import Kind, Object, kind
from rehearsal.cluster.store import now

_MERGE: Final = "application/merge-patch+json"
_STRATEGIC: Final = "application/strategic-merge-patch+json"
_LOOK_SECONDS: Final = 0.2
_BEAT_SECONDS: Final = 5.0
_SEEN: Final = {"Pod": "api/v1/pods", "Service": "api/v1/services", "Ingress": "apis/networking.k8s.io/v1/ingresses"}


class Remote:
    """An API server, as the user of a kubeconfig: by certificate or by token."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        self.url: str = cluster["server"].rstrip("/")
        self.authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.token: str = user.get("token", "")
        tls = ssl.create_default_context(cadata=self.authority)
        if "client-certificate-data" in user:
            _prove(tls, user, kubeconfig.parent)
        self._http = urllib3.PoolManager(ssl_context=tls, retries=False, timeout=urllib3.Timeout(10), maxsize=4)

    async def call(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Any:
        """Return the answer to a request.

        Raises:
            ApiError: it is refused.
            OSError: there is no answer.

        """
        return await asyncio.to_thread(self._call, method, path, body, content)

    def _call(self, method: str, path: str, body: Object | None, content: str) -> Any:
        headers = {"Content-Type": content} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        data = None if body is None else json.dumps(body).encode()
        try:
            answer = self._http.request(method, f"{self.url}/{path}", body=data, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(f"{method} {path}: {error}") from error
        found = json.loads(answer.data)
        if answer.status >= 400:
            raise ApiError(answer.status, str(found.get("message")))
        return found


class RemotePods:
    """The pods of one node of a real API server, for a kubelet."""

    def __init__(self, remote: Remote, node: str) -> None:
        self._remote = remote
        self._node = node
        self._last: list[Object] = []

    async def of_node(self) -> list[Object]:
        """Return the pods of this node; while the API server is away, those that were there."""
        try:
            listed = await self._remote.call("GET", f"api/v1/pods?fieldSelector=spec.nodeName={self._node}")
        except OSError:
            return self._last
        self._last = listed["items"]
        return self._last

    async def config_map(self, namespace: str, name: str) -> Object | None:
        """Return a ConfigMap, or None."""
        try:
            found: Object = await self._remote.call("GET", f"api/v1/namespaces/{namespace}/configmaps/{name}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return found

    async def put_status(self, pod: Object, status: Object) -> None:
        """Write the status of a pod, if it is still there."""
        change = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        await self._unless_gone("PATCH", f"{_path(pod)}/status", change)

    async def remove(self, pod: Object) -> None:
        """Let go of a pod that has ended."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        await self._unless_gone("DELETE", _path(pod), options)

    async def _unless_gone(self, method: str, path: str, body: Object) -> None:
        try:
            await self._remote.call(method, path, body, _MERGE if method == "PATCH" else "application/json")
        except ApiError as error:
            # 409: another pod has its name by now.
            if error.status not in {404, 409}:
                raise


class Picture:
    """What of the API server's objects the load balancer looks at, a moment old."""

    def __init__(self) -> None:
        self._things: dict[str, list[Object]] = {}

    def list(
        self, of: Kind, namespace: str | None = None, where: Callable[[Object], bool] = lambda _: True
    ) -> list[Object]:
        """Return the objects of a kind, in a namespace or in all."""
        found = self._things.get(of.kind, [])
        return [each for each in found if namespace in {None, each["metadata"].get("namespace")} and where(each)]

    def find(self, of: Kind, namespace: str, name: str) -> Object | None:
        """Return one object, or None."""
        return next((each for each in self.list(of, namespace) if each["metadata"]["name"] == name), None)

    async def follow(self, remote: Remote) -> None:
        """Look again and again."""
        while True:
            try:
                for name, path in _SEEN.items():
                    self._things[kind(name).kind] = (await remote.call("GET", path))["items"]
            except OSError:
                pass
            await asyncio.sleep(_LOOK_SECONDS)


async def be_node(remote: Remote, name: str, labels: dict[str, str]) -> None:
    """Be a node of the cluster that is ready, for ever."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
    size = {"cpu": "8", "memory": "32Gi", "pods": "100"}
    while True:
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now()[:19] + "Z"}
        status = {"capacity": size, "allocatable": size, "conditions": [ready]}
        try:
            await remote.call("PATCH", f"api/v1/nodes/{name}/status", {"status": status}, _STRATEGIC)
        except ApiError:
            await remote.call("POST", "api/v1/nodes", node)
            continue
        except OSError:
            pass
        await asyncio.sleep(_BEAT_SECONDS)


def _named(things: list[Object], name: str) -> Object:
    return next(each for each in things if each["name"] == name)


def _prove(tls: ssl.SSLContext, user: Object, folder: Path) -> None:
    """Load a user's certificate, which Python takes from files only."""
    file = folder / "kubelet-client.pem"
    file.touch(mode=0o600)
    parts = [base64.b64decode(user[key]) for key in ("client-certificate-data", "client-key-data")]
    file.write_bytes(b"\n".join(parts))
    tls.load_cert_chain(file)


def _path(pod: Object) -> str:
    return f"api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
