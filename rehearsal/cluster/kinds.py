"""The kinds of objects that the API server knows, and how one version of a kind is shown as another."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Object = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of objects. ``shown_as``: further versions of its group, in which its objects can be read only."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    shown_as: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version


KINDS: Final = (
    Kind("", "v1", "Namespace", "namespaces", namespaced=False),
    Kind("", "v1", "Node", "nodes", namespaced=False),
    Kind("", "v1", "ServiceAccount", "serviceaccounts"),
    Kind("", "v1", "ConfigMap", "configmaps"),
    Kind("", "v1", "Secret", "secrets"),
    Kind("", "v1", "Service", "services"),
    Kind("", "v1", "Pod", "pods"),
    Kind("apps", "v1", "Deployment", "deployments"),
    Kind("apps", "v1", "ReplicaSet", "replicasets"),
    Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", shown_as=("v1",)),
    Kind("batch", "v1", "CronJob", "cronjobs"),
    Kind("batch", "v1", "Job", "jobs"),
    Kind("networking.k8s.io", "v1", "Ingress", "ingresses"),
    Kind("networking.k8s.io", "v1", "IngressClass", "ingressclasses", namespaced=False),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False),
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
)
_BY_KIND: Final = {each.kind: each for each in KINDS}
_BY_PATH: Final = {
    (each.group, version, each.plural): each for each in KINDS for version in (each.version, *each.shown_as)
}


def kind(name: str) -> Kind:
    """Return the kind called ``name``."""
    return _BY_KIND[name]


def at(group: str, version: str, plural: str) -> Kind | None:
    """Return the kind served below this path, if there is one."""
    return _BY_PATH.get((group, version, plural))


def shown(thing: Object, of: Kind, version: str) -> Object:
    """Return ``thing`` as ``version`` of its group has it."""
    if version == of.version:
        return thing
    older = copy.deepcopy(thing)
    older["apiVersion"] = f"{of.group}/{version}"
    spec = older.get("spec", {})
    # The one kind with an older version: there the processor's target is a number of its own.
    for metric in spec.pop("metrics", []):
        if metric.get("resource", {}).get("name") == "cpu":
            spec["targetCPUUtilizationPercentage"] = metric["resource"]["target"].get("averageUtilization")
    spec.pop("behavior", None)
    return older


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether ``labels`` are what a selector of an object (``matchLabels``, ``matchExpressions``) asks for."""
    wanted = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_meets(each, labels) for each in selector.get("matchExpressions", []))


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case _:
            return value is None


def owner_of(thing: Object) -> str | None:
    """Return the uid of the object that made ``thing``."""
    references = thing["metadata"].get("ownerReferences", [])
    return next((str(each["uid"]) for each in references if each.get("controller")), None)


def owned_by(owner: Object) -> list[Object]:
    """Return the references by which ``owner`` has what it makes."""
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def is_ending(thing: Object) -> bool:
    """Whether it was told to end."""
    return "deletionTimestamp" in thing["metadata"]


def condition(thing: Object, name: str) -> Object:
    """Return a condition of its status; empty if it has none of that type."""
    found: list[Object] = thing.get("status", {}).get("conditions", [])
    return next((each for each in found if each["type"] == name), {})
