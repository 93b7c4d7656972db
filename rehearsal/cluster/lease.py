"""A real cluster for a while: taken only where it is nobody's, and left as it was found.

A scheduler gives a node whatever pods there are. So the cluster must have no other node, which might take the
rehearsal's, and nobody else's pods, which this node would take and could not run.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.kinds import Object
from rehearsal.cluster.remote import Remote
from rehearsal.cluster.store import now
from rehearsal.processes import RehearsalError

# One name for all rehearsals: of two that want a cluster at once, one gets it.
NODE: Final = "rehearsal"
_STRATEGIC: Final = "application/strategic-merge-patch+json"
_BEAT_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.5
# A cluster's own, such as the DNS that waits for a first node.
_OF_THE_CLUSTER: Final = "kube-system"
# The namespace's controller begins after five seconds, and takes half a minute if it still finds a pod.
_EMPTY_SECONDS: Final = 45.0


def check(remote: Remote, namespace: str) -> None:
    """Return if a rehearsal may take the cluster and have ``namespace`` in it.

    Raises:
        RehearsalError: it may not, or the API server does not answer or let this user look.

    """
    try:
        nodes = _names(remote.ask("GET", "api/v1/nodes"))
        pods = [
            each["metadata"]
            for each in remote.ask("GET", "api/v1/pods")["items"]
            if each["metadata"]["namespace"] != _OF_THE_CLUSTER
        ]
        namespaces = _names(remote.ask("GET", "api/v1/namespaces"))
    except (ApiError, OSError) as error:
        raise RehearsalError(f"{remote.url}: {error}") from error
    if nodes:
        raise RehearsalError(
            f"{remote.url}: this cluster has nodes ({', '.join(nodes)}); a rehearsal takes one that has none"
            + (f". The node {NODE} is of another rehearsal, or was left by one that was killed" * (NODE in nodes))
        )
    if pods:
        first = f"{pods[0]['namespace']}/{pods[0]['name']}"
        raise RehearsalError(f"{remote.url}: this cluster has pods of somebody's ({first})")
    if namespace in namespaces:
        raise RehearsalError(f"{remote.url}: this cluster has a namespace {namespace} already")


@asynccontextmanager
async def lease(remote: Remote, labels: dict[str, str], namespace: str) -> AsyncIterator[None]:
    """Make the node with ``labels``; afterwards remove it, and ``namespace`` with all that is in it.

    Raises:
        RehearsalError: the cluster may not be taken, or is not as it was afterwards.

    """
    await asyncio.to_thread(check, remote, namespace)
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}}
    try:
        await remote.call("POST", "api/v1/nodes", node)
    except (ApiError, OSError) as error:
        raise RehearsalError(f"{remote.url}: the node {NODE} cannot be made: {error}") from error
    try:
        yield
    finally:
        try:
            await _empty(remote, namespace)
        except (ApiError, TimeoutError) as error:
            left = f"{remote.url}: the namespace {namespace} or the node {NODE} may be left there"
            raise RehearsalError(f"{left}: {error!r}") from error


async def be_node(remote: Remote) -> None:
    """Say again and again that the node is ready, for ever."""
    size = {"cpu": "8", "memory": "32Gi", "pods": "100"}
    while True:
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now()[:19] + "Z"}
        status = {"capacity": size, "allocatable": size, "conditions": [ready]}
        with suppress(OSError):
            await remote.call("PATCH", f"api/v1/nodes/{NODE}/status", {"status": status}, _STRATEGIC)
        await asyncio.sleep(_BEAT_SECONDS)


async def _empty(remote: Remote, namespace: str) -> None:
    """Delete the namespace and wait for its end, then the node."""
    place = f"api/v1/namespaces/{namespace}"
    async with asyncio.timeout(_EMPTY_SECONDS):
        # In a namespace that ends nobody makes new pods. What ran them has ended them.
        await _gone(remote, place, f"{place}/pods")
        await _gone(remote, f"api/v1/nodes/{NODE}")


async def _gone(remote: Remote, path: str, *inside: str) -> None:
    """Delete what is at ``path``, and at once what is ``inside``, until it is not there."""
    while True:
        with suppress(OSError):
            if not await _deleted(remote, path):
                return
            for each in inside:
                await _deleted(remote, each, {"gracePeriodSeconds": 0})
        await asyncio.sleep(_LOOK_SECONDS)


async def _deleted(remote: Remote, path: str, options: Object | None = None) -> bool:
    """Delete something, or all of a kind; return whether it was there."""
    try:
        await remote.call("DELETE", path, options)
    except ApiError as error:
        # 409: it was told to end before.
        if error.status not in {404, 409}:
            raise
        return error.status == 409
    return True


def _names(listed: Object) -> list[str]:
    return [each["metadata"]["name"] for each in listed["items"]]
