"""The registry on a local disk: immutable versions, a status each, one champion per use case.

``models/<version>/`` holds a bundle that never changes; ``registry/<use case>/<version>.json`` its status
with the history of who decided what and when; ``champion.json`` points at the version that serves;
``deployments/`` has a descriptor of every release, and ``latest.json``.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from config.names import CHAMPION, DEPLOYMENTS, LATEST, MANIFEST, MODELS, REGISTRY, ModelStatus
from ml.bundle import read_manifest
from ml.errors import ModelError
from ml.files import new_folder, read_json, sha256_of, write_json
from ml.use_case import UseCase


@dataclass(frozen=True)
class LocalRegistry:
    """The registry of one use case below the lake's ``artifacts`` folder."""

    artifacts: Path
    use_case: UseCase

    @property
    def _records(self) -> Path:
        return self.artifacts / REGISTRY / self.use_case.name

    def bundle(self, version: str) -> Path:
        """Return the folder of a version's bundle."""
        return self.artifacts / MODELS / version

    def register(
        self,
        candidate: Path,
        *,
        attachments: Mapping[str, Path],
        facts: Mapping[str, Any],
        status: ModelStatus,
        reason: str,
        now: datetime,
    ) -> dict[str, Any]:
        """Copy the ``candidate`` bundle in as its version; return the record.

        ``attachments`` (name → file) and ``facts`` (metrics, lineage, run) become part of the bundle and
        its manifest. A version that is there already stays as it is, whatever happened in between.
        """
        manifest = read_manifest(candidate)
        version = str(manifest["version"])
        if not self.bundle(version).is_dir():
            with new_folder(self.bundle(version)) as folder:
                for name in manifest["files"]:
                    shutil.copyfile(candidate / name, folder / name)
                for name, path in attachments.items():
                    shutil.copyfile(path, folder / name)
                files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
                write_json(folder / MANIFEST, {**manifest, **facts, "files": files})
        if not self._record_file(version).is_file():
            record = {
                "version": version,
                "use_case": self.use_case.name,
                "model": manifest["model"],
                "run": facts["run"],
                "metrics": facts["metrics"],
                "status": str(status),
                "history": [_entry(status, by="gate", reason=reason, now=now)],
            }
            write_json(self._record_file(version), record)
        record = self.record(version)
        if record["status"] == ModelStatus.APPROVED and len(record["history"]) == 1:
            self._promote(version, now=now)
        return record

    def versions(self) -> list[dict[str, Any]]:
        """Return all records, the newest first."""
        records = [read_json(path) for path in self._records.glob("*.json") if path.name != CHAMPION]
        return sorted(records, key=lambda record: (record["history"][0]["at"], record["version"]), reverse=True)

    def record(self, version: str) -> dict[str, Any]:
        """Return a version's record.

        Raises:
            ModelError: there is no such version.

        """
        path = self._record_file(version)
        if not path.is_file():
            known = ", ".join(each["version"] for each in self.versions()) or "none yet"
            raise ModelError(f"there is no version {version} of {self.use_case.name}; there is: {known}")
        record: dict[str, Any] = read_json(path)
        return record

    def champion(self) -> str | None:
        """Return the version that serves, if any."""
        path = self._records / CHAMPION
        version = read_json(path)["version"] if path.is_file() else None
        # The cloud's ledger is there before its first champion is.
        return None if version is None else str(version)

    def approve(self, version: str, *, by: str, reason: str, now: datetime) -> dict[str, Any]:
        """Approve a version and make it the champion.

        Raises:
            ModelError: there is no such version.

        """
        record = self._decide(version, ModelStatus.APPROVED, by=by, reason=reason, now=now)
        self._promote(version, now=now)
        return record

    def reject(self, version: str, *, by: str, reason: str, now: datetime) -> dict[str, Any]:
        """Reject a version; the champion cannot be rejected, something must serve.

        Raises:
            ModelError: there is no such version, or it is the champion.

        """
        if version == self.champion():
            raise ModelError(f"{version} is the champion; approve another version first, then reject this one")
        return self._decide(version, ModelStatus.REJECTED, by=by, reason=reason, now=now)

    def _record_file(self, version: str) -> Path:
        return self._records / f"{version}.json"

    def _decide(self, version: str, status: ModelStatus, *, by: str, reason: str, now: datetime) -> dict[str, Any]:
        record = self.record(version)
        if record["status"] != status:
            record["status"] = str(status)
            record["history"].append(_entry(status, by=by, reason=reason, now=now))
            write_json(self._record_file(version), record)
        return record

    def _promote(self, version: str, *, now: datetime) -> None:
        previous = self.champion()
        if previous == version:
            return
        descriptor = self._descriptor(version)
        write_json(self._records / DEPLOYMENTS / f"{version}.json", descriptor)
        write_json(self._records / DEPLOYMENTS / LATEST, descriptor)
        pointer = {"version": version, "previous": previous, "since": now.isoformat()}
        write_json(self._records / CHAMPION, pointer)

    def _descriptor(self, version: str) -> dict[str, Any]:
        """What a deployment needs to know of a version."""
        manifest = read_manifest(self.bundle(version))
        deployment = self.use_case.deployment
        return {
            "schema": 1,
            "model_package": {
                "group": self.use_case.name,
                "version": version,
                "bundle": str(self.bundle(version).relative_to(self.artifacts)),
                "manifest_sha256": sha256_of(self.bundle(version) / MANIFEST),
            },
            "image": {"repository": deployment.image, "tag": manifest["code_version"].replace("+", "-")},
            "metrics": manifest["metrics"],
            "feature_schema": manifest["feature_schema"],
            "scaling": deployment.scaling.model_dump(),
        }


def _entry(status: ModelStatus, *, by: str, reason: str, now: datetime) -> dict[str, str]:
    return {"status": str(status), "by": by, "reason": reason, "at": now.isoformat(timespec="seconds")}
