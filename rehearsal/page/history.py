"""From an execution's history to the states that it came through.

The events are of ``GetExecutionHistory``'s shape (AWS Step Functions API Reference, HistoryEvent). Each names the one
before it; by that a failed try is known to belong to its state, also where a Map runs several at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rehearsal.page.document import Failure, Outcome, Visit

LONGEST: Final = 4_000
_ENTERED, _EXITED = "StateEntered", "StateExited"
# Tries of a task: one event of these for each.
_TRIES: Final = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")
_FAILED: Final = ("Failed", "TimedOut", "Aborted")
_ENDED: Final = {
    "ExecutionFailed": Outcome.FAILED,
    "ExecutionTimedOut": Outcome.FAILED,
    "ExecutionAborted": Outcome.STOPPED,
}

Event = Mapping[str, Any]


@dataclass
class _Visit:
    state: str
    kind: str
    entered: datetime
    place: "_Place"
    input: str
    exited: datetime | None = None
    outcome: Outcome = Outcome.RUNNING
    tries: int = 0
    failures: list[Failure] = field(default_factory=list)
    output: str = ""
    # Whether the last thing that happened in it was a failure: if it goes on from there, it was caught.
    broken: bool = False

    def end(self, outcome: Outcome, at: datetime) -> None:
        """Leave it."""
        self.outcome, self.exited = outcome, at


@dataclass(frozen=True)
class _Place:
    """Where an event stands: in which state, and in which iteration of which Map."""

    visit: _Visit | None = None
    map: _Visit | None = None
    iteration: int | None = None


def visits(events: Iterable[Event]) -> tuple[Visit, ...]:
    """Return the visits of an execution's history, in the order in which they began."""
    reader = _Reader()
    for event in events:
        reader.read(event)
    return tuple(
        Visit(
            state=each.state,
            entered=each.entered,
            exited=each.exited,
            outcome=each.outcome,
            tries=each.tries,
            failures=tuple(each.failures),
            iteration=each.place.iteration,
            input=shortened(each.input),
            output=shortened(each.output),
        )
        for each in reader.found
    )


def shortened(text: str) -> str:
    """Return the text, or its beginning where it is very long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"


class _Reader:
    def __init__(self) -> None:
        self.found: list[_Visit] = []
        self._places: dict[int, _Place] = {0: _Place()}
        self._last = 0

    def read(self, event: Event) -> None:
        """Take the next event of the history."""
        # Where an event does not say what it follows, it follows the one before it.
        previous = event.get("previousEventId", self._last)
        before = self._places.get(previous, _Place())
        self._last = event["id"]
        self._places[event["id"]] = self._place(event, before)

    def _place(self, event: Event, before: _Place) -> _Place:
        kind, at = event["type"], event["timestamp"]
        if kind.endswith(_ENTERED):
            return self._enter(event, before)
        if kind.endswith(_EXITED):
            return self._exit(event, before)
        if kind.startswith("MapIteration"):
            return self._iterate(event, before)
        if kind.startswith("Execution"):
            for visit in self._open():
                if kind in _ENDED:
                    visit.end(_ENDED[kind], at)
            return before
        if before.visit is not None:
            _note(before.visit, event)
        return before

    def _enter(self, event: Event, before: _Place) -> _Place:
        details = event["stateEnteredEventDetails"]
        visit = _Visit(
            state=details["name"],
            kind=event["type"].removesuffix(_ENTERED),
            entered=event["timestamp"],
            place=before,
            input=details.get("input", ""),
        )
        self.found.append(visit)
        return _Place(visit, before.map, before.iteration)

    def _exit(self, event: Event, before: _Place) -> _Place:
        details = event["stateExitedEventDetails"]
        known = before.visit
        if known is None or known.state != details["name"]:
            known = next((each for each in reversed(self._open()) if each.state == details["name"]), None)
        if known is None:
            return before
        known.output = details.get("output", "")
        known.end(Outcome.CAUGHT if known.broken else Outcome.PASSED, event["timestamp"])
        return _Place(known, known.place.map, known.place.iteration)

    def _iterate(self, event: Event, before: _Place) -> _Place:
        kind, at = event["type"], event["timestamp"]
        if kind == "MapIterationStarted":
            index = event["mapIterationStartedEventDetails"]["index"]
            return _Place(None, before.visit or before.map, index)
        inside, outside = before.visit, before.map
        if inside is not None and inside.exited is None:
            inside.end(Outcome.STOPPED if kind.endswith("Aborted") else Outcome.FAILED, at)
        if outside is None:
            return before
        outside.broken = outside.broken or not kind.endswith("Succeeded")
        return _Place(outside, outside.place.map, outside.place.iteration)

    def _open(self) -> list[_Visit]:
        return [each for each in self.found if each.exited is None]


def _note(visit: _Visit, event: Event) -> None:
    """Enter what happened inside of a state: a try, its failure, or its success."""
    kind = event["type"]
    if kind in _TRIES:
        visit.tries += 1
    elif kind.endswith(_FAILED):
        details: Mapping[str, Any] = next(
            (each for name, each in event.items() if name.endswith("EventDetails") and isinstance(each, Mapping)), {}
        )
        visit.broken = True
        if details.get("error") or details.get("cause"):
            failure = Failure(
                at=event["timestamp"], error=details.get("error", ""), cause=shortened(details.get("cause", ""))
            )
            visit.failures.append(failure)
    elif kind.endswith("Succeeded"):
        visit.broken = False
