"""Who decided what, and what came of it: records that are written once and never changed."""

from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import AwareDatetime, Field

from config.names import ARTIFACTS, AUDIT
from lambdas.common.events import Frozen, Key, Text, Version
from lambdas.common.objects import Objects


class Record(Frozen):
    """A decision or its outcome: what was decided (or came of it), when, by whom, between which versions, and why."""

    what: Key
    key: Key
    at: AwareDatetime
    by: Text
    from_version: Version | None = None
    to_version: Version | None = None
    outcome: Text | None = None
    reason: Text
    evidence: dict[str, Any] = Field(default_factory=dict)


class Event(Protocol):
    """What a record is named by: the key of a decision, and when its event came."""

    @property
    def key(self) -> str:
        """The decision's key."""

    @property
    def at(self) -> datetime:
        """When the event came."""


class Audit:
    """The audit records of an environment, each named by its event's own day and key: a retry finds it there."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def write(self, record: Record) -> Record:
        """Write ``record`` unless this decision has one; return the one that stands."""
        found = self._objects.create(_place(record.what, record), record.as_json())
        return record if found is None else Record.model_validate(found.json())

    def read(self, what: str, event: Event) -> Record | None:
        """Return the record ``what`` of the event's decision, if there is one."""
        found = self._objects.read(_place(what, event))
        return None if found is None else Record.model_validate(found.json())


def _place(what: str, event: Event) -> str:
    return f"{ARTIFACTS}/{AUDIT}/{event.at.astimezone(UTC):%Y-%m-%d}/{what}-{event.key}.json"
