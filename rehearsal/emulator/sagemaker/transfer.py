"""Data to and from a job: S3 as the job's role reaches it, folders as the container contract names them."""

import json
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

_AT_ONCE: Final = 8
_CHUNK: Final = 1 << 20
# A file that was not written to for so long is taken to be whole.
_SETTLED_SECONDS: Final = 0.5


class TransferError(Exception):
    """Data could not be moved; the message is what SageMaker says of it."""


@dataclass(frozen=True)
class Place:
    """A bucket and a key, or the beginning of keys."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> "Place":
        """Read an S3 URI.

        Raises:
            TransferError: it is none.

        """
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise TransferError(f"ClientError: {uri!r} is no S3 URI")
        return cls(bucket, key)

    def below(self, relative: str) -> "Place":
        """Return the place of a file below this one."""
        return Place(self.bucket, "/".join(part for part in (self.key.rstrip("/"), relative) if part))

    @property
    def uri(self) -> str:
        """As it is written."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass
class Mirror:
    """A folder whose files go to S3, also while they are still being made."""

    folder: Path
    place: Place
    key_id: str | None = None
    _sent: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def send(self, s3: Any, *, all_of_it: bool) -> None:
        """Upload what is new or has changed; unless ``all_of_it``, only what nobody is writing any more.

        Raises:
            TransferError: the role may not, or the bucket is not there.

        """
        before = time.time() - _SETTLED_SECONDS
        changed = {}
        for path in _files(self.folder):
            stat = path.stat()
            seen = (stat.st_mtime_ns, stat.st_size)
            if self._sent.get(path) != seen and (all_of_it or stat.st_mtime < before):
                changed[path] = seen
        _in_parallel(lambda path: self._send(s3, path), list(changed))
        self._sent |= changed

    def seen(self) -> None:
        """Take what is there for sent: it has just come from S3."""
        for path in _files(self.folder):
            self._sent[path] = (path.stat().st_mtime_ns, path.stat().st_size)

    def _send(self, s3: Any, path: Path) -> None:
        upload(s3, path, self.place.below(path.relative_to(self.folder).as_posix()), key_id=self.key_id)


def upload(s3: Any, path: Path, place: Place, *, key_id: str | None) -> None:
    """Upload a file.

    Raises:
        TransferError: the role may not, or the bucket is not there.

    """
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {}
    try:
        with path.open("rb") as file:
            s3.put_object(Bucket=place.bucket, Key=place.key, Body=file, **encryption)
    except (ClientError, BotoCoreError) as error:
        raise TransferError(f"ClientError: Failed to upload to {place.uri}: {error}") from error


def download(s3: Any, source: Mapping[str, Any], target: Path, *, may_be_empty: bool = False) -> None:
    """Download what ``source`` names, ``S3Uri`` and ``S3DataType`` (S3Prefix or ManifestFile), to ``target``.

    Raises:
        TransferError: nothing is there, a manifest is none, or the role may not read it.

    """
    target.mkdir(parents=True, exist_ok=True)
    place = Place.of(source["S3Uri"])
    try:
        if source.get("S3DataType", "S3Prefix") == "ManifestFile":
            wanted = _manifest(s3, place)
        else:
            wanted = dict(_listing(s3, place))
        _in_parallel(lambda each: _fetch(s3, each[1], target / each[0]), list(wanted.items()))
    except (ClientError, BotoCoreError) as error:
        raise TransferError(f"ClientError: Failed to download data from {place.uri}: {error}") from error
    if not wanted and not may_be_empty:
        raise TransferError(f"ClientError: No S3 objects found under S3 URL {place.uri} given in input data source")


def pack(folder: Path, archive: Path) -> None:
    """Write ``folder``'s content as a compressed tar."""
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)


def _listing(s3: Any, place: Place) -> Iterator[tuple[str, Place]]:
    """Yield each object whose key begins so, with its path below the target."""
    folder = place.key if place.key.endswith("/") or not place.key else f"{place.key}/"
    beside = place.key.rpartition("/")[0]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.key):
        for each in page.get("Contents", []):
            key = each["Key"]
            if key.endswith("/"):
                continue
            base = folder if key.startswith(folder) else f"{beside}/" if beside else ""
            yield _safe(key[len(base) :]), Place(place.bucket, key)


def _manifest(s3: Any, place: Place) -> dict[str, Place]:
    """Return the objects that a manifest names: ``[{"prefix": "s3://…/"}, "relative", …]``."""
    body = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    try:
        first, *rest = json.loads(body)
        prefix = first["prefix"]
    except (ValueError, TypeError, KeyError) as error:
        raise TransferError(f"ClientError: {place.uri}: no manifest of the form [{{'prefix': …}}, 'key', …]") from error
    if not all(isinstance(each, str) for each in rest):
        raise TransferError(f"ClientError: {place.uri}: a manifest's members after its prefix are text")
    return {_safe(each): Place.of(prefix + each) for each in rest}


def _fetch(s3: Any, place: Place, path: Path) -> None:
    try:
        body = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"]
    except ClientError as error:
        raise TransferError(f"ClientError: Failed to download data from {place.uri}: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for chunk in body.iter_chunks(_CHUNK):
            file.write(chunk)


def _safe(relative: str) -> str:
    if ".." in PurePosixPath(relative).parts or relative.startswith("/"):
        raise TransferError(f"ClientError: {relative!r}: the key would leave its folder")
    return relative


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def _in_parallel(act: Any, items: Sequence[Any]) -> None:
    if len(items) < 2:
        for each in items:
            act(each)
        return
    with ThreadPoolExecutor(min(_AT_ONCE, len(items))) as pool:
        for _ in pool.map(act, items):
            pass
