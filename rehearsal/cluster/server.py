"""The cluster's process: API server, controllers, kubelet, pod identity agent and load balancer in one event loop."""

import asyncio
import base64
import json
import secrets
import signal
import socket
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from rehearsal.cluster.api import ApiServer
from rehearsal.cluster.balancer import LoadBalancer
from rehearsal.cluster.certificates import Certificates, make_certificates
from rehearsal.cluster.containers import Images
from rehearsal.cluster.control import NODE, LocalPods, control
from rehearsal.cluster.identity import EksProof, Identity, Proof
from rehearsal.cluster.kinds import Object, kind
from rehearsal.cluster.kubelet import Credentials, Kubelet
from rehearsal.cluster.metrics_agent import MetricsAgent
from rehearsal.cluster.network import AGENT_PORT, Network
from rehearsal.cluster.pod_identity import PodIdentity
from rehearsal.cluster.routes import targets
from rehearsal.cluster.settings import READY, Settings
from rehearsal.cluster.store import Store
from rehearsal.cluster.tokens import Issuer
from rehearsal.world import World

# The CloudWatch agent: what the add-on amazon-cloudwatch-observability runs, and under which name.
AGENT_NAME: Final = "cloudwatch-agent.amazon-cloudwatch"
_AGENT_ACCOUNT: Final = ("amazon-cloudwatch", "cloudwatch-agent")
_AGENT_PORT: Final = 25888


class _Server(uvicorn.Server):
    """A server among others: signals are the process's own business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def run(settings: Settings) -> None:
    """Run the cluster that is ``settings.name`` in AWS until the process is told to end."""
    world, network = World.load(settings.world), Network()
    listening = socket.create_server(("127.0.0.1", 0))
    issuer = Issuer(f"https://127.0.0.1:{listening.getsockname()[1]}")
    identity = PodIdentity(world, settings.name, issuer, f"{network.host}:{AGENT_PORT}")
    cluster = Cluster(
        settings,
        network,
        listening,
        proof=EksProof(world, settings.name),
        credentials=identity.variables,
        variables=world.place,
        names={AGENT_NAME: network.host},
    )
    metrics = MetricsAgent(identity.client("logs", *_AGENT_ACCOUNT), stream=NODE)
    await metrics.start(network.host, _AGENT_PORT)
    ending = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, ending.set)
    agent = serve(identity.application(), network.agent)
    await cluster.run(ending, agent, issuer=issuer.public_key)
    await metrics.stop()


class Cluster:
    """A cluster of its own: ``proof`` says who sends a token, ``credentials`` what a pod gets to prove who it is.

    Every pod has ``variables``, and finds the ``names`` of the cluster's DNS at their addresses.
    """

    def __init__(
        self,
        settings: Settings,
        network: Network,
        listening: socket.socket,
        *,
        proof: Proof,
        credentials: Credentials,
        variables: Mapping[str, str],
        names: Mapping[str, str],
    ) -> None:
        self._settings, self._listening, self._proof = settings, listening, proof
        self._store = new_store()
        self._kubelet = Kubelet(
            LocalPods(self._store),
            network,
            Images(registry=settings.image_registry, program=settings.program),
            credentials,
            folder=settings.folder / "pods",
            names=names,
            variables=variables,
            speed=settings.speed,
        )

    async def run(self, ending: asyncio.Event, *others: Coroutine[Any, Any, None], **more: str) -> None:
        """Run it, and ``others`` besides, until ``ending`` is set; then end every pod.

        When it is ready ``ready.json`` says so, with ``more`` in it.
        """
        folder, token = self._settings.folder, secrets.token_urlsafe(32)
        certificates = make_certificates(folder / "pki")
        api = ApiServer(self._store, Identity(token, self._proof), self._kubelet.log_of)
        balancer = await LoadBalancer(partial(targets, self._store)).start()
        work = [
            serve(api, self._listening, certificates),
            control(self._store, speed=self._settings.speed),
            self._kubelet.run(),
            *others,
        ]
        tasks = [asyncio.create_task(each) for each in work]
        url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"
        front = f"http://127.0.0.1:{balancer.sockets[0].getsockname()[1]}"
        _write(folder / "kubeconfig", _kubeconfig(url, certificates.authority, token))
        ready = {"url": url, "authority": certificates.authority, "token": token, "load_balancer": front, **more}
        _write(folder / READY, ready)
        waiting = asyncio.ensure_future(ending.wait())
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        await self._kubelet.close()
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for failed in done - {waiting}:
            # None of them ends by itself: what it failed of is the process's failure.
            await failed


def new_store() -> Store:
    """Return a store with what every cluster has."""
    store = Store()
    for name in ("default", "kube-system"):
        store.create(kind("Namespace"), {"metadata": {"name": name}})
    store.create(kind("Node"), {"metadata": {"name": NODE}})
    return store


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


def _kubeconfig(url: str, authority: str, token: str) -> Object:
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(authority.encode()).decode()}
    named = {"cluster": "rehearsal", "user": "administrator"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rehearsal",
        "clusters": [{"name": "rehearsal", "cluster": cluster}],
        "users": [{"name": "administrator", "user": {"token": token}}],
        "contexts": [{"name": "rehearsal", "context": named}],
    }


def _write(file: Path, content: Object) -> None:
    """Write a file that holds a secret, all of it or nothing."""
    part = file.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    part.replace(file)
