"""One careful look at a source file before anything trusts it.

It hashes the bytes, unpacks gzip (which checks its CRC and length), proves the text is UTF-8 and counts
its lines, so that a truncated, damaged or growing file is refused and a dropped row is noticed.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ml.errors import DataError
from ml.files import sha256_of

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """A file's size in bytes and time of change in nanoseconds: what a change while reading shows."""

    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the stamp of a file as it stands."""
        try:
            found = path.stat()
        except FileNotFoundError as error:
            raise DataError(f"{path}: there is no such file") from error
        return cls(size=found.st_size, changed=found.st_mtime_ns)

    def must_still_hold(self, path: Path) -> None:
        """Raise DataError where the file is no longer the one that was stamped."""
        if Stamp.of(path) != self:
            raise DataError(f"{path}: the file changed while it was read; run again once it is complete")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A checked source: ``plain`` is uncompressed text (the source itself, or a scratch copy)."""

    source: Path
    plain: Path
    sha256: str
    size: int
    lines: int
    stamp: Stamp


def take_snapshot(source: Path, *, scratch: Path) -> Snapshot:
    """Read ``source`` through; a ``.gz`` is unpacked into the folder ``scratch``.

    Raises:
        DataError: the file is absent, empty, not gzip, truncated, not UTF-8, or changes meanwhile.

    """
    stamp = Stamp.of(source)
    if stamp.size == 0:
        raise DataError(f"{source}: the file is empty; a header line and rows are expected")
    digest = hashlib.sha256()
    text = _Text(source)
    if source.suffix == ".gz":
        sha256 = sha256_of(source)
        plain = scratch / source.name.removesuffix(".gz")
        with plain.open("wb") as out:
            for chunk in _unpacked(source):
                text.take(chunk)
                out.write(chunk)
    else:
        plain = source
        with source.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                text.take(chunk)
                # Checked on the way: a writer as fast as this reader would never let it end.
                stamp.must_still_hold(source)
        sha256 = digest.hexdigest()
    lines = text.close()
    stamp.must_still_hold(source)
    return Snapshot(source=source, plain=plain, sha256=sha256, size=stamp.size, lines=lines, stamp=stamp)


def _unpacked(source: Path) -> Iterator[bytes]:
    try:
        with gzip.open(source, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except EOFError as error:
        raise DataError(f"{source}: the gzip file is truncated; fetch it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{source}: not a whole gzip file ({error}); fetch it again") from error


class _Text:
    """Counts lines and refuses bytes that are not UTF-8, chunk by chunk."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._lines = 0
        self._tail = b""
        self._ends_with_newline = True

    def take(self, chunk: bytes) -> None:
        # Plain ASCII is the common case and by far the cheapest to prove.
        if self._tail or not chunk.isascii():
            self._decode(self._tail + chunk)
        self._lines += chunk.count(b"\n")
        self._ends_with_newline = chunk.endswith(b"\n")

    def close(self) -> int:
        if self._tail:
            raise self._refusal("unexpected end of data", self._lines + 1)
        return self._lines + (0 if self._ends_with_newline else 1)

    def _decode(self, data: bytes) -> None:
        self._tail = b""
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            # A character cut by the end of the chunk is completed by the next one.
            if error.end == len(data) and error.reason == "unexpected end of data":
                self._tail = data[error.start :]
            else:
                row = self._lines + 1 + data.count(b"\n", 0, error.start)
                raise self._refusal(error.reason, row) from error

    def _refusal(self, reason: str, row: int) -> DataError:
        return DataError(f"{self._source}: not UTF-8 in row {row} ({reason}); save the file as UTF-8")
