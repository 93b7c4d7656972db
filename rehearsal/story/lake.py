"""The lake, as acts use and read it."""

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from config.names import ARTIFACTS, AUDIT, CHAMPION, RAW, REGISTRY, RUNS

USE_CASE: Final = "price_sensitivity"


@dataclass(frozen=True)
class Lake:
    """The lake's bucket."""

    s3: Any
    bucket: str

    def upload(self, *files: Path) -> datetime:
        """Put weekly files below raw/, as a person or another system does; return when that began."""
        began = datetime.now(UTC)
        for file in files:
            self.s3.put_object(Bucket=self.bucket, Key=f"{RAW}/{file.name}", Body=file.read_bytes())
        return began

    def withdraw(self, file: Path) -> None:
        """Take a weekly file away from raw/."""
        self.s3.delete_object(Bucket=self.bucket, Key=f"{RAW}/{file.name}")

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with ``prefix``."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def read(self, key: str) -> bytes | None:
        """Return an object's content; None where there is none."""
        s3 = self.s3
        try:
            return bytes(s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        except s3.exceptions.NoSuchKey:
            return None

    def read_json(self, key: str) -> Any:
        """Return a JSON object's content; None where there is none."""
        content = self.read(key)
        return None if content is None else json.loads(content)

    def is_newer(self, key: str, since: datetime) -> bool:
        """Say whether an object came after ``since``."""
        found = self.s3.head_object(Bucket=self.bucket, Key=key)["LastModified"]
        return bool(found >= since.replace(microsecond=0))

    def has(self, file: Path) -> bool:
        """Say whether a weekly file is below raw/."""
        return f"{RAW}/{file.name}" in self.keys(f"{RAW}/")

    def captured(self, keys: Iterable[str]) -> int:
        """Return how many predictions the objects at ``keys`` hold."""
        return sum(len(gzip.decompress(self.read(key) or b"").splitlines()) for key in keys)

    def ledger(self) -> dict[str, Any]:
        """Return the ledger of what serves."""
        found: dict[str, Any] = self.read_json(f"{ARTIFACTS}/{REGISTRY}/{USE_CASE}/{CHAMPION}") or {}
        return found

    @property
    def champion(self) -> str | None:
        """The version that serves."""
        version: str | None = self.ledger().get("version")
        return version

    def records(self, what: str) -> list[dict[str, Any]]:
        """Return the audit records whose names begin with ``what``."""
        keys = [key for key in self.keys(f"{ARTIFACTS}/{AUDIT}/") if key.rsplit("/", 1)[-1].startswith(what)]
        return [self.read_json(key) for key in keys]

    def outcomes(self, *, since: datetime) -> list[dict[str, Any]]:
        """Return the outcomes of runs, recorded after ``since``."""
        pages = self.s3.get_paginator("list_objects_v2")
        found = [
            each["Key"]
            for page in pages.paginate(Bucket=self.bucket, Prefix=f"{ARTIFACTS}/{RUNS}/")
            for each in page.get("Contents", [])
            if each["Key"].endswith("/outcome.json") and each["LastModified"] >= since.replace(microsecond=0)
        ]
        return [self.read_json(key) for key in found]
