"""The whole story in order, and how it is played."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

from ml.errors import SettingsError
from ml.progress import say
from rehearsal.story.act import Act, Programme
from rehearsal.story.alarms import ERRORS, LATENCY, QUALITY
from rehearsal.story.arrivals import BAD_FILE, BETTER_DATA, FIRST_DATA, WEAK_CANDIDATE
from rehearsal.story.faults import FAULTS
from rehearsal.story.goodbye import GOODBYE
from rehearsal.story.permissions import PERMISSIONS
from rehearsal.story.releases import NEVER_READY, PERSON
from rehearsal.story.stage import Stage

Line = tuple[Act, ...]
# Lines of acts that are played at a time; those of a line one after the other.
Scene = tuple[Line, ...]

# After a roll-back alarms settle for a quarter of an hour, unless another version is promoted: so a person's choice
# comes before the alarm about quality, and the two about the service are raised while their version bakes. What comes
# between these two lets the first alarm end. What serves stays the same until the weak candidate's champion is chosen.
SCENES: Final[tuple[Scene, ...]] = (
    ((FIRST_DATA, BETTER_DATA),),
    ((BAD_FILE, WEAK_CANDIDATE), (NEVER_READY, LATENCY, PERSON)),
    ((QUALITY, ERRORS),),
    ((GOODBYE,),),
)
# Only played where they are asked for by name; after the last act of the story nothing can be.
EXTRA: Final[Scene] = ((PERMISSIONS, FAULTS),)
# What the test suite plays.
SHORT: Final = ("first-data", "bad-file", "failing-version", "goodbye")


def acts_of(scenes: Sequence[Scene]) -> tuple[Act, ...]:
    """Return the acts of ``scenes`` in order."""
    return tuple(act for scene in scenes for line in scene for act in line)


def chosen(names: Sequence[str]) -> tuple[Scene, ...]:
    """Return the scenes of the named acts with all that has to be played before them; the story where none is named.

    Raises:
        SettingsError: there is no such act.

    """
    scenes = (*SCENES[:-1], EXTRA, SCENES[-1])
    known = {act.name: act for act in acts_of(scenes)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(f"acts: there is no {unknown[0]}; choose among {', '.join(known)}")
    wanted: set[str] = set()

    def want(name: str) -> None:
        wanted.add(name)
        for each in known[name].after:
            want(each)

    for name in names or [act.name for act in acts_of(SCENES)]:
        want(name)
    left = (tuple(tuple(act for act in line if act.name in wanted) for line in scene) for scene in scenes)
    played = (tuple(line for line in scene if line) for scene in left)
    return tuple(scene for scene in played if scene)


def perform(stage: Stage, scenes: Sequence[Scene], programme: Programme) -> None:
    """Play ``scenes``; an act that fails ends the story, and lines beside its own are played to their end before."""
    for scene in scenes:
        line, *others = scene
        named = bool(others)
        executor = ThreadPoolExecutor(len(scene))
        try:
            beside = [executor.submit(_play_line, stage, each, programme, named=named) for each in others]
            try:
                _play_line(stage, line, programme, named=named)
            except Exception:
                wait(beside)
                raise
            for each in wait(beside).done:
                each.result()
        finally:
            # Who interrupts does not wait for what goes on beside: that fails when its world is gone.
            executor.shutdown(wait=False)


def _play_line(stage: Stage, line: Line, programme: Programme, *, named: bool) -> None:
    for act in line:
        _play(stage, act, programme, f"{act.name}: " if named else "")


def _play(stage: Stage, act: Act, programme: Programme, by: str) -> None:
    """Play an act; what it says begins with ``by``."""
    say(f"▸ {act.title}")
    programme.begin(act)
    began = time.monotonic()

    def noted(words: str) -> None:
        say(f"  {by}{words}")
        programme.note(act, words)

    try:
        act.play(stage.during(act.name, noted))
    except Exception as error:
        programme.end(act, problem=f"{type(error).__name__}: {error}")
        say(f"  {by}failed after {time.monotonic() - began:.0f} s: {error}")
        raise
    programme.end(act, problem=None)
    say(f"  {by}done in {time.monotonic() - began:.0f} s")
