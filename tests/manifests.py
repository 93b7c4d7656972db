"""The Kubernetes manifests of an environment, as kubectl builds them."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parent.parent / "k8s_manifests"
OVERLAYS = ("dev", "stg", "prod")

EVERY_OVERLAY = pytest.mark.parametrize("environment", OVERLAYS)
API_LABELS = {"app.kubernetes.io/name": "inference"}

Object = dict[str, Any]


def kubectl() -> str:
    """Return the path of kubectl; skip the test where there is none."""
    found = shutil.which("kubectl")
    if found is None:
        pytest.skip("kubectl is not installed; it builds the overlays")
    return found


def tool(name: str, variable: str) -> str:
    """Return a command's path, from ``variable``, PATH or beside this Python; skip the test where there is none."""
    found = os.environ.get(variable) or shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed, nor named by {variable}")
    return found


@functools.cache
def built_text(folder: Path) -> str:
    """Return what `kubectl kustomize` makes of ``folder``."""
    command = [kubectl(), "kustomize", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def built(folder: Path) -> list[Object]:
    """Return the objects that `kubectl kustomize` makes of ``folder``."""
    return list(yaml.safe_load_all(built_text(folder)))


def overlay(environment: str) -> list[Object]:
    """Return the objects of an environment."""
    return built(FOLDER / "overlays" / environment)


def only(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """Return the one object of ``kind``, or the one of that name."""
    (found,) = of_kind(objects, kind, name)
    return found


def of_kind(objects: list[Object], kind: str, name: str | None = None) -> list[Object]:
    """Return the objects of ``kind``, of that name if one is given."""
    return [each for each in objects if each["kind"] == kind and name in {None, each["metadata"]["name"]}]


def pod_templates(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yield the name and the pod template of everything that starts pods."""
    for each in objects:
        if each["kind"] == "CronJob":
            yield each["metadata"]["name"], each["spec"]["jobTemplate"]["spec"]["template"]
        elif "template" in each.get("spec", {}):
            yield each["metadata"]["name"], each["spec"]["template"]


def containers(pod_spec: Object) -> list[Object]:
    """Return all containers of a pod, those that run first included."""
    return [*pod_spec.get("initContainers", []), *pod_spec["containers"]]


def api_pod(environment: str) -> Object:
    """Return the pod template of the API."""
    template: Object = only(overlay(environment), "Deployment")["spec"]["template"]
    return template


def api_container(environment: str) -> Object:
    """Return the one container of the API's pods."""
    (container,) = api_pod(environment)["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def etl_pod(environment: str) -> Object:
    """Return the pod template of the scheduled ETL."""
    template: Object = only(overlay(environment), "CronJob")["spec"]["jobTemplate"]["spec"]["template"]
    return template


def settings(environment: str) -> Object:
    """Return the ConfigMap of settings; its name ends with a hash."""
    (found,) = (
        each for each in of_kind(overlay(environment), "ConfigMap") if each["metadata"]["name"].startswith("settings-")
    )
    return found


def annotation(environment: str, name: str) -> str:
    """Return what the load balancer controller is told about ``name``."""
    value = only(overlay(environment), "Ingress")["metadata"]["annotations"][f"alb.ingress.kubernetes.io/{name}"]
    assert isinstance(value, str)
    return value


def attributes(environment: str, name: str) -> dict[str, str]:
    """Return an annotation that is a list of name=value."""
    return dict(each.split("=", 1) for each in annotation(environment, name).split(","))
