"""Delivery figures from the lake's records. They are here because a command and a function count alike.

A *deployment* is a version that got to serve, or was on its way and was taken back. It *failed* where it was taken
back, for an alarm, by its own release or by hand. *Lead time* is from the claim of the run that made the version, when
its data had arrived, to the promotion; where a lake has no claim, as on a laptop, from the registration.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from config.frozen import Frozen
from config.names import (
    ARTIFACTS,
    AUDIT,
    CHAMPION,
    MANIFEST,
    MODELS,
    REGISTRY,
    RELEASED,
    ROLLED_BACK,
    RUNS,
    ModelStatus,
)

_PROMOTED = "promoted"
# A version that was to be taken back has failed, also where there was nothing to go back to.
_TAKEN_BACK = frozenset({"rolled_back", "refused"})
_DAYS_A_WEEK = 7


class RecordError(Exception):
    """A record that is none; the message names its key and the field."""


class Lake(Protocol):
    """JSON objects by key."""

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the object at ``key``; None where there is none."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``."""


class Deployment(Frozen):
    """A version that was deployed: when it was promoted (or taken back before that), since when it was on its way."""

    version: str
    at: AwareDatetime
    began: AwareDatetime | None = None
    failed: bool = False


class Figures(Frozen):
    """How delivery went over ``days``: shares are 0 to 1, None where there is nothing to take a mean of."""

    days: int
    deployments: int
    failed: int
    deployments_per_week: float
    failure_rate: float | None
    mean_lead_time_hours: float | None


class _Outcome(BaseModel):
    """What is read of an audit record."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: AwareDatetime
    outcome: str | None = None
    from_version: str | None = None
    to_version: str | None = None


def delivery_figures(lake: Lake, *, use_case: str, now: datetime, days: int) -> Figures:
    """Return the figures of the ``days`` up to ``now``."""
    return summary(deployments(lake, use_case=use_case, now=now, days=days), days=days)


def summary(found: Sequence[Deployment], *, days: int) -> Figures:
    """Return the figures of deployments of so many days."""
    failed = sum(each.failed for each in found)
    leads = [(each.at - each.began) / timedelta(hours=1) for each in found if each.began and each.at >= each.began]
    return Figures(
        days=days,
        deployments=len(found),
        failed=failed,
        deployments_per_week=len(found) * _DAYS_A_WEEK / days,
        failure_rate=failed / len(found) if found else None,
        mean_lead_time_hours=sum(leads) / len(leads) if leads else None,
    )


def deployments(lake: Lake, *, use_case: str, now: datetime, days: int) -> list[Deployment]:
    """Return the deployments of the ``days`` up to ``now``, by time.

    A version that was promoted before and taken back now counts as one that failed now.
    """
    since = now - timedelta(days=days)
    promoted = [*_promoted(lake, since, now), *_approved(lake, use_case, since, now)]
    found = sorted(promoted, key=lambda each: (each.at, each.version))
    for taken in sorted(_records(lake, ROLLED_BACK, since, now), key=lambda each: each.at):
        if taken.outcome in _TAKEN_BACK and taken.from_version:
            _fail(found, taken.from_version, at=taken.at)
    return sorted(found, key=lambda each: (each.at, each.version))


def _fail(found: list[Deployment], version: str, *, at: datetime) -> None:
    """Mark the version's last deployment before ``at`` as failed; one that was on its way has none yet."""
    for place in reversed(range(len(found))):
        each = found[place]
        if each.version == version and each.at <= at and not each.failed:
            found[place] = each.model_copy(update={"failed": True})
            return
    found.append(Deployment(version=version, at=at, failed=True))


def _promoted(lake: Lake, since: datetime, now: datetime) -> Iterator[Deployment]:
    for each in _records(lake, RELEASED, since, now):
        if each.outcome == _PROMOTED and each.to_version:
            yield Deployment(version=each.to_version, at=each.at, began=_began(lake, each.to_version))


def _records(lake: Lake, what: str, since: datetime, now: datetime) -> Iterator[_Outcome]:
    """Yield the records called ``what``; they are filed by day."""
    day = since.astimezone(UTC).date()
    while day <= now.astimezone(UTC).date():
        for key in lake.keys(f"{ARTIFACTS}/{AUDIT}/{day.isoformat()}/{what}-"):
            # One that is gone since it was listed is no record.
            if (record := lake.read(key)) is not None and since < (found := _outcome(key, record)).at <= now:
                yield found
        day += timedelta(days=1)


def _outcome(key: str, record: dict[str, Any]) -> _Outcome:
    try:
        return _Outcome.model_validate(record)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise RecordError(f"{key}: {faults}") from error


def _began(lake: Lake, version: str) -> datetime | None:
    manifest = lake.read(f"{ARTIFACTS}/{MODELS}/{version}/{MANIFEST}")
    run = (manifest or {}).get("run")
    claim = lake.read(f"{ARTIFACTS}/{RUNS}/{run}/claim.json") if run else None
    return datetime.fromisoformat(claim["at"]) if claim else None


def _approved(lake: Lake, use_case: str, since: datetime, now: datetime) -> Iterator[Deployment]:
    """Yield what a laptop's registry approved, which makes a champion there at once."""
    place = f"{ARTIFACTS}/{REGISTRY}/{use_case}/"
    for key in lake.keys(place):
        if "/" in key.removeprefix(place) or key.endswith(f"/{CHAMPION}"):
            continue
        history = (lake.read(key) or {}).get("history", [])
        for entry in history:
            at = datetime.fromisoformat(entry["at"])
            if entry["status"] == ModelStatus.APPROVED and since < at <= now:
                version = key.removeprefix(place).removesuffix(".json")
                yield Deployment(version=version, at=at, began=datetime.fromisoformat(history[0]["at"]))
