"""Models, decisions and reports: the registry by SageMaker's API, the rest from the lake's bucket."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from config.names import (
    ARTIFACTS,
    AUDIT,
    CHAMPION,
    LAKE,
    MODEL_GROUP,
    MONITORING,
    REGISTRY,
    RELEASED,
    ROLLED_BACK,
    RUNS,
    VALIDATION,
)
from config.settings import EnvironmentSettings
from lambdas.common.runs import EVALUATION
from ml.files import new_file
from rehearsal.page.document import Decision, Model, Report
from rehearsal.world import World

REPORTS: Final = "reports"
_TITLES: Final = {
    VALIDATION: "Validation of the data of run",
    EVALUATION: "Evaluation of the candidates of run",
    MONITORING: "The models that serve, looked at on",
}
_CHAMPION: Final = f"/{CHAMPION}"


class Lake:
    """Reads the lake and the registry; objects that never change are read once."""

    def __init__(self, world: World, settings: EnvironmentSettings) -> None:
        self._s3 = world.client("s3")
        self._sagemaker = world.client("sagemaker")
        self._bucket = f"{settings.name(LAKE)}-{world.account}-{world.region}"
        self._group = settings.name(MODEL_GROUP)
        self._folder = world.folder
        self._records: dict[str, Any] = {}
        self._copied: dict[str, str] = {}

    def models(self) -> tuple[Model, ...]:
        """Return the versions of the registry, oldest first."""
        champions = set(self._champions())
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=self._group)
        found = [
            self._sagemaker.describe_model_package(ModelPackageName=each["ModelPackageArn"])
            for page in pages
            for each in page["ModelPackageSummaryList"]
        ]
        return tuple(sorted((_model(each, champions) for each in found), key=lambda model: model.created))

    def decisions(self) -> tuple[Decision, ...]:
        """Return what came of releases and roll-backs, by time."""
        found: list[Decision] = []
        whats: tuple[Literal["released", "rolled-back"], ...] = (RELEASED, ROLLED_BACK)
        for key in self._keys(f"{ARTIFACTS}/{AUDIT}/"):
            name = key.rsplit("/", 1)[-1]
            for what in whats:
                if name.startswith(f"{what}-"):
                    record = self._record(key)
                    shown = {each: record.get(each) for each in ("at", "by", "from_version", "to_version", "reason")}
                    found.append(
                        Decision.model_validate({"what": what, "outcome": record.get("outcome") or "", **shown})
                    )
        return tuple(sorted(found, key=lambda decision: decision.at))

    def reports(self) -> tuple[Report, ...]:
        """Copy the pages that jobs wrote beside the rehearsal's; return them by time.

        A day's look at the models replaces the one before it: of these every version is there.
        """
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=f"{ARTIFACTS}/{MONITORING}/"
        )
        looks = (each for page in pages for each in page.get("Versions", []))
        found = [
            report
            for each in (*self._listed(f"{ARTIFACTS}/{RUNS}/"), *looks)
            if each["Key"].endswith(".html") and (report := self._report(each)) is not None
        ]
        return tuple(sorted(found, key=lambda report: report.at))

    def _report(self, found: Mapping[str, Any]) -> Report | None:
        key = found["Key"]
        _, place, about, *within = key.split("/")
        kind = MONITORING if place == MONITORING else next((each for each in within if each in _TITLES), None)
        if kind is None:
            return None
        version = {"VersionId": found["VersionId"]} if "VersionId" in found else {}
        name = "-".join([kind, about, *version.values(), *(each for each in within if each != kind)])
        href = f"{REPORTS}/{name}"
        if self._copied.get(href) != found["ETag"]:
            with new_file(self._folder / href) as temporary:
                answer = self._s3.get_object(Bucket=self._bucket, Key=key, **version)
                temporary.write_bytes(answer["Body"].read())
            self._copied[href] = found["ETag"]
        return Report.model_validate(
            {
                "title": f"{_TITLES[kind]} {about}",
                "kind": kind,
                "about": about,
                "href": href,
                "at": found["LastModified"],
            }
        )

    def _champions(self) -> Iterator[str]:
        for key in self._keys(f"{ARTIFACTS}/{REGISTRY}/"):
            if key.endswith(_CHAMPION):
                version = self._json(key).get("version")
                if version:
                    yield version

    def _record(self, key: str) -> Any:
        if key not in self._records:
            self._records[key] = self._json(key)
        return self._records[key]

    def _json(self, key: str) -> Any:
        return json.loads(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())

    def _keys(self, prefix: str) -> Iterator[str]:
        yield from (each["Key"] for each in self._listed(prefix))

    def _listed(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            yield from page.get("Contents", [])


def _model(found: Mapping[str, Any], champions: set[str]) -> Model:
    told = found.get("CustomerMetadataProperties", {})
    version = told.get("version", found["ModelPackageArn"].rsplit("/", 1)[-1])
    return Model(
        version=version,
        package=found["ModelPackageArn"],
        candidate=told.get("candidate", ""),
        run=told.get("run", ""),
        status=found["ModelApprovalStatus"],
        reason=found.get("ApprovalDescription", ""),
        created=found["CreationTime"],
        metrics=dict(_figures(told)),
        champion=version in champions,
    )


def _figures(told: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    """Yield the properties of a package that are figures."""
    for name, value in told.items():
        try:
            yield name, float(value)
        except ValueError:
            continue
