"""How far a Deployment is, in the words of its status."""

from collections.abc import Sequence

from rehearsal.cluster.kinds import Object, condition
from rehearsal.cluster.store import now, seconds_since

_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def status_of(
    deployment: Object,
    new: Object | None,
    sets: Sequence[Object],
    unavailable: int,
    *,
    created: bool,
    deadline: float,
) -> Object:
    """Return the status of ``deployment``, whose present ReplicaSet is ``new`` (just ``created``) and all ``sets``.

    ``deadline`` is for how many seconds a rollout may make no step.
    """
    wanted = deployment["spec"]["replicas"]
    status: Object = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": _sum(sets, "replicas"),
        "updatedReplicas": 0 if new is None else _sum([new], "replicas"),
        "readyReplicas": _sum(sets, "readyReplicas"),
        "availableReplicas": _sum(sets, "availableReplicas"),
    }
    status["unavailableReplicas"] = max(0, sum(each["spec"]["replicas"] for each in sets) - status["availableReplicas"])
    enough = status["availableReplicas"] >= wanted - unavailable
    available = _kept(
        condition(deployment, "Available"),
        status="True" if enough else "False",
        reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        message=f"Deployment {'has' if enough else 'does not have'} minimum availability.",
    )
    progressing = _progressing(deployment, new, status, created=created, deadline=deadline)
    status["conditions"] = [
        {"type": "Available", **available},
        *([{"type": "Progressing", **progressing}] if progressing else []),
    ]
    return status


def _progressing(deployment: Object, new: Object | None, status: Object, *, created: bool, deadline: float) -> Object:
    """Return the condition that says whether the rollout goes on, is over, or took too long without a step."""
    before, present = deployment.get("status", {}), condition(deployment, "Progressing")
    if new is None:
        return present
    name, wanted = new["metadata"]["name"], deployment["spec"]["replicas"]
    if not present or created:
        return _fresh(present, "NewReplicaSetCreated", f'Created new replica set "{name}"')
    if present["reason"] == "NewReplicaSetAvailable" and status["replicas"] == status["updatedReplicas"]:
        return present
    if status["updatedReplicas"] == status["replicas"] == status["availableReplicas"] == wanted:
        words = f'ReplicaSet "{name}" has successfully progressed.'
        return _kept(present, status="True", reason="NewReplicaSetAvailable", message=words)
    if _went_on(before, status):
        return _fresh(present, "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
    return _waited(present, name, deadline)


def _waited(present: Object, name: str, deadline: float) -> Object:
    if present["reason"] == "NewReplicaSetAvailable" or seconds_since(present["lastUpdateTime"]) <= deadline:
        return present
    words = f'ReplicaSet "{name}" has timed out progressing.'
    return _kept(present, status="False", reason="ProgressDeadlineExceeded", message=words)


def _went_on(before: Object, status: Object) -> bool:
    old = {key: before.get(key, 0) for key in _COUNTS}
    return bool(
        status["updatedReplicas"] > old["updatedReplicas"]
        or status["replicas"] - status["updatedReplicas"] < old["replicas"] - old["updatedReplicas"]
        or status["readyReplicas"] > old["readyReplicas"]
        or status["availableReplicas"] > old["availableReplicas"]
    )


def _fresh(present: Object, reason: str, message: str) -> Object:
    """Return a condition of a step that was just made: the deadline counts from now."""
    since = present["lastTransitionTime"] if present.get("status") == "True" else now()
    return {
        "status": "True",
        "reason": reason,
        "message": message,
        "lastUpdateTime": now(),
        "lastTransitionTime": since,
    }


def _kept(present: Object, *, status: str, reason: str, message: str) -> Object:
    """Return ``present`` if it says the same already."""
    if (present.get("status"), present.get("reason")) == (status, reason):
        return {key: value for key, value in present.items() if key != "type"}
    since = present["lastTransitionTime"] if present.get("status") == status else now()
    return {
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": now(),
        "lastTransitionTime": since,
    }


def _sum(sets: Sequence[Object], count: str) -> int:
    return sum(int(each.get("status", {}).get(count, 0)) for each in sets)
