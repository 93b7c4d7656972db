"""Look at a rollout: is it done, does it go on, or has it failed, and which pods are why."""

from typing import Literal

from lambdas.common.deployment import Observed, Pod
from lambdas.common.events import Frozen, Version
from lambdas.common.release import ReleaseTools, release_tools
from lambdas.common.runtime import handler_of


class Rollout(Frozen):
    """The version whose pods are looked for: one that was deployed, or one that was gone back to."""

    version: Version


class Replicas(Frozen):
    """How many pods there are, by what can be said of them."""

    wanted: int
    present: int
    updated: int
    ready: int
    available: int


class Waiting(Frozen):
    """A pod of the version that is not ready, and why."""

    pod: str
    reason: str


class Looked(Frozen):
    """What was seen. ``superseded``: the Deployment asks for another version by now."""

    status: Literal["done", "progressing", "failed", "superseded"]
    version: str
    reason: str
    replicas: Replicas
    not_ready: tuple[Waiting, ...] = ()


def rollout(event: Rollout, tools: ReleaseTools) -> Looked:
    """Return how far the rollout is.

    Raises:
        KubernetesError: its subclass says what went wrong.

    """
    found = tools.deployment.read()
    replicas = _replicas(found)
    if found.version != event.version:
        reason = f"the Deployment asks for {found.version}"
        return Looked(status="superseded", version=event.version, reason=reason, replicas=replicas)
    status, reason = _progress(found, replicas)
    waiting = () if status == "done" else _waiting(tools.deployment.pods(event.version))
    return Looked(status=status, version=event.version, reason=reason, replicas=replicas, not_ready=waiting)


def _replicas(found: Observed) -> Replicas:
    count = found.status.get
    return Replicas(
        wanted=found.body["spec"]["replicas"],
        present=count("replicas", 0),
        updated=count("updatedReplicas", 0),
        ready=count("readyReplicas", 0),
        available=count("availableReplicas", 0),
    )


def _progress(found: Observed, replicas: Replicas) -> tuple[Literal["done", "progressing", "failed"], str]:
    """Tell how far it is, as ``kubectl rollout status`` does."""
    if found.status.get("observedGeneration", 0) < found.body["metadata"]["generation"]:
        return "progressing", "the change has not been looked at yet"
    conditions = {each["type"]: each for each in found.status.get("conditions", [])}
    progressing = conditions.get("Progressing", {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return "failed", f"ProgressDeadlineExceeded: {progressing.get('message', '')}"
    if replicas.updated < replicas.wanted:
        return "progressing", f"{replicas.updated} of {replicas.wanted} pods are of this version"
    if replicas.present > replicas.updated:
        return "progressing", f"{replicas.present - replicas.updated} pods of another version are still there"
    if replicas.available < replicas.updated:
        return "progressing", f"{replicas.available} of {replicas.updated} pods are available"
    return "done", f"all {replicas.updated} pods are available"


def _waiting(pods: list[Pod]) -> tuple[Waiting, ...]:
    return tuple(
        Waiting(pod=pod.name, reason=pod.why_not_ready) for pod in pods if not pod.is_ready and not pod.is_ending
    )


handler = handler_of("rollout", Rollout, rollout, release_tools)
