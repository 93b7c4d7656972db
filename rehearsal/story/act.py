"""What an act is, and the list of what happened that the page is made from."""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ml.files import write_json
from rehearsal.processes import RehearsalError

if TYPE_CHECKING:
    from rehearsal.story.stage import Stage

STORY: Final = "story.json"


class UnmetExpectationError(RehearsalError):
    """Something did not come as an act says that it must."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """A part of the story: ``play`` does it and raises UnmetExpectationError where what must come does not.

    ``after`` is what has to have been played before: acts that make what this one begins with.
    """

    name: str
    title: str
    does: str
    expects: str
    play: Callable[["Stage"], None]
    after: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Played:
    """How an act went. Times are ISO, UTC."""

    name: str
    title: str
    does: str
    expects: str
    status: Literal["waiting", "running", "passed", "failed"] = "waiting"
    started: str | None = None
    ended: str | None = None
    notes: list[str] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)


class Programme:
    """All acts of a rehearsal and how they went, kept in ``story.json`` from the first moment on."""

    def __init__(self, folder: Path, acts: tuple[Act, ...]) -> None:
        self._file = folder / STORY
        self._lock = threading.Lock()
        self._played = {
            act.name: Played(name=act.name, title=act.title, does=act.does, expects=act.expects) for act in acts
        }
        self._save()

    def begin(self, act: Act) -> None:
        """Enter that ``act`` begins."""
        played = self._played[act.name]
        played.status, played.started = "running", _now()
        self._save()

    def note(self, act: Act, words: str) -> None:
        """Enter something that was seen."""
        self._played[act.name].notes.append(words)
        self._save()

    def end(self, act: Act, *, problem: str | None) -> None:
        """Enter how ``act`` ended."""
        played = self._played[act.name]
        played.status, played.ended = ("failed" if problem else "passed"), _now()
        if problem:
            played.notes.append(problem)
        self._save()

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of acts that failed."""
        return tuple(each.name for each in self._played.values() if each.status == "failed")

    def _save(self) -> None:
        with self._lock:
            write_json(self._file, [asdict(each) for each in self._played.values()])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
