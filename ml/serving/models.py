"""Which model should answer, and its bundle as a folder: of one bundle, or of a lake whose champion is followed.

Both are read the same way from a folder and from any store that has an adapter. From a store, bundles are fetched into
a cache that keeps the present version and the one before.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from config.names import ARTIFACTS, CHAMPION, MANIFEST, MODELS, NO_VERSION, REGISTRY
from ml.bundle import check_file, parse_manifest
from ml.errors import ModelError, StoreError
from ml.files import new_file, sha256_of
from ml.serving.ports import MODELS as ADAPTERS
from ml.serving.ports import Files, adapter, scheme_of

_KEPT: Final = 2
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PARTIAL: Final = ".partial-"


class Models(Protocol):
    """Where the service's model comes from."""

    def wanted(self) -> str:
        """Return the version that should answer now.

        Raises:
            ModelError: what says so is damaged.
            StoreError: it cannot be read.

        """

    def bundle(self, version: str) -> Path:
        """Return a folder with that version's bundle.

        Raises:
            ModelError: the bundle is damaged.
            StoreError: it cannot be read.

        """


@dataclass(frozen=True)
class OneBundle:
    """A bundle by its own address."""

    address: str
    files: Files
    folder: Callable[[str, str], Path]

    def wanted(self) -> str:
        """Return the version that the bundle's manifest names."""
        place = f"{self.address}/{MANIFEST}"
        text = self.files.read(MANIFEST)
        if text is None:
            raise ModelError(f"{self.address}: not a model bundle (it has no {MANIFEST})")
        return str(parse_manifest(text, place=place)["version"])

    def bundle(self, version: str) -> Path:
        """Return its folder."""
        return self.folder("", version)


@dataclass(frozen=True)
class Champion:
    """A lake, of which the registry's champion serves."""

    address: str
    files: Files
    folder: Callable[[str, str], Path]
    use_case: str

    @property
    def pointer(self) -> str:
        """The file that names the champion."""
        return f"{ARTIFACTS}/{REGISTRY}/{self.use_case}/{CHAMPION}"

    def wanted(self) -> str:
        """Return the champion's version."""
        place = f"{self.address}/{self.pointer}"
        text = self.files.read(self.pointer)
        try:
            # The ledger of releases is there, with no version, while the first one is under way.
            version = None if text is None else json.loads(text)["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{place}: names no version") from error
        if version is None:
            raise StoreError(f"{place}: there is no champion; approve a version first (mlops models approve)")
        return _plain(str(version), place=place)

    def bundle(self, version: str) -> Path:
        """Return the folder of that version."""
        return self.folder(f"{ARTIFACTS}/{MODELS}/{version}/", version)


def models_at(address: str, *, cache: Path, use_case: str) -> Models | None:
    """Return the models at a folder or ``scheme://…``; none where the address says that nothing is released yet.

    Raises:
        ModelError, StoreError: there is neither a bundle nor a lake with a champion, or it cannot be read.
        SettingsError: nothing serves such an address.

    """
    address = address.rstrip("/")
    if address.endswith(f"/{MODELS}/{NO_VERSION}"):
        return None
    scheme = scheme_of(address)
    if scheme:
        files: Files = adapter(ADAPTERS, scheme)(address)
        fetched = BundleCache(cache / "bundles")
        folder = lambda prefix, version: fetched.fetch(files, prefix, version, place=address)  # noqa: E731
    else:
        root = Path(address)
        files = LocalFiles(root)
        folder = lambda prefix, _: root / prefix  # noqa: E731
    lake = Champion(address, files, folder, use_case)
    if files.read(MANIFEST) is not None:
        return OneBundle(address, files, folder)
    if files.read(lake.pointer) is not None:
        return lake
    raise ModelError(
        f"{address}: neither a model bundle (it has no {MANIFEST}) nor a lake with a champion (it has no "
        f"{lake.pointer}; `mlops models approve` makes one)"
    )


@dataclass(frozen=True)
class LocalFiles:
    """Files below a folder."""

    root: Path

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; none where there is no such file."""
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"{self.root / name}: cannot be read: {error.strerror}") from error

    def download(self, name: str, target: Path) -> None:
        """Copy a file to ``target``."""
        try:
            shutil.copyfile(self.root / name, target)
        except OSError as error:
            raise StoreError(f"{self.root / name}: cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class BundleCache:
    """Bundles fetched from a store, each whole or absent; at most two are kept. Processes take turns."""

    root: Path

    def fetch(self, files: Files, prefix: str, version: str, *, place: str) -> Path:
        """Return the folder of a version's bundle, fetched from ``prefix`` unless it is here already.

        What an earlier attempt has fetched is not fetched again.

        Raises:
            ModelError: the bundle is damaged, or is another version.
            StoreError: it cannot be read.

        """
        target = self.root / _plain(version, place=place)
        with self._alone():
            if not _whole(target):
                shutil.rmtree(target, ignore_errors=True)
                self._download(files, prefix, version, target, place=place)
            os.utime(target)
            self._forget_the_oldest()
        return target

    def _download(self, files: Files, prefix: str, version: str, target: Path, *, place: str) -> None:
        text = files.read(f"{prefix}{MANIFEST}")
        if text is None:
            raise StoreError(f"{place}/{prefix}{MANIFEST}: there is no such file; is version {version} published?")
        manifest = parse_manifest(text, place=f"{place}/{prefix}{MANIFEST}")
        if manifest["version"] != version:
            raise ModelError(f"{place}/{prefix}{MANIFEST}: is version {manifest['version']}, not {version}")
        partial = self.root / f"{_PARTIAL}{version}"
        partial.mkdir(exist_ok=True)
        for name, checksum in manifest["files"].items():
            path = partial / _plain(name, place=f"{place}/{prefix}{MANIFEST}")
            if not path.is_file() or sha256_of(path) != checksum:
                with new_file(path) as temporary:
                    files.download(f"{prefix}{name}", temporary)
                _check_fetched(path, checksum)
        (partial / MANIFEST).write_bytes(text)
        partial.rename(target)

    def _forget_the_oldest(self) -> None:
        folders = sorted((each for each in self.root.iterdir() if each.is_dir()), key=_last_used, reverse=True)
        bundles = [each for each in folders if not each.name.startswith(_PARTIAL)]
        for folder in folders:
            if folder not in bundles[:_KEPT]:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / ".lock").open("w")
        except OSError as error:
            raise StoreError(f"{self.root}: the model cache cannot be written: {error.strerror}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _last_used(folder: Path) -> int:
    return folder.stat().st_mtime_ns


def _whole(folder: Path) -> bool:
    """Say whether a cached bundle is as it was fetched: a disk may have lost some of it."""
    try:
        manifest = parse_manifest((folder / MANIFEST).read_bytes(), place=str(folder))
        for name, checksum in manifest["files"].items():
            check_file(folder / name, checksum)
    except (OSError, ModelError):
        return False
    return True


def _check_fetched(path: Path, checksum: str) -> None:
    try:
        check_file(path, checksum)
    except ModelError:
        path.unlink()
        raise


def _plain(name: str, *, place: str) -> str:
    """Return a name that is to be a file's; it must not lead elsewhere."""
    if not _NAME.fullmatch(name):
        raise ModelError(f"{place}: {name[:80]!r} is not a name of a version or file")
    return name
