"""The feed job: gold's baskets of some weeks into the feature store."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ml.errors import DataError, SettingsError
from ml.features.store import FeatureGroup, basket_files, in_store_time, records_of
from ml.files import read_json
from ml.progress import say, track


@dataclass(frozen=True, kw_only=True)
class FedWeek:
    """A week to feed: when its file came, and how many baskets gold should have of it, where that is known."""

    week: int
    known_at: datetime
    baskets: int | None = None


def weeks_of_run(run: Path, refined: Path) -> list[FedWeek]:
    """Return the weeks that a run has refined, oldest file first.

    ``run`` holds run.json, which says when each raw file came, ``refined`` etl.json, which says what week each file
    holds and how many baskets.

    Raises:
        SettingsError: one of them is missing, or does not say so.

    """
    described, counted = run / "run.json", refined / "etl.json"
    try:
        came = {each["key"].rpartition("/")[2]: each["came_at"] for each in read_json(described)["raw"]}
        weeks = [
            FedWeek(
                week=int(each["week"]),
                known_at=datetime.fromisoformat(came[each["name"]]),
                baskets=int(each["baskets"]),
            )
            for each in read_json(counted)["files"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{described} and {counted}: do not say when the files of the run came: {error!r}"
        ) from error
    return sorted(weeks, key=lambda each: (each.known_at, each.week))


def feed(*, gold: Path, group: FeatureGroup, weeks: Sequence[FedWeek]) -> dict[str, Any]:
    """Put the baskets of ``weeks`` into ``group``, a week after the other; return what was put.

    A record's event time is when its week's file came, the same in every try: feeding again changes nothing. Later
    files come later, so that the newest values are those of the newest file.

    Raises:
        DataError: gold lacks a week, or holds other baskets of it than the run made. Nothing has been put then.
        StoreError: a record cannot be put. Others have been; feeding again puts all.

    """
    began = time.monotonic()
    files = {each.week: basket_files(gold, each.week) for each in weeks}
    counts = {week: sum(pq.read_metadata(file).num_rows for file in found) for week, found in files.items()}
    for each in weeks:
        if each.baskets not in {None, counts[each.week]}:
            raise DataError(
                f"{gold}: holds {counts[each.week]:,} baskets of week {each.week}, where the run made"
                f" {each.baskets:,}; run the ETL on its file again"
            )
    fed = []
    for each in weeks:
        records = records_of(files[each.week], known_at=each.known_at)
        group.put(track(records, label=f"feed {each.week}", total=counts[each.week]))
        event_time = in_store_time(each.known_at)
        fed.append({"week": each.week, "event_time": event_time, "baskets": counts[each.week]})
        say(f"  week {each.week}: {counts[each.week]:,} baskets, known since {event_time}")
    return {"weeks": fed, "baskets": sum(counts.values()), "seconds": round(time.monotonic() - began, 3)}
