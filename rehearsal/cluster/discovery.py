"""What kubectl asks first: which groups, versions and kinds there are."""

from rehearsal.cluster.kinds import KINDS, Kind, Object

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_SHORT = {
    "ConfigMap": ["cm"],
    "CronJob": ["cj"],
    "Deployment": ["deploy"],
    "HorizontalPodAutoscaler": ["hpa"],
    "Ingress": ["ing"],
    "Namespace": ["ns"],
    "NetworkPolicy": ["netpol"],
    "Node": ["no"],
    "Pod": ["po"],
    "PodDisruptionBudget": ["pdb"],
    "ReplicaSet": ["rs"],
    "Service": ["svc"],
    "ServiceAccount": ["sa"],
}


def answer(path: str) -> Object | None:
    """Return the document at ``path``, or None if it is none of discovery's."""
    parts = path.strip("/").split("/")
    if parts == ["version"]:
        return {"major": "1", "minor": "36", "gitVersion": "v1.36.0-rehearsal", "platform": "rehearsal"}
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"]}
    if parts == ["apis"]:
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(each) for each in _groups()]}
    if parts[0] == "api" and len(parts) == 2:
        return _resources("", parts[1])
    if parts[0] == "apis" and len(parts) == 3:
        return _resources(parts[1], parts[2])
    return None


def _groups() -> list[str]:
    return sorted({each.group for each in KINDS if each.group})


def _group(name: str) -> Object:
    versions = dict.fromkeys(v for each in KINDS if each.group == name for v in (each.version, *each.shown_as))
    found = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": found, "preferredVersion": found[0]}


def _resources(group: str, version: str) -> Object | None:
    found = [each for each in KINDS if each.group == group and version in {each.version, *each.shown_as}]
    if not found:
        return None
    served = [entry for each in found for entry in _entries(each, version)]
    full = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": full, "resources": served}


def _entries(of: Kind, version: str) -> list[Object]:
    entry = {
        "name": of.plural,
        "singularName": of.kind.lower(),
        "namespaced": of.namespaced,
        "kind": of.kind,
        "verbs": _VERBS if version == of.version else ["get", "list"],
        "shortNames": _SHORT.get(of.kind, []),
    }
    part = {**entry, "singularName": "", "verbs": ["get", "patch", "update"], "shortNames": []}
    parts = {"Deployment": ["status", "scale"], "Pod": ["status", "log"]}.get(of.kind, ["status"])
    return [entry, *({**part, "name": f"{of.plural}/{each}"} for each in parts)]
