"""Make a version of an accepted candidate: its bundle among the models, a package in the registry.

The bundle's manifest is written last, and a package is made only of a whole bundle: whoever finds either finds all.
"""

import hashlib
import json
import tarfile
from tempfile import TemporaryFile
from typing import Any, Final

from pydantic import AwareDatetime

from config.names import ARTIFACTS, MANIFEST, MODELS, REGISTRY, ModelStatus
from lambdas.common.errors import FlowError
from lambdas.common.events import Frozen, Text, Version
from lambdas.common.runs import EVALUATION, Run, RunFolder, figures_of, winner_of
from lambdas.common.runtime import handler_of
from lambdas.common.training import TrainingTools, training_tools

# What the evaluation adds to the bundle: the figures, the page about them, and the model card.
ATTACHMENTS: Final = ("evaluation.json", "report.html", "model_card.md")
_ARCHIVE: Final = "model.tar.gz"


class Register(Frozen):
    """The accepted candidate of a run."""

    run: Run
    at: AwareDatetime
    candidate: Text
    version: Version
    status: ModelStatus
    reason: Text


class Registered(Frozen):
    """The version, its package and whether it is approved."""

    version: str
    package: str
    status: ModelStatus


def register(event: Register, tools: TrainingTools) -> Registered:
    """Register the version, or go on where that was begun.

    Raises:
        FlowError: the candidate's archive is missing, or holds another version.
        ContendedError: see there.

    """
    folder = RunFolder(tools.objects, event.run)
    archive = _archive(folder, event, tools)
    evaluation = folder.read_evaluation()
    figures = figures_of(winner_of(evaluation))
    place = f"{ARTIFACTS}/{MODELS}/{event.version}"
    if tools.objects.read(f"{place}/{MANIFEST}") is None:
        facts = {"run": event.run, "metrics": figures, "lineage": evaluation["lineage"]}
        _publish(folder, event, archive, place, tools, facts=facts)
    package = _package(folder, event, archive, tools, figures=figures)
    record = {
        "version": event.version,
        "use_case": tools.settings.use_case,
        "model": event.candidate,
        "run": event.run,
        "status": str(event.status),
        "package": package,
        "metrics": figures,
        "history": [{"status": str(event.status), "by": "gate", "reason": event.reason, "at": event.at.isoformat()}],
    }
    tools.objects.create(f"{ARTIFACTS}/{REGISTRY}/{tools.settings.use_case}/{event.version}.json", record)
    return Registered(version=event.version, package=package, status=event.status)


def _archive(folder: RunFolder, event: Register, tools: TrainingTools) -> str:
    """Return the key of the candidate's archive; one that was trained twice has two equal ones."""
    prefix = f"{folder.place}/candidates/{event.candidate}/"
    listing = tools.clients.of("s3").get_paginator("list_objects_v2")
    pages = listing.paginate(Bucket=tools.settings.bucket, Prefix=prefix)
    found = sorted(
        each["Key"] for page in pages for each in page.get("Contents", []) if each["Key"].endswith(f"/{_ARCHIVE}")
    )
    if not found:
        raise FlowError(f"{event.candidate}: there is no {_ARCHIVE} below {prefix}")
    return str(found[-1])


def _publish(
    folder: RunFolder, event: Register, archive: str, place: str, tools: TrainingTools, *, facts: dict[str, Any]
) -> None:
    """Write the bundle's files and what the evaluation adds, then the manifest that names them all."""
    s3, bucket = tools.clients.of("s3"), tools.settings.bucket
    files: dict[str, str] = {}
    with TemporaryFile() as packed:
        s3.download_fileobj(bucket, archive, packed)
        packed.seek(0)
        with tarfile.open(fileobj=packed) as contents:
            manifest = json.loads(_member(contents, MANIFEST))
            if manifest["version"] != event.version:
                raise FlowError(f"{archive}: holds version {manifest['version']}, not {event.version}")
            for name, checksum in manifest["files"].items():
                content = _member(contents, name)
                files[name] = hashlib.sha256(content).hexdigest()
                if files[name] != checksum:
                    raise FlowError(f"{archive}: {name} is damaged")
                s3.put_object(Bucket=bucket, Key=f"{place}/{name}", Body=content)
    for name in ATTACHMENTS:
        source = f"{folder.place}/{EVALUATION}/{name}"
        stored = tools.objects.read(source)
        if stored is None:
            raise FlowError(f"{source}: the evaluation has not left it")
        files[name] = hashlib.sha256(stored.body).hexdigest()
        s3.put_object(Bucket=bucket, Key=f"{place}/{name}", Body=stored.body)
    tools.objects.create(f"{place}/{MANIFEST}", {**manifest, **facts, "files": files})


def _member(contents: tarfile.TarFile, name: str) -> bytes:
    """Return a file of the archive, which SageMaker packs with or without a dot before it."""
    for each in (name, f"./{name}"):
        if each in contents.getnames():
            stream = contents.extractfile(each)
            if stream is not None:
                return stream.read()
    raise FlowError(f"the candidate's archive has no {name}")


def _package(
    folder: RunFolder, event: Register, archive: str, tools: TrainingTools, *, figures: dict[str, float]
) -> str:
    """Return the ARN of the version's package, made now unless there is one."""
    sagemaker, settings = tools.clients.of("sagemaker"), tools.settings
    description = f"{event.version} of run {event.run}"
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=settings.model_group, SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        for each in page["ModelPackageSummaryList"]:
            # Equal training of another run gives the same version: one package is enough.
            if str(each.get("ModelPackageDescription", "")).split(" ")[0] == event.version:
                return str(each["ModelPackageArn"])
    bucket = f"s3://{settings.bucket}"
    answer = sagemaker.create_model_package(
        ModelPackageGroupName=settings.model_group,
        ModelPackageDescription=description,
        ModelApprovalStatus=str(event.status),
        # The list shows a new package only after a while; until then this keeps a second try from making another.
        ClientToken=hashlib.sha256(description.encode()).hexdigest()[:36],
        InferenceSpecification={
            "Containers": [{"Image": settings.api_image, "ModelDataUrl": f"{bucket}/{archive}"}],
            "SupportedContentTypes": ["application/json", "text/csv"],
            "SupportedResponseMIMETypes": ["application/json", "text/csv"],
        },
        ModelMetrics={
            "ModelQuality": {
                "Statistics": {
                    "ContentType": "application/json",
                    "S3Uri": f"{bucket}/{folder.place}/{EVALUATION}/evaluation.json",
                }
            }
        },
        CustomerMetadataProperties={
            "version": event.version,
            "run": event.run,
            "candidate": event.candidate,
            "bundle": f"{ARTIFACTS}/{MODELS}/{event.version}",
            **{name: f"{value:.6f}" for name, value in figures.items()},
        },
    )
    return str(answer["ModelPackageArn"])


handler = handler_of("register", Register, register, training_tools)
