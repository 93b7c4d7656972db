"""Where the cluster's objects are: in an API server of this process with its controllers, or in a real one."""

import base64
import secrets
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from starlette.types import ASGIApp

from rehearsal.cluster import lease
from rehearsal.cluster.api import ApiServer
from rehearsal.cluster.certificates import Certificates, make_certificates
from rehearsal.cluster.control import NODE, LocalPods, control
from rehearsal.cluster.front import Front
from rehearsal.cluster.identity import Identity, Proof
from rehearsal.cluster.kinds import Object, kind
from rehearsal.cluster.kubelet import Pods
from rehearsal.cluster.remote import Picture, Remote, RemotePods
from rehearsal.cluster.routes import Objects
from rehearsal.cluster.settings import Taken
from rehearsal.cluster.store import Store

Work = Coroutine[Any, Any, None]
Logs = Callable[[str, str], str]


class Plane(Protocol):
    """A control plane: what a kubelet and a load balancer need of it."""

    @property
    def pods(self) -> Pods:
        """The pods of the node."""

    @property
    def objects(self) -> Objects:
        """What the load balancer looks at."""

    def held(self) -> AbstractAsyncContextManager[None]:
        """Have it inside the block."""

    def work(self, logs: Logs) -> list[Work]:
        """Return what has to run for it; ``logs`` returns what a pod has written, by namespace and name."""

    def kubeconfig(self) -> Object:
        """Return an administrator's way to it, as kubectl takes it."""

    def way(self) -> dict[str, str]:
        """Return its ``url``, its ``authority`` (PEM text) and an administrator's ``token``."""


class Door:
    """Where a control plane is reached: a socket with TLS, and who is behind a token as ``proof`` says."""

    def __init__(self, listening: socket.socket, folder: Path, proof: Proof) -> None:
        self._listening = listening
        self._certificates = make_certificates(folder / "pki")
        self._token = secrets.token_urlsafe(32)
        self.identity = Identity(self._token, proof)

    def serve(self, app: ASGIApp) -> Work:
        """Return what serves ``app``."""
        return serve(app, self._listening, self._certificates)

    def kubeconfig(self) -> Object:
        """Return the administrator's, with its token."""
        way, named = self.way(), {"cluster": "rehearsal", "user": "administrator"}
        authority = base64.b64encode(way["authority"].encode()).decode()
        cluster = {"server": way["url"], "certificate-authority-data": authority}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "rehearsal",
            "clusters": [{"name": "rehearsal", "cluster": cluster}],
            "users": [{"name": "administrator", "user": {"token": self._token}}],
            "contexts": [{"name": "rehearsal", "context": named}],
        }

    def way(self) -> dict[str, str]:
        """Return how it is reached."""
        host, port = self._listening.getsockname()
        return {"url": f"https://{host}:{port}", "authority": self._certificates.authority, "token": self._token}


class OwnPlane:
    """The API server and the controllers of this package."""

    def __init__(self, door: Door, *, speed: float) -> None:
        self._door, self._speed = door, speed
        self._store = _new_store()
        self.pods = LocalPods(self._store)
        self.kubeconfig, self.way = door.kubeconfig, door.way

    @property
    def objects(self) -> Objects:
        """All there are."""
        return self._store

    def held(self) -> AbstractAsyncContextManager[None]:
        """Have it, as always."""
        return nullcontext()

    def work(self, logs: Logs) -> list[Work]:
        """Return the API server and the controllers."""
        api = ApiServer(self._store, self._door.identity, logs)
        return [self._door.serve(api), control(self._store, speed=self._speed)]


class RealPlane:
    """A real API server with real controllers, behind a door of this process, which is its only node."""

    def __init__(self, door: Door, taken: Taken) -> None:
        self._door, self._taken = door, taken
        self._remote = Remote(taken.kubeconfig)
        self._picture = Picture()
        self.pods = RemotePods(self._remote, lease.NODE, self._picture)
        self.kubeconfig, self.way = door.kubeconfig, door.way

    @property
    def objects(self) -> Objects:
        """A picture of what there is."""
        return self._picture

    def held(self) -> AbstractAsyncContextManager[None]:
        """Have it, and leave it as it was."""
        return lease.lease(self._remote, self._taken.labels, self._taken.namespace)

    def work(self, logs: Logs) -> list[Work]:
        """Return the door, what makes this process a node, and what lets the load balancer know."""
        front = Front(self._remote, self._door.identity, logs)
        return [self._door.serve(front), lease.be_node(self._remote), self._picture.follow(self._remote)]


def _new_store() -> Store:
    """Return a store with what every cluster has."""
    store = Store()
    for name in ("default", "kube-system"):
        store.create(kind("Namespace"), {"metadata": {"name": name}})
    store.create(kind("Node"), {"metadata": {"name": NODE}})
    return store


class _Server(uvicorn.Server):
    """A server among others: signals are the process's own business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(app: ASGIApp, listening: socket.socket, certificates: Certificates | None = None) -> None:
    """Serve an application on a socket, by TLS if there are certificates."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_level="warning",
        ssl_certfile=str(certificates.certificate) if certificates else None,
        ssl_keyfile=str(certificates.key) if certificates else None,
    )
    await _Server(config).serve(sockets=[listening])
