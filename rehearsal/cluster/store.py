"""The objects of the cluster, in memory: versions, generations, graceful ends."""

import asyncio
import copy
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from rehearsal.cluster.defaults import with_defaults
from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.kinds import Kind, Object, is_ending, kind, owner_of

Name = tuple[str, str]
# What a client may not set, nor an update change.
_GIVEN = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")
_FIRST_PHASE = {"Namespace": "Active", "Pod": "Pending"}


def now() -> str:
    """Return the time as Kubernetes writes it, with parts of a second (as its newer fields have)."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_since(time: str) -> float:
    """Return how long ago ``time`` was."""
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()


class Store:
    """All objects. What it returns are copies; what it is given is not kept.

    One event loop works with it: no call waits, so what one does is done when the next begins.
    """

    def __init__(self) -> None:
        self._objects: dict[str, dict[Name, Object]] = {}
        self._version = 0
        self._changed: set[asyncio.Event] = set()

    def watch(self) -> asyncio.Event:
        """Return an event that is set at each change; whoever waits for it clears it."""
        event = asyncio.Event()
        self._changed.add(event)
        return event

    def unwatch(self, event: asyncio.Event) -> None:
        """Set ``event`` no more."""
        self._changed.discard(event)

    @property
    def version(self) -> str:
        """The resource version of the newest change."""
        return str(self._version)

    def get(self, of: Kind, namespace: str, name: str) -> Object:
        """Return one object.

        Raises:
            ApiError: 404.

        """
        found = self._of(of).get((namespace, name))
        if found is None:
            raise ApiError(404, f'{of.plural}{"." * bool(of.group)}{of.group} "{name}" not found')
        return copy.deepcopy(found)

    def find(self, of: Kind, namespace: str, name: str) -> Object | None:
        """Return one object, or None."""
        return copy.deepcopy(self._of(of).get((namespace, name)))

    def list(
        self, of: Kind, namespace: str | None = None, where: Callable[[Object], bool] = lambda _: True
    ) -> list[Object]:
        """Return the objects of a kind in order of their names, in a namespace or in all."""
        found = sorted(self._of(of).items())
        return [copy.deepcopy(thing) for (space, _), thing in found if namespace in {None, space} and where(thing)]

    def create(self, of: Kind, thing: Object) -> Object:
        """Keep a new object; return it as it is kept.

        Raises:
            ApiError: it has no name (422), there is one of that name (409), or its namespace is not there (404).

        """
        new = with_defaults(of, copy.deepcopy(thing))
        metadata = new.setdefault("metadata", {})
        if "name" not in metadata and "generateName" in metadata:
            metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
        if not metadata.get("name"):
            raise ApiError(422, f"{of.kind}: metadata.name: Required value: name or generateName is required")
        namespace = metadata.get("namespace", "") if of.namespaced else ""
        if of.namespaced:
            self._check_namespace(of, namespace, metadata["name"])
        key = (namespace, metadata["name"])
        if key in self._of(of):
            raise ApiError(409, f'{of.plural} "{key[1]}" already exists', reason="AlreadyExists")
        new.pop("status", None)
        if of.kind in _FIRST_PHASE:
            new["status"] = {"phase": _FIRST_PHASE[of.kind]}
        metadata.update(uid=str(uuid.uuid4()), creationTimestamp=now(), generation=1)
        return self._keep(of, key, new)

    def update(self, of: Kind, thing: Object, *, status: bool = False) -> Object:
        """Replace an object, or only its status; return it as it is kept.

        Raises:
            ApiError: it is not there (404), or not at the resource version that ``thing`` was made from (409).

        """
        key = (thing["metadata"].get("namespace", "") if of.namespaced else "", thing["metadata"]["name"])
        kept = self.get(of, *key)
        version = thing["metadata"].get("resourceVersion")
        if version is not None and version != kept["metadata"]["resourceVersion"]:
            raise ApiError(
                409,
                f'Operation cannot be fulfilled on {of.plural}{"." * bool(of.group)}{of.group} "{key[1]}": '
                "the object has been modified; please apply your changes to the latest version and try again",
            )
        told = {**kept, "status": copy.deepcopy(thing.get("status", {}))}
        new = told if status else self._changed_to(of, kept, thing)
        if new == kept:
            return kept
        return self._keep(of, key, new)

    def delete(self, of: Kind, namespace: str, name: str, *, grace: int | None = None) -> Object:
        """Let an object end: a pod that runs when its grace is over, a namespace when it is empty, others at once."""
        thing = self.get(of, namespace, name)
        if of.kind == "Pod" and thing["spec"].get("nodeName") and grace != 0:
            seconds = thing["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace
            return self._end_later(of, thing, {"deletionGracePeriodSeconds": seconds})
        if of.kind == "Namespace" and any(self._inside(name)):
            thing["status"] = {"phase": "Terminating"}
            return self._end_later(of, thing, {})
        del self._of(of)[namespace, name]
        self._tell()
        return thing

    def collect(self) -> None:
        """Let go of what has lost its owner, or whose namespace ends."""
        uids = {thing["metadata"]["uid"] for _, _, thing in self._all()}
        ending = {each["metadata"]["name"] for each in self.list(kind("Namespace"), where=is_ending)}
        for of, (namespace, name), thing in list(self._all()):
            lost = (owner := owner_of(thing)) is not None and owner not in uids
            if (lost or namespace in ending) and not is_ending(thing):
                self.delete(of, namespace, name)
        for name in ending:
            if not any(self._inside(name)):
                self.delete(kind("Namespace"), "", name)

    def _check_namespace(self, of: Kind, namespace: str, name: str) -> None:
        found = self._of(kind("Namespace")).get(("", namespace))
        if found is None:
            raise ApiError(404, f'namespaces "{namespace}" not found')
        if is_ending(found):
            raise ApiError(403, f'{of.plural} "{name}" is forbidden: namespace {namespace} is being terminated')

    def _changed_to(self, of: Kind, kept: Object, thing: Object) -> Object:
        new = with_defaults(of, copy.deepcopy(thing))
        given = {key: kept["metadata"][key] for key in _GIVEN if key in kept["metadata"]}
        new["metadata"] = {**{k: v for k, v in new["metadata"].items() if k not in _GIVEN}, **given}
        new["metadata"]["resourceVersion"] = kept["metadata"]["resourceVersion"]
        new.pop("status", None)
        if "status" in kept:
            new["status"] = kept["status"]
        if _without(new, "metadata", "status") != _without(kept, "metadata", "status"):
            new["metadata"]["generation"] = kept["metadata"]["generation"] + 1
        return new

    def _end_later(self, of: Kind, thing: Object, more: Object) -> Object:
        if not is_ending(thing):
            thing["metadata"].update(deletionTimestamp=now(), **more)
            self._keep(of, (thing["metadata"].get("namespace", ""), thing["metadata"]["name"]), thing)
        return thing

    def _keep(self, of: Kind, key: Name, thing: Object) -> Object:
        self._version += 1
        thing["metadata"]["resourceVersion"] = str(self._version)
        thing.update(apiVersion=of.api_version, kind=of.kind)
        self._of(of)[key] = thing
        self._tell()
        return copy.deepcopy(thing)

    def _tell(self) -> None:
        for event in self._changed:
            event.set()

    def _of(self, of: Kind) -> dict[Name, Object]:
        return self._objects.setdefault(of.kind, {})

    def _all(self) -> Iterator[tuple[Kind, Name, Object]]:
        for name, things in self._objects.items():
            for key, thing in things.items():
                yield kind(name), key, thing

    def _inside(self, namespace: str) -> Iterator[Name]:
        return (key for of, key, _ in self._all() if of.namespaced and key[0] == namespace)


def _without(thing: Object, *names: str) -> dict[str, Any]:
    return {key: value for key, value in thing.items() if key not in names}
