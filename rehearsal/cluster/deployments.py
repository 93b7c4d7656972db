"""Deployments: rolling updates as Kubernetes' own controller makes them.

A step at a time: more pods of the new template as ``maxSurge`` allows, fewer of old ones as ``maxUnavailable`` allows.
The strategy ``Recreate`` is not told apart; nothing paused goes on.
"""

import hashlib
import json
import math
from typing import Any, Final

from rehearsal.cluster.kinds import Object, condition, is_ending, kind, owned_by, owner_of
from rehearsal.cluster.rollout import status_of
from rehearsal.cluster.store import Store

_DEPLOYMENT, _SET = kind("Deployment"), kind("ReplicaSet")
REVISION: Final = "deployment.kubernetes.io/revision"
HASH_LABEL: Final = "pod-template-hash"
_LEAST_PATIENCE = 30.0


def reconcile_deployments(store: Store, *, speed: float) -> None:
    """Take each Deployment a step further, and say how far it is."""
    for deployment in store.list(_DEPLOYMENT, where=lambda each: not is_ending(each)):
        _Rollout(store, deployment, speed).step()


def patience(seconds: float, *, speed: float) -> float:
    """Return the patience with a rollout (``progressDeadlineSeconds``): a ``speed``-th of its ``seconds``.

    It is not less than half a minute: a process starts no faster for being rehearsed.
    """
    return min(seconds, max(_LEAST_PATIENCE, seconds / speed))


class _Rollout:
    def __init__(self, store: Store, deployment: Object, speed: float) -> None:
        self._store = store
        self._deadline = patience(deployment["spec"]["progressDeadlineSeconds"], speed=speed)
        self._deployment = deployment
        self._spec = deployment["spec"]
        uid, namespace = deployment["metadata"]["uid"], deployment["metadata"]["namespace"]
        found = [each for each in store.list(_SET, namespace) if owner_of(each) == uid and not is_ending(each)]
        self._old = sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))
        self._new = next((each for each in self._old if self._is_present(each)), None)
        self._created = False
        if self._new is not None:
            self._old.remove(self._new)
        rolling = self._spec["strategy"].get("rollingUpdate", {})
        self._surge = _number(rolling.get("maxSurge", 0), self._spec["replicas"], up=True)
        self._unavailable = _number(rolling.get("maxUnavailable", 1), self._spec["replicas"], up=False)
        if not self._surge and not self._unavailable:
            self._unavailable = 1

    def step(self) -> None:
        if not self._spec.get("paused"):
            new = self._present()
            self._grow(new)
            self._clean_up(new)
            self._shrink(new)
            self._old = [self._kept(each) for each in self._old]
            self._new = self._kept(new)
        everything = [*self._old, *([self._new] if self._new else [])]
        status = status_of(
            self._deployment, self._new, everything, self._unavailable, created=self._created, deadline=self._deadline
        )
        present = {**self._deployment, "status": status}
        self._deployment = self._store.update(_DEPLOYMENT, present, status=True)
        if condition(present, "Progressing").get("reason") == "NewReplicaSetAvailable":
            self._forget()

    def _is_present(self, replica_set: Object) -> bool:
        template = json.loads(json.dumps(replica_set["spec"]["template"]))
        template["metadata"].get("labels", {}).pop(HASH_LABEL, None)
        return bool(template == self._spec["template"])

    def _present(self) -> Object:
        """Return the ReplicaSet of the present template, with the newest revision; make it if it is not there."""
        newest = max((_revision(each) for each in self._old), default=0)
        new = self._new
        if new is None:
            new, self._created = self._store.create(_SET, self._new_set(newest + 1)), True
        elif _revision(new) < newest:
            # A template that was there before: going back is a revision of its own.
            new["metadata"].setdefault("annotations", {})[REVISION] = str(newest + 1)
        new["spec"]["minReadySeconds"] = self._spec["minReadySeconds"]
        annotations = self._deployment["metadata"].setdefault("annotations", {})
        annotations[REVISION] = new["metadata"]["annotations"][REVISION]
        self._deployment = self._store.update(_DEPLOYMENT, self._deployment)
        return new

    def _new_set(self, revision: int) -> Object:
        metadata, template = self._deployment["metadata"], json.loads(json.dumps(self._spec["template"]))
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        labels = {**template["metadata"].get("labels", {}), HASH_LABEL: digest}
        template["metadata"]["labels"] = labels
        selector = self._spec["selector"]
        return {
            "metadata": {
                "name": f"{metadata['name']}-{digest}",
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": {REVISION: str(revision)},
                "ownerReferences": owned_by(self._deployment),
            },
            "spec": {
                "replicas": 0,
                "selector": {**selector, "matchLabels": {**selector.get("matchLabels", {}), HASH_LABEL: digest}},
                "template": template,
            },
        }

    def _grow(self, new: Object) -> None:
        wanted, present = self._spec["replicas"], new["spec"]["replicas"]
        room = wanted + self._surge - sum(each["spec"]["replicas"] for each in [*self._old, new])
        new["spec"]["replicas"] = wanted if present >= wanted else present + _within(room, wanted - present)

    def _clean_up(self, new: Object) -> None:
        """Give up old pods that do not serve: nobody misses them."""
        budget = self._budget(new)
        for each in self._old:
            idle = each["spec"]["replicas"] - _available(each)
            gone = _within(budget, idle)
            each["spec"]["replicas"] -= gone
            budget -= gone

    def _shrink(self, new: Object) -> None:
        """Give up old pods that serve, as far as enough others do."""
        spare = sum(_available(each) for each in [*self._old, new]) - (self._spec["replicas"] - self._unavailable)
        for each in self._old:
            gone = _within(min(spare, self._budget(new)), each["spec"]["replicas"])
            each["spec"]["replicas"] -= gone
            spare -= gone

    def _budget(self, new: Object) -> int:
        """Return how many old pods may go at all, if every new one that is not available yet never is."""
        pods = sum(each["spec"]["replicas"] for each in [*self._old, new])
        waiting = max(0, new["spec"]["replicas"] - _available(new))
        return int(pods - (self._spec["replicas"] - self._unavailable) - waiting)

    def _kept(self, replica_set: Object) -> Object:
        return self._store.update(_SET, replica_set)

    def _forget(self) -> None:
        """Let go of the oldest revisions that have no pods."""
        empty = [each for each in self._old if not each["spec"]["replicas"] and not each["status"].get("replicas")]
        empty.sort(key=_revision)
        for each in empty[: max(0, len(empty) - self._spec["revisionHistoryLimit"])]:
            self._store.delete(_SET, each["metadata"]["namespace"], each["metadata"]["name"])


def _within(room: int, wanted: int) -> int:
    return max(0, min(room, wanted))


def _available(replica_set: Object) -> int:
    return int(replica_set.get("status", {}).get("availableReplicas", 0))


def _revision(replica_set: Object) -> int:
    return int(replica_set["metadata"].get("annotations", {}).get(REVISION, 0))


def _number(value: Any, replicas: int, *, up: bool) -> int:
    """Return a number of pods that may be written as a share."""
    if isinstance(value, str) and value.endswith("%"):
        share = replicas * int(value[:-1]) / 100
        return math.ceil(share) if up else math.floor(share)
    return int(value)
