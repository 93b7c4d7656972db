"""From what a user points at to files under ``raw/``: expand folders, then land each file whole."""

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from config.names import WEEK_PARTITION
from ml.data.header import week_of
from ml.data.snapshot import Stamp
from ml.errors import DataError
from ml.files import new_file, sha256_of, sweep
from ml.progress import say
from ml.use_case import UseCase

_SUFFIXES = (".csv", ".csv.gz")
_LOOKS_WEEKLY = re.compile("[0-9]{6}")
_CHUNK = 1 << 20


def collect_inputs(paths: Sequence[Path]) -> list[Path]:
    """Return the weekly files that ``paths`` (files and folders) hold, each folder's in order of name.

    A file that is named is taken at its word. Where files of a folder, or below it, have a week in their
    name, the others there (a calendar, say) are left aside, and said to be; where none has, all are taken.

    Raises:
        DataError: a path does not exist, or a folder holds no .csv or .csv.gz file.

    """
    if not paths:
        raise DataError("no input: name weekly .csv or .csv.gz files, or a folder of them")
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found |= dict.fromkeys(_in_folder(path))
        elif not path.exists():
            raise DataError(f"{path}: there is no such file or folder")
        elif not path.name.endswith(_SUFFIXES):
            raise DataError(f"{path}: not a weekly file; its name must end in .csv or .csv.gz")
        else:
            found[path] = None
    return list(found)


def _in_folder(folder: Path) -> list[Path]:
    files = sorted(
        path
        for path in folder.rglob("*.csv*")
        if path.is_file() and path.name.endswith(_SUFFIXES) and not path.name.startswith(".")
    )
    if not files:
        raise DataError(f"{folder}: holds no .csv or .csv.gz file")
    weekly = [path for path in files if _LOOKS_WEEKLY.search(path.name)]
    ignored = [path for path in files if path not in set(weekly)] if weekly else []
    if ignored:
        say(f"  ignored in {folder}, no week in the name: {', '.join(path.name for path in ignored)}")
    return weekly or files


@dataclass(frozen=True, kw_only=True)
class Landed:
    """A file under ``raw/``. ``status`` says whether it was new, already there, or took another's place."""

    path: Path
    week: int
    sha256: str
    status: Literal["new", "unchanged", "replaced"]


def land(inputs: Sequence[Path], *, raw: Path, use_case: UseCase) -> list[Path]:
    """Copy each input to ``raw/shop_week=YYYYWW/<its name>``; return the files there, in order of week.

    Raises:
        DataError: see ``land_files``.

    """
    landed = land_files(inputs, raw=raw, use_case=use_case)
    for each in landed:
        if each.status == "replaced":
            say(f"  {each.path.name}: replaces another delivery of week {each.week}")
    return [each.path for each in landed]


def land_files(inputs: Sequence[Path], *, raw: Path, use_case: UseCase) -> list[Landed]:
    """Land each input and say what became of it.

    A file of the week that landed before and differs is replaced: a corrected delivery. An input that
    equals another one of the same week, byte for byte, is skipped.

    Raises:
        DataError: an input cannot be read or changes while it is read; two different inputs hold one week.

    """
    raw.mkdir(parents=True, exist_ok=True)
    sweep(raw)
    first: dict[int, Path] = {}
    for source in inputs:
        week = week_of(source, use_case=use_case)
        other = first.setdefault(week, source)
        if other != source:
            if sha256_of(other) != sha256_of(source):
                raise DataError(f"{other} and {source}: both hold week {week} and differ; keep one of them")
            say(f"  skipped {source}: the same, byte for byte, as {other}")
    return [_land(source, week=week, raw=raw) for week, source in sorted(first.items())]


def _land(source: Path, *, week: int, raw: Path) -> Landed:
    folder = raw / f"{WEEK_PARTITION}={week}"
    target = folder / source.name
    before = sorted(path for path in folder.glob("*") if path.is_file())
    stamp = Stamp.of(source)
    if before == [target] and (source.resolve() == target.resolve() or target.stat().st_size == stamp.size):
        sha256 = sha256_of(source)
        if sha256 == sha256_of(target):
            stamp.must_still_hold(source)
            return Landed(path=target, week=week, sha256=sha256, status="unchanged")
    with new_file(target) as temporary:
        sha256 = _copy(source, temporary, stamp)
    for stale in before:
        if stale != target:
            stale.unlink()
    return Landed(path=target, week=week, sha256=sha256, status="replaced" if before else "new")


def _copy(source: Path, target: Path, stamp: Stamp) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
            stamp.must_still_hold(source)
    stamp.must_still_hold(source)
    shutil.copystat(source, target)
    return digest.hexdigest()
