"""A real Kubernetes 1.20 control plane for tests: started and stopped, spoken to, and given today's manifests."""

import base64
import contextlib
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.manifests import Object

REPOSITORY = Path(__file__).resolve().parent.parent
# Kind to the path of its objects below the group, in the versions that 1.20 serves.
_PATHS = {
    "Namespace": "api/v1/namespaces",
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "Service": "api/v1/namespaces/{}/services",
    "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "CronJob": "apis/batch/v1beta1/namespaces/{}/cronjobs",
    "HorizontalPodAutoscaler": "apis/autoscaling/v2beta2/namespaces/{}/horizontalpodautoscalers",
    "PodDisruptionBudget": "apis/policy/v1beta1/namespaces/{}/poddisruptionbudgets",
    "Ingress": "apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "NetworkPolicy": "apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
}


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    body: Object


@dataclass(frozen=True)
class Api:
    """The API server, as an administrator or as whoever ``headers`` say."""

    url: str
    tls: ssl.SSLContext
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Answer:
        """Send a request; an error status is an answer too."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": content, **self.headers},
        )
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=30) as response:
                return Answer(response.status, json.loads(response.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.loads(error.read()))

    def get(self, path: str) -> Object:
        """Return the object or list at ``path``."""
        answer = self.call("GET", path)
        assert answer.status == 200, answer.body
        return answer.body

    def apply(self, thing: Object, *, manager: str = "manifests") -> Answer:
        """Apply on the server, as ``kubectl apply --server-side`` does: unknown fields and conflicts are errors."""
        path = f"{path_of(thing)}?fieldManager={manager}"
        return self.call("PATCH", path, thing, "application/apply-patch+yaml")


@dataclass(frozen=True)
class ControlPlane:
    """A control plane that runs; ``folder`` holds its kubeconfig and keys."""

    folder: Path
    url: str

    def admin(self, **headers: str) -> Api:
        """Return the API for an administrator, who may impersonate others by ``headers``."""
        tls = ssl.create_default_context(cafile=str(self.folder / "pki" / "ca.crt"))
        tls.load_cert_chain(self.folder / "pki" / "admin.crt", self.folder / "pki" / "admin.key")
        return Api(self.url, tls, headers)

    def deployer(self) -> Api:
        """Return the API for the bearer of an EKS token."""
        tls = ssl.create_default_context(cafile=str(self.folder / "pki" / "ca.crt"))
        presigned = (
            "https://sts.ap-southeast-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
            "&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=00"
        )
        token = base64.urlsafe_b64encode(presigned.encode()).decode().rstrip("=")
        return Api(self.url, tls, {"Authorization": f"Bearer k8s-aws-v1.{token}"})


def program() -> Path:
    """Return the program that runs one; skip the test where it is absent."""
    home = Path(os.environ.get("MLOPS_CONTROL_PLANE", REPOSITORY.parent / "shared" / "control-plane"))
    found = home / "control_plane.py"
    if not found.is_file():
        pytest.skip(f"no control plane: {found} is not here, and MLOPS_CONTROL_PLANE names no other")
    return found


@contextlib.contextmanager
def running(folder: Path) -> Iterator[ControlPlane]:
    """Run a control plane with its files in ``folder``, and with two nodes that say that all pods run."""
    command = [sys.executable, str(program())]
    started = subprocess.run([*command, "up", str(folder)], check=False, capture_output=True, text=True)
    try:
        assert started.returncode == 0, started.stderr
        yield ControlPlane(folder, started.stdout.split()[1])
    finally:
        subprocess.run([*command, "down", str(folder)], check=True)


# Nodes that run pods are somebody else's: these would say of theirs what is not so.
_WITHOUT_NODES = """
import sys
import control_plane
answered = control_plane.Nodes.call
waits_for = "/api/v1/nodes/node-2"
control_plane.Nodes.run = lambda self: None
control_plane.Nodes.call = lambda self, method, path, *more: (
    (200, {}) if path == waits_for else answered(self, method, path, *more)
)
control_plane.serve(sys.argv[1])
"""


@contextlib.contextmanager
def without_nodes(folder: Path) -> Iterator[ControlPlane]:
    """Run a control plane with its files in ``folder``, and no node."""
    command = [sys.executable, "-c", _WITHOUT_NODES, str(folder)]
    with subprocess.Popen(command, cwd=program().parent) as process:
        try:
            eventually((folder / "ready").exists, seconds=180)
            yield ControlPlane(folder, (folder / "ready").read_text())
        finally:
            process.terminate()


def path_of(thing: Object) -> str:
    """Return the path of an object."""
    metadata = thing["metadata"]
    return f"{_PATHS[thing['kind']].format(metadata.get('namespace'))}/{metadata['name']}"


def eventually(what: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Return the first true result of ``what``.

    Raises:
        AssertionError: there was none in time.

    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError(f"not so within {seconds} seconds: {what}")
