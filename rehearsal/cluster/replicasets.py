"""ReplicaSets: so many pods of a template, and autoscalers: between which numbers they are."""

from collections.abc import Sequence

from rehearsal.cluster.kinds import Object, condition, is_ending, kind, owned_by, owner_of
from rehearsal.cluster.store import Store, seconds_since

_DEPLOYMENT, _SET, _POD, _AUTOSCALER = (
    kind(each) for each in ("Deployment", "ReplicaSet", "Pod", "HorizontalPodAutoscaler")
)


def reconcile_replica_sets(store: Store, *, speed: float) -> None:
    """Start and end pods until each ReplicaSet has as many as it wants, and say what there is.

    ``minReadySeconds`` waits for a load balancer, so it takes a ``speed``-th of its time.
    """
    for replica_set in store.list(_SET, where=lambda each: not is_ending(each)):
        uid, namespace = replica_set["metadata"]["uid"], replica_set["metadata"]["namespace"]
        pods = [each for each in store.list(_POD, namespace) if owner_of(each) == uid and _is_active(each)]
        missing = replica_set["spec"]["replicas"] - len(pods)
        pods += [store.create(_POD, _pod_of(replica_set)) for _ in range(missing)]
        for pod in _first_to_go(pods)[: max(0, -missing)]:
            store.delete(_POD, namespace, pod["metadata"]["name"])
            pods.remove(pod)
        replica_set["status"] = _status(replica_set, pods, speed)
        store.update(_SET, replica_set, status=True)


def reconcile_autoscalers(store: Store) -> None:
    """Keep each Deployment between its autoscaler's numbers. There are no metrics by which it could do more."""
    for autoscaler in store.list(_AUTOSCALER, where=lambda each: not is_ending(each)):
        spec, namespace = autoscaler["spec"], autoscaler["metadata"]["namespace"]
        target = store.find(_DEPLOYMENT, namespace, spec["scaleTargetRef"]["name"])
        # None at all means that somebody has switched it off.
        if target is None or not target["spec"]["replicas"]:
            continue
        present = target["spec"]["replicas"]
        target["spec"]["replicas"] = min(max(present, spec["minReplicas"]), spec["maxReplicas"])
        wanted = store.update(_DEPLOYMENT, target)["spec"]["replicas"]
        autoscaler["status"] = {
            "currentReplicas": target.get("status", {}).get("replicas", 0),
            "desiredReplicas": wanted,
        }
        store.update(_AUTOSCALER, autoscaler, status=True)


def _is_active(pod: Object) -> bool:
    return not is_ending(pod) and pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}


def _is_ready(pod: Object) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def _first_to_go(pods: Sequence[Object]) -> list[Object]:
    """Return pods in the order in which they are given up: those that do not serve first, then the youngest."""
    youngest = sorted(pods, key=lambda each: str(each["metadata"]["creationTimestamp"]), reverse=True)
    return sorted(youngest, key=_is_ready)


def _pod_of(replica_set: Object) -> Object:
    template, metadata = replica_set["spec"]["template"], replica_set["metadata"]
    return {
        "metadata": {
            **{key: template["metadata"][key] for key in ("labels", "annotations") if key in template["metadata"]},
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "ownerReferences": owned_by(replica_set),
        },
        "spec": template["spec"],
    }


def _status(replica_set: Object, pods: Sequence[Object], speed: float) -> Object:
    ready = [each for each in pods if _is_ready(each)]
    least = replica_set["spec"].get("minReadySeconds", 0) / speed
    since = [seconds_since(condition(each, "Ready")["lastTransitionTime"]) for each in ready]
    return {
        "replicas": len(pods),
        "fullyLabeledReplicas": len(pods),
        "readyReplicas": len(ready),
        "availableReplicas": sum(each >= least for each in since),
        "observedGeneration": replica_set["metadata"]["generation"],
    }
