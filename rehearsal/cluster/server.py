"""The cluster's process: control plane, kubelet, pod identity agent and load balancer in one event loop."""

import asyncio
import json
import signal
import socket
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from rehearsal.cluster.balancer import LoadBalancer
from rehearsal.cluster.containers import Images
from rehearsal.cluster.control import NODE
from rehearsal.cluster.identity import EksProof
from rehearsal.cluster.kinds import Object
from rehearsal.cluster.kubelet import Credentials, Kubelet
from rehearsal.cluster.metrics_agent import MetricsAgent
from rehearsal.cluster.network import AGENT_PORT, Network
from rehearsal.cluster.planes import Door, OwnPlane, Plane, RealPlane, Work, serve
from rehearsal.cluster.pod_identity import PodIdentity
from rehearsal.cluster.routes import targets
from rehearsal.cluster.settings import READY, Settings
from rehearsal.cluster.tokens import Issuer
from rehearsal.world import World

# The CloudWatch agent: what the add-on amazon-cloudwatch-observability runs, and under which name.
AGENT_NAME: Final = "cloudwatch-agent.amazon-cloudwatch"
_AGENT_ACCOUNT: Final = ("amazon-cloudwatch", "cloudwatch-agent")
_AGENT_PORT: Final = 25888


async def run(settings: Settings) -> None:
    """Run the cluster that is ``settings.name`` in AWS until the process is told to end."""
    world, network = World.load(settings.world), Network()
    door = Door(socket.create_server(("127.0.0.1", 0)), settings.folder, EksProof(world, settings.name))
    taken = settings.taken
    plane = OwnPlane(door, speed=settings.speed) if taken is None else RealPlane(door, taken)
    issuer = Issuer(plane.way()["url"])
    identity = PodIdentity(world, settings.name, issuer, f"{network.host}:{AGENT_PORT}")
    cluster = Cluster(
        settings,
        network,
        plane,
        credentials=identity.variables,
        variables={**world.place, **settings.variables},
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
    """A control plane with a node and a load balancer. ``credentials`` are what a pod gets to prove who it is.

    Every pod has ``variables``, and finds the ``names`` of the cluster's DNS at their addresses.
    """

    def __init__(
        self,
        settings: Settings,
        network: Network,
        plane: Plane,
        *,
        credentials: Credentials,
        variables: Mapping[str, str],
        names: Mapping[str, str],
    ) -> None:
        self._settings, self._plane = settings, plane
        self._kubelet = Kubelet(
            plane.pods,
            network,
            Images(registry=settings.image_registry, program=settings.program),
            credentials,
            folder=settings.folder / "pods",
            names=names,
            variables=variables,
            speed=settings.speed,
        )

    async def run(self, ending: asyncio.Event, *others: Work, **more: str) -> None:
        """Run it, and ``others`` besides, until ``ending`` is set; then end every pod.

        When it is ready ``ready.json`` says so, with ``more`` in it.
        """
        async with self._plane.held():
            await self._run(ending, others, more)

    async def _run(self, ending: asyncio.Event, others: Sequence[Work], more: Mapping[str, str]) -> None:
        folder, plane = self._settings.folder, self._plane
        balancer = await LoadBalancer(partial(targets, plane.objects)).start()
        tasks = [
            asyncio.create_task(each) for each in (*plane.work(self._kubelet.log_of), self._kubelet.run(), *others)
        ]
        front = f"http://127.0.0.1:{balancer.sockets[0].getsockname()[1]}"
        _write(folder / "kubeconfig", plane.kubeconfig())
        _write(folder / READY, {**plane.way(), "load_balancer": front, **more})
        waiting = asyncio.ensure_future(ending.wait())
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._kubelet.close()
        for failed in done - {waiting}:
            # None of them ends by itself: what it failed of is the process's failure.
            await failed


def _write(file: Path, content: Object) -> None:
    """Write a file that holds a secret, all of it or nothing."""
    part = file.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    part.replace(file)
