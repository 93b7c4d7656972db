"""The Deployment that serves the model: which version it asks for, how far its rollout is, and how it is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.names import (
    INFERENCE_CONTAINER,
    INFERENCE_DEPLOYMENT,
    LEDGER_REVISION,
    MODEL_VERSION_LABEL,
    MODEL_VERSION_VARIABLE,
    NAMESPACE,
)
from lambdas.common.errors import ConflictError, ContendedError
from lambdas.common.kubernetes import Kubernetes, Object
from lambdas.common.ledger import Ledger, LedgerStore

_DEPLOYMENT: Final = f"apis/apps/v1/namespaces/{NAMESPACE}/deployments/{INFERENCE_DEPLOYMENT}"
_PODS: Final = f"api/v1/namespaces/{NAMESPACE}/pods"
# In this version of the API the target is a number of its own, and every cluster serves it.
_AUTOSCALER: Final = f"apis/autoscaling/v1/namespaces/{NAMESPACE}/horizontalpodautoscalers/{INFERENCE_DEPLOYMENT}"
# The controller and the autoscaler write to the Deployment, too, while it rolls.
_ATTEMPTS = 10
_HTTP_PORT: Final = "http"


@dataclass(frozen=True)
class Observed:
    """The Deployment as it was read."""

    body: Object

    @property
    def resource_version(self) -> str:
        """What a change is made from."""
        return str(self.body["metadata"]["resourceVersion"])

    @property
    def version(self) -> str | None:
        """The model version that new pods get; None before the first release, or where label and variable differ."""
        template = self.body["spec"]["template"]
        label = template["metadata"].get("labels", {}).get(MODEL_VERSION_LABEL)
        variables = {each["name"]: each.get("value") for each in self._container.get("env", [])}
        return label if label == variables.get(MODEL_VERSION_VARIABLE) else None

    @property
    def ledger_revision(self) -> str | None:
        """The ledger's revision by which it was changed last."""
        value: str | None = self.body["metadata"].get("annotations", {}).get(LEDGER_REVISION)
        return value

    @property
    def image(self) -> str:
        """The image that serves."""
        return str(self._container["image"])

    @property
    def status(self) -> Object:
        """What the controller says; empty until it has looked."""
        found: Object = self.body.get("status", {})
        return found

    @property
    def _container(self) -> Object:
        containers: list[Object] = self.body["spec"]["template"]["spec"]["containers"]
        return next(each for each in containers if each["name"] == INFERENCE_CONTAINER)


@dataclass(frozen=True)
class Pod:
    """A pod of the Deployment."""

    body: Object

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    @property
    def is_ending(self) -> bool:
        """Whether it was told to end."""
        return "deletionTimestamp" in self.body["metadata"]

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests."""
        return self._condition("Ready").get("status") == "True" and not self.is_ending

    @property
    def url(self) -> str:
        """Where it answers by itself, past any load balancer."""
        ports: list[Object] = self._container["ports"]
        port = next(each["containerPort"] for each in ports if each.get("name") == _HTTP_PORT)
        return f"http://{self.body['status']['podIP']}:{port}"

    @property
    def why_not_ready(self) -> str:
        """What keeps it from being ready, in the cluster's words."""
        scheduled = self._condition("PodScheduled")
        if scheduled.get("status") == "False":
            return f"no node takes it: {scheduled.get('message') or scheduled.get('reason')}"
        statuses: list[Object] = self.body.get("status", {}).get("containerStatuses", [])
        found = [words for each in statuses if (words := _state(each))]
        phase = self.body.get("status", {}).get("phase", "Pending")
        return "; ".join(found) or f"{phase}, its readiness probe has not succeeded"

    @property
    def _container(self) -> Object:
        containers: list[Object] = self.body["spec"]["containers"]
        return next(each for each in containers if each["name"] == INFERENCE_CONTAINER)

    def _condition(self, kind: str) -> Object:
        conditions: list[Object] = self.body.get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})


class InferenceDeployment:
    """The Deployment, its pods and its autoscaler, through the Kubernetes API."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self._kubernetes = kubernetes

    def read(self) -> Observed:
        """Return the Deployment.

        Raises:
            KubernetesError: its subclass says what went wrong.

        """
        return Observed(self._kubernetes.get(_DEPLOYMENT))

    def pods(self, version: str) -> list[Pod]:
        """Return the pods of a model version, in order of their names."""
        selector = f"app.kubernetes.io/name%3D{INFERENCE_DEPLOYMENT}%2C{MODEL_VERSION_LABEL}%3D{version}"
        items = self._kubernetes.get(f"{_PODS}?labelSelector={selector}")["items"]
        return sorted((Pod(each) for each in items), key=lambda pod: pod.name)

    def scaling(self) -> dict[str, int]:
        """Return between how many pods the autoscaler keeps, and at which share of their processors it adds one."""
        spec = self._kubernetes.get(_AUTOSCALER)["spec"]
        return {
            "minimum": spec["minReplicas"],
            "maximum": spec["maxReplicas"],
            "target_cpu_percent": spec["targetCPUUtilizationPercentage"],
        }

    def follow(self, ledgers: LedgerStore) -> Ledger:
        """Let the Deployment ask for the version that the ledger wants; return that ledger.

        The Deployment is read first, then the ledger, and the patch holds for the Deployment as it was read only. And
        it is patched even where just the ledger's revision is new. So a function that was slow and knows an older
        ledger cannot undo a later decision: the Deployment has changed under it.

        Raises:
            ContendedError: it was changed by others each time.
            KubernetesError: its subclass says what else went wrong.

        """
        for _ in range(_ATTEMPTS):
            found = self.read()
            ledger = ledgers.read()
            revision = str(ledger.revision)
            if found.ledger_revision == revision and ledger.wanted in {None, found.version}:
                return ledger
            try:
                self._kubernetes.patch(
                    _DEPLOYMENT, _changes(ledger.wanted, revision), resource_version=found.resource_version
                )
            except ConflictError:
                continue
            return ledger
        raise ContendedError(f"{INFERENCE_DEPLOYMENT}: changed by others, {_ATTEMPTS} times")


def _changes(version: str | None, revision: str) -> dict[str, Any]:
    changes: dict[str, Any] = {"metadata": {"annotations": {LEDGER_REVISION: revision}}}
    if version is not None:
        variable = {"name": MODEL_VERSION_VARIABLE, "value": version}
        changes["spec"] = {
            "template": {
                "metadata": {"labels": {MODEL_VERSION_LABEL: version}},
                "spec": {"containers": [{"name": INFERENCE_CONTAINER, "env": [variable]}]},
            }
        }
    return changes


def _state(container: Mapping[str, Any]) -> str:
    """Return why a container does not run, or ran and ended."""
    waiting = container.get("state", {}).get("waiting", {})
    ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated") or {}
    words = [": ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))]
    if ended:
        words.append(f"ended with exit code {ended.get('exitCode')} ({ended.get('reason')})")
    if container.get("restartCount"):
        words.append(f"{container['restartCount']} restarts")
    return ", ".join(filter(None, words))
