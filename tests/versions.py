"""Model versions that differ, for tests of the service: made from one trained bundle, each whole and loadable."""

import shutil
from pathlib import Path
from typing import Any

from config.names import MANIFEST
from ml.files import read_json, sha256_of, write_json
from tests.models import train_bundle
from tests.shared import made_once


def trained() -> Path:
    """Return a bundle that is trained once per test run."""
    return made_once("bundle", lambda folder: train_bundle(folder / "model")) / "model"


def version_of(bundle: Path) -> str:
    """Return a bundle's version."""
    return str(read_json(bundle / MANIFEST)["version"])


def copy_as(version: str, target: Path, *, bundle: Path | None = None, **changes: Any) -> Path:
    """Copy a bundle into the new folder ``target`` as another version; ``changes`` replace keys of its manifest."""
    shutil.copytree(bundle or trained(), target)
    write_json(target / MANIFEST, {**read_json(target / MANIFEST), "version": version, **changes})
    return target


def fail_parity(bundle: Path) -> None:
    """Change a bundle so that every checksum fits and its parity sample does not come out."""
    sample = read_json(bundle / "parity.json")
    sample["probabilities"][0] = sample["probabilities"][0][::-1]
    write_json(bundle / "parity.json", sample)
    manifest = read_json(bundle / MANIFEST)
    manifest["files"]["parity.json"] = sha256_of(bundle / "parity.json")
    write_json(bundle / MANIFEST, manifest)


class Lake:
    """A lake with versions and a champion, as the local registry leaves it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def bundle(self, version: str) -> Path:
        """Return the folder of a version."""
        return self.root / "artifacts" / "models" / version

    def publish(self, version: str) -> Path:
        """Put a version into the lake."""
        return copy_as(version, self.bundle(version))

    def promote(self, version: str) -> None:
        """Make a version the champion."""
        write_json(self.root / "artifacts" / "registry" / "price_sensitivity" / "champion.json", {"version": version})
