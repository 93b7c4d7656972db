"""What a container's process is told: its command line, variables and folders."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rehearsal.cluster.kinds import Object
from rehearsal.cluster.network import localised

_REFERENCE: Final = re.compile(r"\$(\$|)\(([A-Za-z_][\w.-]*)\)")


class CannotStartError(Exception):
    """A container that cannot be started, with the reason that its status gives."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Images:
    """Which images there are: those of ``registry`` are ``program``, run with the container's arguments."""

    registry: str
    program: Path

    def command_of(self, image: str) -> str:
        """Return what an image runs.

        Raises:
            CannotStartError: it is of another registry.

        """
        if image.partition("/")[0] != self.registry:
            raise CannotStartError("ErrImagePull", f"{image}: only images of {self.registry} are here")
        return str(self.program)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a pod is: its address, its folder, the names it may use, and variables that every process here has."""

    address: str
    folder: Path
    names: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Launch:
    """A process to start."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def launch_of(
    pod: Object, container: Object, place: Place, images: Images, config_map: Callable[[str], Object | None]
) -> Launch:
    """Return how the container's process is started.

    Raises:
        CannotStartError: an image, a ConfigMap or a key is not there.

    """
    variables = _variables(pod, container, place, config_map)
    mounts = _mounts(pod, container, place, config_map)

    def local(value: str) -> str:
        return localised(value, place.address, place.names, mounts)

    # Programs ask TMPDIR, not the mount, where temporary files belong.
    own = {"TMPDIR": mounts["/tmp"]} if "/tmp" in mounts else {}  # noqa: S108
    environment = {
        "PATH": os.environ["PATH"],
        "HOSTNAME": pod["metadata"]["name"],
        **place.variables,
        **own,
        **{key: local(value) for key, value in variables.items()},
    }
    words = [local(_expanded(each, variables)) for each in [*container.get("command", []), *container.get("args", [])]]
    # The image's own program is a path of this machine.
    entry = () if "command" in container else (images.command_of(container["image"]),)
    return Launch((*entry, *words), environment)


def _variables(
    pod: Object, container: Object, place: Place, config_map: Callable[[str], Object | None]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        reference = source.get("configMapRef", {})
        data = _data(reference.get("name", ""), config_map, optional=reference.get("optional", False))
        found |= {source.get("prefix", "") + key: value for key, value in data.items()}
    for each in container.get("env", []):
        found[each["name"]] = _expanded(_value(each, pod, place, config_map), found)
    return found


def _value(variable: Object, pod: Object, place: Place, config_map: Callable[[str], Object | None]) -> str:
    source = variable.get("valueFrom")
    if source is None:
        return str(variable.get("value", ""))
    if "configMapKeyRef" in source:
        reference = source["configMapKeyRef"]
        data = _data(reference["name"], config_map, optional=False)
        if reference["key"] not in data:
            words = f"couldn't find key {reference['key']} in ConfigMap {reference['name']}"
            raise CannotStartError("CreateContainerConfigError", words)
        return data[reference["key"]]
    fields = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "status.podIP": place.address,
    }
    path = source.get("fieldRef", {}).get("fieldPath")
    if path not in fields:
        raise CannotStartError("CreateContainerConfigError", f"{variable['name']}: this source of a value is not known")
    return str(fields[path])


def _data(name: str, config_map: Callable[[str], Object | None], *, optional: bool) -> dict[str, str]:
    found = config_map(name)
    if found is None and not optional:
        raise CannotStartError("CreateContainerConfigError", f'configmap "{name}" not found')
    data: dict[str, str] = (found or {}).get("data", {})
    return data


def _mounts(pod: Object, container: Object, place: Place, config_map: Callable[[str], Object | None]) -> dict[str, str]:
    """Make the folders of the container's volumes; return them by where they are mounted."""
    volumes = {each["name"]: each for each in pod["spec"].get("volumes", [])}
    mounts = {}
    for mount in container.get("volumeMounts", []):
        folder = place.folder / "volumes" / mount["name"]
        folder.mkdir(parents=True, exist_ok=True)
        source = volumes[mount["name"]].get("configMap")
        if source is not None:
            for name, text in _data(source["name"], config_map, optional=source.get("optional", False)).items():
                (folder / name).write_text(text)
        mounts[mount["mountPath"].rstrip("/")] = str(folder)
    return mounts


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$(NAME)``; one that is not known stays, ``$$(NAME)`` stays as ``$(NAME)``."""

    def value(found: re.Match[str]) -> str:
        escaped, name = found.groups()
        return f"$({name})" if escaped else variables.get(name, found.group(0))

    return _REFERENCE.sub(value, text)
