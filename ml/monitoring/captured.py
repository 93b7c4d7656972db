"""Captured predictions: lines of JSON to one flat table, read once; what cannot be read is refused and kept."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ml.data.fiscal_weeks import week_of_day
from ml.errors import DataError
from ml.features.reference import Reference
from ml.features.vector import FeatureVector
from ml.files import new_file
from ml.progress import say, track
from ml.serving.capture import Record
from ml.serving.online import NotAnAmountError, OnlineFeatures
from ml.use_case import UseCase

_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
_TOGETHER = 2_000
# Refused lines that go to quarantine; more of them say nothing new.
_MOST_KEPT = 10_000

TABLE = pa.schema(
    [
        ("number", pa.int64()),
        ("time", pa.timestamp("us")),
        ("week", pa.int32()),
        ("version", pa.string()),
        ("basket_id", pa.string()),
        ("predicted", pa.int64()),
        ("lines", pa.int64()),
        ("unseen_lines", pa.int64()),
        ("bins", pa.list_(pa.uint8())),
    ]
)
_REFUSED = pa.schema([("file", pa.string()), ("row", pa.int64()), ("reason", pa.string()), ("line", pa.string())])


@dataclass(frozen=True)
class Counted:
    """A version's way from a captured basket to the bins of its reference."""

    features: FeatureVector
    reference: Reference


@dataclass
class Reading:
    """What was read so far: files, lines, refused ones by reason, where the first of them is, and some of them."""

    files: int = 0
    lines: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    first: str = ""
    kept: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, file: Path, row: int, text: bytes, reason: str) -> None:
        """Count a line that cannot be used, and keep it if not too many are kept already."""
        # Without its place in the line: that is how refused lines are counted together.
        self.refused[reason.partition(" - at ")[0].partition(" (byte ")[0]] += 1
        self.first = self.first or f"{file}: row {row}: {reason}"
        if len(self.kept) < _MOST_KEPT:
            line = text.decode("utf-8", "replace")
            self.kept.append({"file": str(file), "row": row, "reason": reason, "line": line})


@dataclass(frozen=True)
class _Line:
    number: int
    file: Path
    row: int
    text: bytes
    record: Record
    time: datetime


def capture_files(captured: Path) -> list[Path]:
    """Return the files of captured predictions below ``captured``, in order of name.

    Raises:
        DataError: there is no such folder.

    """
    if not captured.is_dir():
        raise DataError(f"{captured}: there is no such folder of captured predictions")
    found = sorted(path for path in captured.rglob("*") if path.is_file() and not path.name.startswith("."))
    taken = [path for path in found if path.name.endswith(_SUFFIXES)]
    if len(taken) < len(found):
        say(f"  {len(found) - len(taken)} files ignored in {captured}: not {', '.join(_SUFFIXES)}")
    return taken


def read_captured(
    files: Sequence[Path], *, table: Path, quarantine: Path, counted: Callable[[str], Counted | None], use_case: UseCase
) -> Reading:
    """Write the predictions of ``files`` to ``table`` (Parquet, columns ``TABLE``), a bounded number in memory.

    ``counted`` is asked once for each version; ``bins`` are empty for those it has nothing for. ``week`` is the
    retailer's week of the prediction's time in UTC. A line that is not a record of this use case, one that was cut
    off included, goes to ``quarantine`` (Parquet: file, row, reason, line), which is there only if a line did.

    Raises:
        DataError: more lines are refused than ``validation.max_dropped_share`` allows; names the first.

    """
    reading = Reading(files=len(files))
    binning = _Binning(counted)
    with new_file(table) as temporary, pq.ParquetWriter(temporary, TABLE) as writer:
        for file in track(files, label="captured predictions"):
            for lines in _together(_records(file, use_case, reading)):
                rows = list(_rows(lines, binning, use_case, reading))
                writer.write_table(pa.Table.from_pylist(rows, schema=TABLE))
    if reading.kept:
        with new_file(quarantine) as temporary:
            pq.write_table(pa.Table.from_pylist(reading.kept, schema=_REFUSED), temporary)
    else:
        quarantine.unlink(missing_ok=True)
    refused = reading.refused.total()
    share = refused / max(reading.lines, 1)
    allowed = use_case.validation.max_dropped_share
    if share > allowed:
        raise DataError(
            f"{reading.first}; {refused:,} of {reading.lines:,} captured lines cannot be used, more than "
            f"{100 * allowed:g} % (validation.max_dropped_share); they are in {quarantine}"
        )
    return reading


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield row number and text; of a gzip file that was cut, what came before the cut and an empty last line."""
    row = 0
    with gzip.open(file, "rb") if file.name.endswith(".gz") else file.open("rb") as stream:
        try:
            for row, text in enumerate(stream, start=1):
                if text.strip():
                    yield row, text.strip()
        except (EOFError, OSError):
            yield row + 1, b""


def _records(file: Path, use_case: UseCase, reading: Reading) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(Record)
    for row, text in _lines(file):
        reading.lines += 1
        try:
            record = decoder.decode(text)
            time = datetime.fromisoformat(record.time)
            if record.prediction.code not in use_case.label.codes:
                raise ValueError(f"class {record.prediction.code!r} is none of {', '.join(use_case.label.codes)}")
        except (ValueError, msgspec.DecodeError) as error:
            reading.refuse(file, row, text, str(error) if text else "the gzip file is cut off here")
            continue
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
        yield _Line(reading.lines, file, row, text, record, time)


class _Binning:
    """Baskets to bins, for every version that has a reference."""

    def __init__(self, counted: Callable[[str], Counted | None]) -> None:
        self._counted = counted
        self._known: dict[str, tuple[OnlineFeatures, Reference] | None] = {}

    def bins(self, version: str, lines: list[_Line], reading: Reading) -> list[list[int]]:
        """Return the bins of each of ``lines``; those with an impossible amount are taken out of it and refused."""
        if version not in self._known:
            found = self._counted(version)
            self._known[version] = None if found is None else (OnlineFeatures(found.features), found.reference)
        known = self._known[version]
        while known is not None and lines:
            online, reference = known
            try:
                matrix = online.vectors([line.record.basket for line in lines]).matrix
            except NotAnAmountError as error:
                bad = lines.pop(error.basket)
                reason = f"{error} - at `$.basket.lines[{error.line}].spend`"
                reading.refuse(bad.file, bad.row, bad.text, reason)
                continue
            bins: list[list[int]] = reference.bins(matrix).tolist()
            return bins
        return [[] for _ in lines]


def _rows(lines: list[_Line], binning: _Binning, use_case: UseCase, reading: Reading) -> Iterator[dict[str, Any]]:
    by_version: dict[str, list[_Line]] = {}
    for line in lines:
        by_version.setdefault(line.record.prediction.model_version, []).append(line)
    codes = {code: index for index, code in enumerate(use_case.label.codes)}
    for version, own in by_version.items():
        bins = binning.bins(version, own, reading)
        for line, places in zip(own, bins, strict=True):
            basket, prediction = line.record.basket, line.record.prediction
            yield {
                "number": line.number,
                "time": line.time,
                "week": week_of_day(line.time.date()),
                "version": version,
                "basket_id": None if basket.basket_id is None else str(basket.basket_id),
                "predicted": codes[prediction.code],
                "lines": len(basket.lines),
                "unseen_lines": prediction.unknown_products,
                "bins": places,
            }


def _together(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    taken: list[_Line] = []
    for line in lines:
        taken.append(line)
        if len(taken) == _TOGETHER:
            yield taken
            taken = []
    if taken:
        yield taken
