"""The container contract: a job's folders as ``/opt/ml`` has them, its program, its variables, its way out."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rehearsal.emulator.settings import Settings

CONTRACT: Final = "/opt/ml"
# SageMaker shows this much of a failure's reason.
REASON: Final = 1024


class ImageError(Exception):
    """An image cannot be run here."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """What stands for a container: ``root`` is its ``/opt/ml``."""

    root: Path
    home: Path

    @classmethod
    def new(cls, folder: Path) -> "Container":
        """Make an empty one in ``folder``, whatever was there of another."""
        cls.remove(folder)
        container = cls(root=folder / "opt" / "ml", home=folder / "tmp")
        for name in ("input/config", "input/data", "output"):
            (container.root / name).mkdir(parents=True)
        container.home.mkdir()
        return container

    @staticmethod
    def remove(folder: Path) -> None:
        """Remove the one in ``folder``."""
        for name in ("opt", "tmp"):
            shutil.rmtree(folder / name, ignore_errors=True)

    def path(self, inside: str) -> Path:
        """Return where a path of the contract is.

        Raises:
            ImageError: it is outside of ``/opt/ml``.

        """
        if not inside.startswith(f"{CONTRACT}/") or ".." in inside.split("/"):
            raise ImageError(f"ClientError: LocalPath {inside!r} is not below {CONTRACT}")
        return self.root / inside.removeprefix(f"{CONTRACT}/")

    def configure(self, name: str, content: Any) -> None:
        """Write ``input/config/<name>.json``."""
        (self.root / "input" / "config" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")

    def said(self, name: str) -> str:
        """Return what the program wrote to ``output/<name>``, as far as SageMaker shows it."""
        path = self.root / "output" / name
        return path.read_text(encoding="utf-8", errors="replace")[:REASON] if path.is_file() else ""


def command(settings: Settings, image: str, *, entrypoint: Sequence[str] | None, arguments: Sequence[str]) -> list[str]:
    """Return the command that an image means.

    Raises:
        ImageError: it is not one of the registry whose images are commands of this environment.

    """
    if image.split("/", 1)[0] != settings.image_registry:
        raise ImageError(f"ClientError: {image}: not an image of {settings.image_registry}, there is no other registry")
    return [*(entrypoint or [str(settings.program)]), *arguments]


def variables(settings: Settings, container: Container, *more: Mapping[str, str]) -> dict[str, str]:
    """Return a container's variables: the image's, then the job's; nothing of this process but where programs are."""
    image = {key: value.replace("{root}", str(container.root)) for key, value in settings.image_environment.items()}
    merged = {
        "PATH": os.pathsep.join([str(settings.program.parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(container.home),
        "TMPDIR": str(container.home),
        "LANG": "C.UTF-8",
        **image,
    }
    for each in more:
        merged |= each
    return merged
