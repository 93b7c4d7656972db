"""The control plane's own work: the controllers, one after the other, at each change and as time goes by."""

import asyncio
from contextlib import suppress
from typing import Final

from rehearsal.cluster.deployments import reconcile_deployments
from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.kinds import Object, kind
from rehearsal.cluster.replicasets import reconcile_autoscalers, reconcile_replica_sets
from rehearsal.cluster.store import Store

NODE: Final = "node-1"
# Deadlines and minReadySeconds pass without a change.
_TICK_SECONDS: Final = 0.2
# A burst of changes is looked at once.
_BURST_SECONDS: Final = 0.02
_POD = kind("Pod")


async def control(store: Store, *, speed: float) -> None:
    """Bring what is there to what is wanted, for ever."""
    changed = store.watch()
    while True:
        changed.clear()
        # First: in a namespace that ends, nothing new can be made.
        store.collect()
        reconcile_autoscalers(store)
        reconcile_deployments(store, speed=speed)
        reconcile_replica_sets(store, speed=speed)
        _schedule(store)
        # Not wait_for: in Python 3.11 it may forget that the task was cancelled.
        with suppress(TimeoutError):
            async with asyncio.timeout(_TICK_SECONDS):
                await changed.wait()
        await asyncio.sleep(_BURST_SECONDS)


def _schedule(store: Store) -> None:
    """Give every pod the one node there is."""
    for pod in store.list(_POD, where=lambda each: "nodeName" not in each["spec"]):
        pod["spec"]["nodeName"] = NODE
        store.update(_POD, pod)


class LocalPods:
    """The pods of the one node, for a kubelet in the same process as the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_node(self) -> list[Object]:
        """Return the pods of this node."""
        return self._store.list(_POD, where=lambda each: each["spec"].get("nodeName") == NODE)

    async def config_map(self, namespace: str, name: str) -> Object | None:
        """Return a ConfigMap, or None."""
        return self._store.find(kind("ConfigMap"), namespace, name)

    async def put_status(self, pod: Object, status: Object) -> None:
        """Write the status of a pod, if it is still there."""
        found = self._present(pod)
        if found is not None:
            self._store.update(_POD, {**found, "status": status}, status=True)

    async def remove(self, pod: Object) -> None:
        """Let go of a pod that has ended."""
        if self._present(pod) is not None:
            with suppress(ApiError):
                self._store.delete(_POD, pod["metadata"]["namespace"], pod["metadata"]["name"], grace=0)

    def _present(self, pod: Object) -> Object | None:
        found = self._store.find(_POD, pod["metadata"]["namespace"], pod["metadata"]["name"])
        return found if found is not None and found["metadata"]["uid"] == pod["metadata"]["uid"] else None
