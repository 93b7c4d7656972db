"""The manifests for a real control plane: with its controllers' times as short as all else, and as it knows them.

The manifests are written for the version of Kubernetes that the stacks ask for; a control plane at hand may be older.
"""

import copy
from collections.abc import Callable
from typing import Any, Final

from rehearsal.cluster.deployments import patience

Object = dict[str, Any]
Change = Callable[[Object], None]


def shortened(thing: Object, *, speed: float) -> Object:
    """Return an object where the times of a real Deployment controller take a ``speed``-th."""
    found = copy.deepcopy(thing)
    if thing["kind"] == "Deployment":
        spec = found["spec"]
        spec["minReadySeconds"] = int(spec["minReadySeconds"] / speed)
        spec["progressDeadlineSeconds"] = int(patience(spec["progressDeadlineSeconds"], speed=speed))
    return found


def older(thing: Object, *, minor: int) -> Object:
    """Return an object as Kubernetes 1.``minor`` knows it: in an older version, without fields that came later."""
    found = copy.deepcopy(thing)
    for kind, since, change in _CHANGES:
        if thing["kind"] == kind and minor < since:
            change(found)
    return found


def _version(name: str) -> Change:
    return lambda thing: thing.update(apiVersion=name)


def _without(name: str, *path: str) -> Change:
    """Return what drops the field ``name`` of the object at ``path``, or of each in the list that is there."""

    def change(thing: Object) -> None:
        at: Any = thing
        for key in path:
            at = at[key]
        for each in at if isinstance(at, list) else [at]:
            each.pop(name, None)

    return change


def _sleep_by_a_program(deployment: Object) -> None:
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        hook = container["lifecycle"]["preStop"]
        hook["exec"] = {"command": ["sleep", str(hook.pop("sleep")["seconds"])]}


# Kind, the version of Kubernetes (1.N) since which it is as the manifests have it, and what it is before that.
_CHANGES: Final[tuple[tuple[str, int, Change], ...]] = (
    ("HorizontalPodAutoscaler", 23, _version("autoscaling/v2beta2")),
    ("PodDisruptionBudget", 21, _version("policy/v1beta1")),
    ("PodDisruptionBudget", 27, _without("unhealthyPodEvictionPolicy", "spec")),
    ("CronJob", 21, _version("batch/v1beta1")),
    ("CronJob", 25, _without("timeZone", "spec")),
    ("CronJob", 26, _without("podFailurePolicy", "spec", "jobTemplate", "spec")),
    # Known to older ones behind a feature gate: accepted, and not kept.
    ("CronJob", 21, _without("ttlSecondsAfterFinished", "spec", "jobTemplate", "spec")),
    ("Deployment", 27, _without("matchLabelKeys", "spec", "template", "spec", "topologySpreadConstraints")),
    ("Deployment", 30, _sleep_by_a_program),
)
