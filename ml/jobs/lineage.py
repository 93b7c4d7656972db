"""Which files a model comes from, and what the ETL dropped of them, out of the weeks' manifests."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml.errors import DataError
from ml.files import read_json


def week_manifests(folder: Path) -> list[dict[str, Any]]:
    """Return what the manifests in ``folder`` (``silver/_manifests``) say of their file, in the order of the weeks.

    Raises:
        DataError: there is none.

    """
    found = [read_json(path)["file"] for path in sorted(folder.glob("*.json"))]
    if not found:
        raise DataError(f"{folder}: no manifest of a week; the ETL writes them to silver/{folder.name}")
    return found


def inputs_of(weeks: Sequence[Mapping[str, Any]], objects: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return name, sha256, week and rows of each input; and, by name, the object (uri, version) it was."""
    known = objects or {}
    return [
        {"name": week["name"], "sha256": week["sha256"], "week": week["week"], "rows": week["rows_in"]}
        | ({"object": known[week["name"]]} if week["name"] in known else {})
        for week in weeks
    ]


def inputs_as_of(objects: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return name and object of each input of a run as of a time; manifests tell of later files only."""
    return [{"name": name, "object": found} for name, found in sorted(objects.items())]


def dropped_of(weeks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many lines and baskets were dropped for which reason, over all weeks."""
    total: Counter[str] = Counter()
    for week in weeks:
        total.update(week["dropped"])
        total.update(week["baskets_dropped"])
    return dict(total)
