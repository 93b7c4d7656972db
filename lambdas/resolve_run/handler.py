"""Begin a training: say which run this is, and whether this execution is the one to do it.

A run is named by what goes into it, so the same data, settings and code give the same run, whatever started it. The
first execution to claim a run does it; a claim is taken over only from an execution that failed.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from botocore.exceptions import ClientError
from pydantic import AwareDatetime

from config.names import RAW
from lambdas.common.calls import REFINED
from lambdas.common.errors import EventError
from lambdas.common.events import Frozen
from lambdas.common.runs import Claim, ExecutionArn, RawObject, RunDescription, RunFolder
from lambdas.common.runtime import handler_of
from lambdas.common.training import TrainingTools, training_tools

_FILE = re.compile(r"\.csv(\.gz)?$")
_WEEK = re.compile(r"(\d{6})\.csv")
_OVER = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


class Resolve(Frozen):
    """What started the execution, and when.

    ``object_at`` is when the object that started it came, if data did. ``as_of`` is for a training on what was known
    at a time.
    """

    execution: ExecutionArn
    at: AwareDatetime
    object_at: AwareDatetime | None = None
    as_of: AwareDatetime | None = None


class Resolved(Frozen):
    """What came of it.

    ``go``: this execution does the run. Otherwise it ends here: a newer object came and its execution does it
    (``superseded``), another one does it (``running``) or did it (``done``), or there are no files (``nothing``).
    """

    status: Literal["go", "superseded", "running", "done", "nothing"]
    reason: str
    run: str | None = None
    champion: str | None = None
    files: int = 0
    new_files: int = 0


def resolve_run(event: Resolve, tools: TrainingTools) -> Resolved:
    """Name the run and claim it.

    Raises:
        ContendedError: others changed the claim each time.
        EventError: no raw file is named by its week, or the time to train as of has not come yet.

    """
    if event.as_of is not None and event.as_of > event.at:
        raise EventError(f"as_of: {event.as_of.isoformat()} is later than {event.at.isoformat()}, when this began")
    files = tuple(sorted(_raw_files(tools, as_of=event.as_of), key=lambda found: found.key))
    if not files:
        then = "" if event.as_of is None else f" as of {event.as_of.isoformat()}"
        return Resolved(status="nothing", reason=f"there is no file below {RAW}/{then}")
    newer = [each.key for each in files if event.object_at is not None and each.came_at > event.object_at]
    if newer:
        return Resolved(status="superseded", reason=f"{newer[-1]} came later and starts a training of its own")
    run = _run_of(files, tools.settings.fingerprint, as_of=event.as_of)
    folder = RunFolder(tools.objects, run)
    other = _claim(folder, event, tools)
    if other is not None:
        return other
    stored = tools.objects.read(REFINED)
    refined = {} if stored is None else stored.json()
    # What was known at a time is in the feature store: nothing is refined for it.
    new = () if event.as_of is not None else (each.key for each in files if refined.get(each.key) != each.etag)
    description = RunDescription(
        run=run,
        as_of=event.as_of,
        raw=files,
        new=tuple(new),
        objects={
            each.name: {"uri": f"s3://{tools.settings.bucket}/{each.key}", "version_id": each.version_id}
            for each in files
        },
    )
    # Replaced, not kept: since the last attempt some of the files may have been refined.
    tools.objects.replace(folder.description, description.as_json())
    tools.objects.replace(folder.manifest, [{"prefix": f"s3://{tools.settings.bucket}/"}, *description.new])
    return Resolved(
        status="go",
        reason=f"{len(files)} files, {len(description.new)} of them new",
        run=run,
        champion=tools.ledgers.read().version,
        files=len(files),
        new_files=len(description.new),
    )


def _raw_files(tools: TrainingTools, *, as_of: datetime | None) -> Iterable[RawObject]:
    """Return each raw file's present version, or the one that was present as of a time."""
    found: dict[str, RawObject] = {}
    pages = tools.clients.of("s3").get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=tools.settings.bucket, Prefix=f"{RAW}/"):
        for each in page.get("Versions", []):
            key, came = each["Key"], each["LastModified"]
            wanted = each["IsLatest"] if as_of is None else came <= as_of
            # S3 lists the newest version of a key first.
            if wanted and key not in found and _FILE.search(key):
                etag = each["ETag"].strip('"')
                found[key] = RawObject(key=key, etag=etag, version_id=each.get("VersionId"), came_at=came)
    return found.values()


def _run_of(files: tuple[RawObject, ...], settings: str, *, as_of: datetime | None) -> str:
    """Return the run's name: the last week, and a hash of what goes into it."""
    weeks = [found.group(1) for each in files if (found := _WEEK.search(each.name))]
    if not weeks:
        raise EventError(f"no file below {RAW}/ is named by its week, such as transactions_200607.csv")
    content: dict[str, Any] = {"files": {each.key: each.etag for each in files}, "settings": settings}
    if as_of is not None:
        content["as_of"] = as_of.astimezone(UTC).isoformat()
    return f"{max(weeks)}-{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]}"


def _claim(folder: RunFolder, event: Resolve, tools: TrainingTools) -> Resolved | None:
    """Claim the run for this execution; return why not, where another has it."""
    own = Claim(execution=event.execution, at=event.at)
    holder: Claim = own
    status = ""

    def take(found: dict[str, Any] | None) -> dict[str, Any] | None:
        nonlocal holder, status
        holder = own if found is None else Claim.model_validate(found)
        if holder.execution == own.execution:
            return own.as_json() if found is None else None
        status = _status_of(holder.execution, tools)
        if status not in _OVER:
            return None
        holder = own
        return own.as_json()

    tools.objects.update(folder.claim, take)
    if holder.execution == own.execution:
        return None
    name = holder.execution.rsplit(":", 1)[-1]
    if status == "SUCCEEDED":
        return Resolved(status="done", run=folder.run, reason=f"{name} did the same run")
    return Resolved(status="running", run=folder.run, reason=f"{name} is at the same run")


def _status_of(execution: str, tools: TrainingTools) -> str:
    """Return how an execution stands; Step Functions forgets one after 90 days, and then it is as good as failed."""
    try:
        return str(tools.clients.of("stepfunctions").describe_execution(executionArn=execution)["status"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return "ABORTED"
        raise


handler = handler_of("resolve_run", Resolve, resolve_run, training_tools)
