"""What an object says where it says nothing: the defaults that are read here or by those who ask."""

from typing import Any

from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.kinds import Kind, Object


def with_defaults(of: Kind, thing: Object) -> Object:
    """Fill in the defaults of ``thing``, which is changed; return it."""
    match of.kind:
        case "Namespace":
            labels = thing.setdefault("metadata", {}).setdefault("labels", {})
            labels["kubernetes.io/metadata.name"] = thing["metadata"].get("name")
        case "Deployment":
            _deployment(thing["spec"])
        case "ReplicaSet":
            thing["spec"].setdefault("replicas", 1)
        case "Pod":
            _pod(thing["spec"])
        case "Service":
            for port in thing["spec"].get("ports", []):
                port.setdefault("protocol", "TCP")
                port.setdefault("targetPort", port["port"])
        case "HorizontalPodAutoscaler":
            thing["spec"].setdefault("minReplicas", 1)
        case _:
            pass
    return thing


def _deployment(spec: Object) -> None:
    if "selector" not in spec:
        raise ApiError(422, "spec.selector: Required value")
    spec.setdefault("replicas", 1)
    spec.setdefault("minReadySeconds", 0)
    spec.setdefault("progressDeadlineSeconds", 600)
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    spec["template"].setdefault("metadata", {})
    _pod(spec["template"]["spec"])


def _pod(spec: Object) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    volumes = {each["name"] for each in spec.get("volumes", [])}
    for container in spec["containers"]:
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                raise ApiError(422, f'{container["name"]}: volumeMounts: Not found: "{mount["name"]}"')
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            if name in container:
                _probe(container[name])
        for port in container.get("ports", []):
            port.setdefault("protocol", "TCP")


def _probe(probe: dict[str, Any]) -> None:
    defaults = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1}
    for key, value in defaults.items():
        probe.setdefault(key, value)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("path", "/")
