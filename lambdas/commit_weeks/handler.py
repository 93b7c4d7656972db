"""After the ETL: what a week has left of its earlier version goes, and its files count as refined.

A job adds objects and cannot take any away. A week that came again with fewer parts would keep what it had before.
"""

from collections.abc import Iterator

from pydantic import AwareDatetime

from config.names import BASKETS, GOLD, PRODUCTS, SILVER, TRANSACTIONS, WEEK_PARTITION
from lambdas.common.calls import REFINED
from lambdas.common.events import Frozen
from lambdas.common.runs import Run, RunFolder
from lambdas.common.runtime import handler_of
from lambdas.common.training import TrainingTools, training_tools

_TABLES = (f"{SILVER}/{TRANSACTIONS}", f"{GOLD}/{BASKETS}", f"{GOLD}/{PRODUCTS}")
# S3's own limit.
_MOST_DELETED = 1_000


class Commit(Frozen):
    """The run whose ETL job has ended, and when that job was made: what it wrote is no older."""

    run: Run
    refined_from: AwareDatetime


class Committed(Frozen):
    """The weeks that were refined, and what was in them."""

    weeks: tuple[int, ...]
    rows_in: int
    rows_kept: int
    baskets: int
    removed: int


def commit_weeks(event: Commit, tools: TrainingTools) -> Committed:
    """Remove what is left of earlier versions of the weeks, and remember the files."""
    folder = RunFolder(tools.objects, event.run)
    description = folder.read_description()
    refinement = tools.objects.get(f"{folder.place}/validation/etl.json")
    s3, removed = tools.clients.of("s3"), 0
    for week in refinement["weeks"]:
        old = [{"Key": key} for key in _older(event, week, tools)]
        for start in range(0, len(old), _MOST_DELETED):
            some = old[start : start + _MOST_DELETED]
            s3.delete_objects(Bucket=tools.settings.bucket, Delete={"Objects": some, "Quiet": True})
        removed += len(old)
    etags = {each.key: each.etag for each in description.raw if each.key in description.new}

    def remember(found: dict[str, str] | None) -> dict[str, str] | None:
        known = found or {}
        return None if etags.items() <= known.items() else {**known, **etags}

    tools.objects.update(REFINED, remember)
    return Committed(
        weeks=tuple(refinement["weeks"]),
        rows_in=refinement["rows_in"],
        rows_kept=refinement["rows_kept"],
        baskets=refinement["baskets"],
        removed=removed,
    )


def _older(event: Commit, week: int, tools: TrainingTools) -> Iterator[str]:
    """Yield the keys of the week's objects that were there before the job."""
    pages = tools.clients.of("s3").get_paginator("list_objects_v2")
    for table in _TABLES:
        for page in pages.paginate(Bucket=tools.settings.bucket, Prefix=f"{table}/{WEEK_PARTITION}={week}/"):
            # S3 keeps whole seconds.
            before = event.refined_from.replace(microsecond=0)
            yield from (each["Key"] for each in page.get("Contents", []) if each["LastModified"] < before)


handler = handler_of("commit_weeks", Commit, commit_weeks, training_tools)
