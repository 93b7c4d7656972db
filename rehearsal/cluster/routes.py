"""Which pods a load balancer sends a path to: Ingress → Service → pods that are ready and do not end."""

from collections.abc import Callable, Iterator
from typing import Protocol

from rehearsal.cluster.balancer import Address, path_leads
from rehearsal.cluster.kinds import Kind, Object, condition, is_ending, kind, matches


class Objects(Protocol):
    """Where objects are looked for."""

    def list(self, of: Kind, namespace: str | None = None, where: Callable[[Object], bool] = ...) -> list[Object]:
        """Return the objects of a kind, in a namespace or in all."""

    def find(self, of: Kind, namespace: str, name: str) -> Object | None:
        """Return one object, or None."""


def targets(store: Objects, path: str) -> list[Address] | None:
    """Return where requests for ``path`` may go; None where no Ingress has a rule for it."""
    for namespace, backend in _backends(store, path):
        service = store.find(kind("Service"), namespace, backend["name"])
        if service is None:
            return []
        return list(_addresses(store, service, backend["port"]))
    return None


def _backends(store: Objects, path: str) -> Iterator[tuple[str, Object]]:
    for ingress in store.list(kind("Ingress"), where=lambda each: not is_ending(each)):
        for rule in ingress["spec"].get("rules", []):
            for each in rule.get("http", {}).get("paths", []):
                if path_leads(each, path):
                    yield ingress["metadata"]["namespace"], each["backend"]["service"]


def _addresses(store: Objects, service: Object, port: Object) -> Iterator[Address]:
    served = next(
        each["targetPort"]
        for each in service["spec"]["ports"]
        if each.get("name") == port.get("name") or each["port"] == port.get("number")
    )
    selector = {"matchLabels": service["spec"]["selector"]}
    for pod in store.list(kind("Pod"), service["metadata"]["namespace"]):
        ready = condition(pod, "Ready").get("status") == "True" and not is_ending(pod)
        if ready and matches(selector, pod["metadata"].get("labels", {})):
            yield pod["status"]["podIP"], _number(pod, served)


def _number(pod: Object, port: int | str) -> int:
    if isinstance(port, int):
        return port
    ports = (each for container in pod["spec"]["containers"] for each in container.get("ports", []))
    return next(int(each["containerPort"]) for each in ports if each.get("name") == port)
