"""A real API server in place of the one here: its pods for the kubelet, and a picture of it for the load balancer."""

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml

from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.kinds import Kind, Object, kind
from rehearsal.processes import RehearsalError

_MERGE: Final = "application/merge-patch+json"
_LOOK_SECONDS: Final = 0.2
_AGAIN_SECONDS: Final = 0.5
_TOO_MANY: Final = 429
_WHOLE_SECONDS: Final = 10.0
_WATCHED_SECONDS: Final = 60.0
_POD: Final = kind("Pod")
_SEEN: Final = {"Service": "api/v1/services", "Ingress": "apis/networking.k8s.io/v1/ingresses"}


class Remote:
    """An API server, as the user of a kubeconfig's current context: by certificate or by token.

    Raises:
        RehearsalError: the file is not one, or its user proves itself in another way.

    """

    def __init__(self, kubeconfig: Path) -> None:
        try:
            config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
            context = _named(config["contexts"], config["current-context"])["context"]
            cluster = _named(config["clusters"], context["cluster"])["cluster"]
            user = _named(config["users"], context["user"])["user"]
            self.url: str = cluster["server"].rstrip("/")
            authority = _content(cluster, "certificate-authority", kubeconfig.parent)
            self._token = user.get("token", "")
            tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
            if certificate := _content(user, "client-certificate", kubeconfig.parent):
                _prove(tls, certificate, _content(user, "client-key", kubeconfig.parent) or b"")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration, yaml.YAMLError) as error:
            raise RehearsalError(f"{kubeconfig}: no kubeconfig with a current context: {error!r}") from error
        if not self._token and not certificate:
            raise RehearsalError(f"{kubeconfig}: its user has neither a token nor a client certificate in it")
        self._http = urllib3.PoolManager(ssl_context=tls, retries=False, maxsize=8)

    async def call(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Any:
        """Return the answer to a request.

        Raises:
            ApiError: it is refused.
            OSError: there is no answer, or the API server says that it has none now.

        """
        return await asyncio.to_thread(self.ask, method, path, body, content)

    def ask(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Any:
        """Do what ``call`` does, in this thread."""
        data = None if body is None else json.dumps(body).encode()
        answer = self.send(method, path, data, {"Content-Type": content})
        try:
            found = json.loads(answer.data)
            said = str(found.get("message"))
        except (ValueError, AttributeError) as error:
            raise ConnectionError(f"{method} {path}: the answer is none of an API server's") from error
        if answer.status == _TOO_MANY or answer.status >= 500:
            raise ConnectionError(f"{method} {path}: {said}")
        if answer.status >= 400:
            raise ApiError(answer.status, said)
        return found

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], *, whole: bool = True
    ) -> urllib3.BaseHTTPResponse:
        """Return the answer to a request as it comes, with its body unless it is not wanted as a ``whole``.

        Raises:
            ConnectionError: there is none.

        """
        # Not a dictionary: a header may be there more than once.
        sent = urllib3.HTTPHeaderDict(headers)
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        patience = _WHOLE_SECONDS if whole else _WATCHED_SECONDS
        try:
            return self._http.request(
                method, f"{self.url}/{path}", body=body, headers=sent, preload_content=whole, timeout=patience
            )
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(f"{method} {path}: {error}") from error


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

    def keep(self, of: Kind, things: Iterable[Object]) -> None:
        """Know all objects of a kind."""
        self._things[of.kind] = [*things]

    async def follow(self, remote: Remote) -> None:
        """Look at what leads to pods again and again; of pods it is told."""
        while True:
            try:
                for name, path in _SEEN.items():
                    self.keep(kind(name), (await remote.call("GET", path))["items"])
            except OSError:
                pass
            await asyncio.sleep(_LOOK_SECONDS)


class RemotePods:
    """The pods of one node of a real API server, for a kubelet; the load balancer's ``picture`` has the same.

    So a pod that the kubelet begins to end gets no request from then on.
    """

    def __init__(self, remote: Remote, node: str, picture: Picture) -> None:
        self._remote, self._node, self._picture = remote, node, picture

    async def of_node(self) -> list[Object]:
        """Return the pods of this node; while the API server is away, those that were there."""
        try:
            listed = await self._remote.call("GET", f"api/v1/pods?fieldSelector=spec.nodeName={self._node}")
            self._picture.keep(_POD, listed["items"])
        except OSError:
            pass
        return self._picture.list(_POD)

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
        while True:
            try:
                return await self._unless_gone("DELETE", _path(pod), options)
            except OSError:
                # Nobody else would: it is this node's.
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _unless_gone(self, method: str, path: str, body: Object) -> None:
        try:
            await self._remote.call(method, path, body, _MERGE if method == "PATCH" else "application/json")
        except ApiError as error:
            # 409: another pod has its name by now.
            if error.status not in {404, 409}:
                raise


def _named(things: list[Object], name: str) -> Object:
    return next(each for each in things if each["name"] == name)


def _content(of: Object, name: str, folder: Path) -> bytes | None:
    """Return what a kubeconfig holds itself, or names a file for."""
    if held := of.get(f"{name}-data"):
        return base64.b64decode(held)
    return (folder / of[name]).read_bytes() if of.get(name) else None


def _prove(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a user's certificate, which Python takes from files only; none is left."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        tls.load_cert_chain(file.name)


def _path(pod: Object) -> str:
    return f"api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
