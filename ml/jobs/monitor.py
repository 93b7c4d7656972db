"""The monitor job: captured predictions and the labels that came later to a decision, metrics and a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config.monitoring import MONITORING, Intake, MetricDatum, Monitoring, VersionVerdict
from ml.bundle import REFERENCE, Bundle, read_manifest
from ml.data.tables import connect
from ml.errors import DataError, ModelError
from ml.features.reference import Reference
from ml.files import TEMPORARY_PREFIX, read_json, sweep, write_json
from ml.monitoring.captured import Counted, capture_files, read_captured
from ml.monitoring.counts import VersionCounts
from ml.monitoring.join import count, load_labels, load_predictions
from ml.monitoring.judge import Known, looks, verdict
from ml.monitoring.metrics import metrics
from ml.monitoring.report import DETAIL, write_report
from ml.progress import stage
from ml.use_case import UseCase

QUARANTINE = "quarantine.parquet"


def monitor(
    *, captured: Path, labels: Path, bundles: Path, output: Path, use_case: UseCase, memory_limit: str = "900MB"
) -> Monitoring:
    """Judge every version that predicted; write monitoring.json, monitoring_detail.json and the report to ``output``.

    ``bundles`` is a bundle, a folder of them, or a lake; a version without one there is judged by the gate's figures
    alone and has no drift. Equal files give equal output, however often they are looked at.

    Raises:
        DataError: an input is missing, or too much of it cannot be used.

    """
    if not bundles.is_dir():
        raise DataError(f"{bundles}: there is no such folder of bundles")
    output.mkdir(parents=True, exist_ok=True)
    sweep(output)
    known = _KnownVersions(bundles)
    with TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=output) as folder:
        scratch = Path(folder)
        files = capture_files(captured)
        with stage("read captured predictions"):
            reading = read_captured(
                files,
                table=scratch / "captured.parquet",
                quarantine=output / QUARANTINE,
                counted=known.counted,
                use_case=use_case,
            )
        with (
            stage("join labels"),
            connect(scratch=scratch / "spill", memory_limit=memory_limit, threads=None) as connection,
        ):
            load_predictions(connection, scratch / "captured.parquet")
            labelled_weeks = load_labels(connection, labels, scratch=scratch, use_case=use_case)
            sizes = {version: [each.size for each in found.features] for version, found in known.references.items()}
            versions = count(connection, classes=len(use_case.label.classes), bins=sizes)
            kept, without_id = connection.execute(
                "SELECT count(*), count(*) - count(basket_id) FROM predictions"
            ).fetchall()[0]
    intake = Intake(
        files=reading.files,
        lines=reading.lines,
        refused=dict(sorted(reading.refused.items())),
        repeated=reading.lines - reading.refused.total() - kept,
        predictions=kept,
        without_basket_id=without_id,
    )
    whole = _whole_weeks(versions, labelled_weeks)
    verdicts: list[VersionVerdict] = []
    data: list[MetricDatum] = []
    for counts in versions:
        judged, features = verdict(counts, known.all[counts.version], use_case, whole=whole, current=not verdicts)
        verdicts.append(judged)
        data += metrics(counts, judged, features, use_case)
    found = Monitoring(use_case=use_case.name, intake=intake, versions=tuple(verdicts), metrics=tuple(data))
    detail = detail_of(versions, known.all, use_case, whole=whole)
    write_json(output / DETAIL, detail)
    with stage("report"):
        write_report(output, found, detail, use_case)
    # Last: who finds it finds the rest, too.
    write_json(output / MONITORING, found.model_dump(mode="json"))
    return found


class _KnownVersions:
    """Bundles by version, looked up once; what cannot be used is a reason, not an error."""

    def __init__(self, bundles: Path) -> None:
        self._folders = {}
        for manifest in sorted(_manifests(bundles)):
            try:
                self._folders[str(read_manifest(manifest.parent)["version"])] = manifest.parent
            except ModelError:
                continue
        self.all: dict[str, Known] = {}
        self.references: dict[str, Reference] = {}

    def counted(self, version: str) -> Counted | None:
        """Return how baskets of ``version`` become bins, if it has a reference."""
        folder = self._folders.get(version)
        if folder is None:
            self.all[version] = Known({}, None, "no reference: there is no bundle of this version")
            return None
        promised = _promised(read_manifest(folder))
        if not (folder / REFERENCE).is_file():
            self.all[version] = Known(promised, None, "no reference: the bundle was made without one")
            return None
        try:
            bundle = Bundle.load(folder)
            reference = Reference.model_validate(read_json(folder / REFERENCE))
        except (ModelError, ValueError) as error:
            self.all[version] = Known(promised, None, f"no reference: {error}")
            return None
        self.all[version] = Known(promised, reference)
        self.references[version] = reference
        return Counted(bundle.features, reference)


def _manifests(bundles: Path) -> list[Path]:
    """Return the manifests of the bundle, the bundles or the lake that ``bundles`` is."""
    found: list[Path] = []
    for pattern in ("manifest.json", "*/manifest.json", "artifacts/models/*/manifest.json", "models/*/manifest.json"):
        found += bundles.glob(pattern)
    return found


def _promised(manifest: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in manifest.get("metrics", {}).items()}


def _whole_weeks(versions: list[VersionCounts], labelled_weeks: list[int]) -> set[int]:
    """Return the weeks that are over: their labels have come, or a later week has begun."""
    seen = {week for version in versions for counts in version.weeks for week in counts.weeks}
    last = max(seen, default=0)
    return {week for week in seen if week < last or (labelled_weeks and week <= labelled_weeks[-1])}


def detail_of(
    versions: Sequence[VersionCounts], known: Mapping[str, Known], use_case: UseCase, *, whole: set[int]
) -> dict[str, Any]:
    """Return what the report shows beside the decision: each version week by week."""
    return {
        "schema": 1,
        "versions": [
            {
                "version": counts.version,
                "last_seen": counts.last_seen,
                "weeks": [
                    {
                        "week": week.weeks[0],
                        "predictions": week.predictions,
                        "labelled": week.labelled,
                        "unclassified": week.unclassified,
                        "contradictory": week.contradictory,
                        "coverage": week.known / week.predictions,
                        "checks": {check.name: check.model_dump(mode="json") for check in look.checks},
                        "features": dict(look.features),
                    }
                    for week, look in zip(
                        counts.weeks, looks(counts, known[counts.version], use_case, whole=whole), strict=True
                    )
                ],
            }
            for counts in versions
        ],
    }
