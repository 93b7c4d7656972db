"""Weekly files to silver and gold: one file at a time, only what is new, each week whole or not at all."""

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from config.names import BASKETS, PRODUCTS, TRANSACTIONS, WEEK_PARTITION
from ml.data.file_check import BrokenRuleError
from ml.data.header import week_of
from ml.data.sample import SampledRows
from ml.data.validation_report import write_validation_report
from ml.errors import DataError
from ml.features.refine_file import RefinedFile, refine_file
from ml.files import TEMPORARY_PREFIX, read_json, replace_folder, sha256_of, sweep, write_json
from ml.progress import track
from ml.use_case import UseCase

__all__ = ["FileOutcome", "RefinedFile", "Refinement", "refine", "refine_file"]

Status = Literal["new", "unchanged", "replaced"]
MANIFESTS = "_manifests"

# Part of every manifest: raise it when silver or gold of the same file would come out differently.
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class FileOutcome:
    """What became of one input; ``counts`` are those of ``FileCheck.to_json()``, as kept in the manifest."""

    status: Status
    counts: dict[str, Any]

    @property
    def week(self) -> int:
        """The file's week, YYYYWW."""
        return int(self.counts["week"])


@dataclass(frozen=True, kw_only=True)
class Refinement:
    """The outcome of one run over all its inputs."""

    files: tuple[FileOutcome, ...]
    report: Path
    seconds: float

    @property
    def weeks(self) -> tuple[int, ...]:
        """The weeks of the inputs, in order."""
        return tuple(sorted(each.week for each in self.files))

    @property
    def rows_in(self) -> int:
        """Rows of all inputs."""
        return sum(each.counts["rows_in"] for each in self.files)

    @property
    def rows_kept(self) -> int:
        """Rows of all inputs that are in silver."""
        return sum(each.counts["rows_kept"] for each in self.files)

    @property
    def baskets(self) -> int:
        """Baskets of all inputs that are in gold."""
        return sum(each.counts["baskets"] for each in self.files)

    @property
    def dropped(self) -> dict[str, int]:
        """Rows dropped by reason, over all inputs."""
        total: Counter[str] = Counter()
        for each in self.files:
            total.update(each.counts["dropped"])
        return dict(sorted(total.items()))

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "files": [
                {**{key: value for key, value in each.counts.items() if key != "results"}, "status": each.status}
                for each in self.files
            ],
            "weeks": list(self.weeks),
            "rows_in": self.rows_in,
            "rows_kept": self.rows_kept,
            "dropped": self.dropped,
            "baskets": self.baskets,
            "report": str(self.report),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, kw_only=True)
class _Lake:
    silver: Path
    gold: Path
    use_case: UseCase

    def manifest(self, week: int) -> Path:
        return self.silver / MANIFESTS / f"{week}.json"

    def folders(self, week: int) -> dict[str, Path]:
        name = f"{WEEK_PARTITION}={week}"
        return {
            TRANSACTIONS: self.silver / TRANSACTIONS / name,
            BASKETS: self.gold / BASKETS / name,
            PRODUCTS: self.gold / PRODUCTS / name,
        }

    def committed(self, week: int) -> dict[str, Any] | None:
        """The week's manifest, if the week is complete under the present settings."""
        manifest = self.manifest(week)
        if not manifest.is_file() or not all(folder.is_dir() for folder in self.folders(week).values()):
            return None
        found: dict[str, Any] = read_json(manifest)
        return found


