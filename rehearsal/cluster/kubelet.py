"""The kubelet: pods of this node as processes of this machine, and what their status says."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from rehearsal.cluster.containers import Images, Place
from rehearsal.cluster.kinds import Object, is_ending
from rehearsal.cluster.network import Network
from rehearsal.cluster.runner import Runner
from rehearsal.cluster.store import now

_logger: Final = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 0.1
_CLOSING_SECONDS: Final = 5.0

# Returns the variables by which a pod proves who it is; it may write into the pod's folder.
Credentials = Callable[[Object, Path], Awaitable[Mapping[str, str]]]


class Pods(Protocol):
    """What a kubelet asks of an API server."""

    async def of_node(self) -> list[Object]:
        """Return the pods of this node."""

    async def config_map(self, namespace: str, name: str) -> Object | None:
        """Return a ConfigMap, or None."""

    async def put_status(self, pod: Object, status: Object) -> None:
        """Write the status of a pod, if it is still there."""

    async def remove(self, pod: Object) -> None:
        """Let go of a pod that has ended."""


class Kubelet:
    """Runs the pods that ``pods`` says are this node's."""

    def __init__(
        self,
        pods: Pods,
        network: Network,
        images: Images,
        credentials: Credentials,
        *,
        folder: Path,
        names: Mapping[str, str],
        variables: Mapping[str, str],
        speed: float,
    ) -> None:
        self._pods, self._network, self._images, self._credentials = pods, network, images, credentials
        self._folder, self._names, self._variables, self._speed = folder, names, variables, speed
        self._workers: dict[str, PodWorker] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start, end and forget pods as they come and go."""
        while True:
            present = {each["metadata"]["uid"]: each for each in await self._pods.of_node()}
            for uid, pod in present.items():
                if uid not in self._workers:
                    self._begin(uid, pod)
                if is_ending(pod):
                    self._workers[uid].end(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
            for uid in self._workers.keys() - present.keys():
                self._workers.pop(uid).kill()
            await asyncio.sleep(_LOOK_SECONDS)

    async def close(self) -> None:
        """End every pod at once, for the machine goes down; nothing may run it any more."""
        for worker in self._workers.values():
            worker.kill()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSING_SECONDS)

    def log_of(self, namespace: str, name: str) -> str:
        """Return what the containers of a pod have written."""
        files = sorted((self._folder / namespace / name).glob("*.log"))
        return "".join(each.read_text(errors="replace") for each in files)

    def _begin(self, uid: str, pod: Object) -> None:
        folder = self._folder / pod["metadata"]["namespace"] / pod["metadata"]["name"]
        folder.mkdir(parents=True, exist_ok=True)
        address = self._network.take()
        worker = PodWorker(self._pods, pod, self._speed)
        self._workers[uid] = worker

        async def work() -> None:
            try:
                variables = {**self._variables, **await self._credentials(pod, folder)}
                place = Place(address=address, folder=folder, names=self._names, variables=variables)
                await worker.run(place, self._images)
            except Exception:
                # One pod that goes wrong is not the others' end.
                _logger.exception("%s/%s", pod["metadata"]["namespace"], pod["metadata"]["name"])
            finally:
                self._network.release(address)
                shutil.rmtree(folder / "volumes", ignore_errors=True)

        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class PodWorker:
    """One pod."""

    def __init__(self, pods: Pods, pod: Object, speed: float) -> None:
        self._pods, self._pod, self._speed = pods, pod, speed
        self._runners: list[Runner] = []
        self._changed = asyncio.Event()
        self._ending: asyncio.Task[Any] | None = None
        self._conditions: dict[str, Object] = {}
        self._begun = now()
        self._killed = self._over = False

    async def run(self, place: Place, images: Images) -> None:
        """Run its containers until the last one has ended for good."""
        maps = {name: await self._pods.config_map(self._namespace, name) for name in _config_maps(self._pod)}
        self._runners = [
            Runner(
                self._pod,
                each,
                place=place,
                images=images,
                config_map=maps.get,
                changed=self._changed.set,
                speed=self._speed,
            )
            for each in self._pod["spec"]["containers"]
        ]
        telling = asyncio.create_task(self._tell(place.address))
        try:
            if not self._killed:
                await asyncio.gather(*(each.run() for each in self._runners))
        finally:
            telling.cancel()
            for each in self._runners:
                each.kill()
        if self._ending is not None:
            await self._ending
            await self._pods.remove(self._pod)
        else:
            self._over = True
            await self._pods.put_status(self._pod, self._status(place.address))

    def end(self, grace: float) -> None:
        """End it with so many seconds of grace; again is nothing."""
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._end(grace))

    def kill(self) -> None:
        """End it now."""
        self._killed = True
        for each in self._runners:
            each.kill()

    async def _end(self, grace: float) -> None:
        # Nothing to end yet: then nothing is begun.
        self._killed = self._killed or not self._runners
        await asyncio.gather(*(each.end(grace) for each in self._runners))
        if self._over:
            # It ended by itself, and was kept to be looked at.
            await self._pods.remove(self._pod)

    async def _tell(self, address: str) -> None:
        while True:
            self._changed.clear()
            # The next change tells it all again; nothing is lost where the API server is away for a moment.
            with suppress(OSError):
                await self._pods.put_status(self._pod, self._status(address))
            await self._changed.wait()

    def _status(self, address: str) -> Object:
        codes = [each.exit_code for each in self._runners]
        ready = bool(self._runners) and all(each.is_ready for each in self._runners)
        flags = {
            "PodScheduled": True,
            "Initialized": True,
            "ContainersReady": ready,
            "Ready": ready,
        }
        for kind, value in flags.items():
            self._note(kind, "True" if value else "False")
        return {
            "phase": self._phase(codes),
            "hostIP": address.rpartition(".")[0] + ".1",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": self._begun,
            "conditions": list(self._conditions.values()),
            "containerStatuses": [each.status() for each in self._runners],
        }

    def _phase(self, codes: list[int | None]) -> str:
        if self._pod["spec"].get("restartPolicy", "Always") == "Always" or any(code is None for code in codes):
            return "Running" if any(each.has_begun for each in self._runners) else "Pending"
        return "Failed" if any(codes) else "Succeeded"

    def _note(self, kind: str, value: str) -> None:
        if self._conditions.get(kind, {}).get("status") != value:
            words = {"reason": "ContainersNotReady"} if value == "False" else {}
            self._conditions[kind] = {"type": kind, "status": value, "lastTransitionTime": now(), **words}

    @property
    def _namespace(self) -> str:
        return str(self._pod["metadata"]["namespace"])


def _config_maps(pod: Object) -> set[str]:
    """Return the names of all ConfigMaps that the pod refers to."""
    names = {each["configMap"]["name"] for each in pod["spec"].get("volumes", []) if "configMap" in each}
    for container in pod["spec"]["containers"]:
        names |= {each["configMapRef"]["name"] for each in container.get("envFrom", []) if "configMapRef" in each}
        sources = [each.get("valueFrom", {}) for each in container.get("env", [])]
        names |= {each["configMapKeyRef"]["name"] for each in sources if "configMapKeyRef" in each}
    return names