def refine(
    inputs: Sequence[Path],
    *,
    silver: Path,
    gold: Path,
    reports: Path,
    use_case: UseCase,
    require_label: bool = True,
    great_expectations: bool = True,
    memory_limit: str = "900MB",
    threads: int | None = None,
) -> Refinement:
    """Bring ``inputs`` (one file per week) into ``silver`` and ``gold``; report to ``reports``.

    A file whose bytes and settings are those of the week's manifest is not touched. The manifest is written
    last and removed first, so that a killed run leaves either a whole week or one that is refined anew.
    ``great_expectations`` adds the library's own look at a sample of the rows that were refined.

    Raises:
        DataError: a file cannot be read, or breaks a rule beyond tolerance; weeks before it are complete,
            its own week is as it was, and the report is written.

    """
    began = time.monotonic()
    for folder in (silver, gold, reports):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
    lake = _Lake(silver=silver, gold=gold, use_case=use_case)
    weeks = _by_week(inputs, use_case)
    outcomes: list[FileOutcome] = []
    samples: list[SampledRows] = []
    share = -(-use_case.validation.sample_rows // len(weeks)) if great_expectations else 0
    stopped: DataError | None = None
    try:
        for week, source in track(sorted(weeks.items()), label="refine", total=len(weeks)):
            outcome = _unchanged(source, week=week, lake=lake, require_label=require_label)
            if outcome is None:
                outcome, refined = _renew(
                    source,
                    week=week,
                    lake=lake,
                    quarantine=reports / "quarantine" / f"{week}.parquet",
                    require_label=require_label,
                    sample=share,
                    memory_limit=memory_limit,
                    threads=threads,
                )
                if refined.sample is not None:
                    samples.append(refined.sample)
            outcomes.append(outcome)
    except DataError as error:
        stopped = error
        raise
    finally:
        files = [{**each.counts, "status": each.status} for each in outcomes]
        if isinstance(stopped, BrokenRuleError):
            files.append({**stopped.check.to_json(), "status": "stopped"})
        report = write_validation_report(
            reports,
            use_case=use_case,
            files=files,
            stopped=None if stopped is None else str(stopped),
            samples=samples,
        )
    return Refinement(files=tuple(outcomes), report=report, seconds=time.monotonic() - began)


def _by_week(inputs: Sequence[Path], use_case: UseCase) -> dict[int, Path]:
    if not inputs:
        raise DataError("no input files")
    found: dict[int, Path] = {}
    for source in inputs:
        week = week_of(source, use_case=use_case)
        other = found.setdefault(week, source)
        if other != source:
            raise DataError(f"{other} and {source}: both hold week {week}; keep one of them")
    return found


def _settings(use_case: UseCase, *, require_label: bool) -> str:
    return f"v{_VERSION} {use_case.data_fingerprint} require_label={require_label}"


def _unchanged(source: Path, *, week: int, lake: _Lake, require_label: bool) -> FileOutcome | None:
    manifest = lake.committed(week)
    if manifest is None or manifest["settings"] != _settings(lake.use_case, require_label=require_label):
        return None
    if manifest["file"]["bytes"] != source.stat().st_size or manifest["file"]["sha256"] != sha256_of(source):
        return None
    return FileOutcome(status="unchanged", counts={**manifest["file"], "name": source.name})


def _renew(
    source: Path,
    *,
    week: int,
    lake: _Lake,
    quarantine: Path,
    require_label: bool,
    sample: int,
    memory_limit: str,
    threads: int | None,
) -> tuple[FileOutcome, RefinedFile]:
    """Refine one file beside the lake's own folders, then let its week appear by renaming."""
    status: Status = "replaced" if lake.folders(week)[TRANSACTIONS].is_dir() else "new"
    with (
        TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=lake.silver) as near_silver,
        TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=lake.gold) as near_gold,
    ):
        refined = refine_file(
            source,
            folder=Path(near_silver),
            use_case=lake.use_case,
            require_label=require_label,
            quarantine=quarantine,
            sample=sample,
            memory_limit=memory_limit,
            threads=threads,
        )
        # Silver and gold may be different mounts; a rename needs both ends on one.
        staged = {TRANSACTIONS: refined.silver}
        for name, part in ((PRODUCTS, refined.products), (BASKETS, refined.baskets)):
            staged[name] = Path(shutil.move(part.parent, Path(near_gold) / name))
        manifest = lake.manifest(week)
        manifest.unlink(missing_ok=True)
        for name, target in lake.folders(week).items():
            replace_folder(staged[name], target)
        settings = _settings(lake.use_case, require_label=require_label)
        write_json(manifest, {"settings": settings, "file": refined.check.to_json()})
    return FileOutcome(status=status, counts=refined.check.to_json()), refined
