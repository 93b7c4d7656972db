"""The whole story in order, and how it is played."""

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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

# After a roll-back alarms settle for a quarter of an hour, unless another version is promoted: so a person's choice
# comes before the alarm about quality, and the two about the service are raised while their version bakes. What comes
# between these two lets the first alarm end.
ACTS: Final[tuple[Act, ...]] = (
    FIRST_DATA,
    BETTER_DATA,
    BAD_FILE,
    LATENCY,
    WEAK_CANDIDATE,
    NEVER_READY,
    PERSON,
    QUALITY,
    ERRORS,
    GOODBYE,
)
# Only played where they are asked for by name.
EXTRA: Final[tuple[Act, ...]] = (PERMISSIONS, FAULTS)
# What the test suite plays.
SHORT: Final = ("first-data", "bad-file", "failing-version", "goodbye")


def chosen(names: Sequence[str]) -> tuple[Act, ...]:
    """Return the named acts with all that has to be played before them, in order; the story where none is named.

    Raises:
        SettingsError: there is no such act.

    """
    known = {act.name: act for act in _in_order()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(f"acts: there is no {unknown[0]}; choose among {', '.join(known)}")
    wanted: set[str] = set()

    def want(name: str) -> None:
        wanted.add(name)
        for each in known[name].after:
            want(each)

    for name in names or [act.name for act in ACTS]:
        want(name)
    return tuple(act for act in known.values() if act.name in wanted)


def _in_order() -> tuple[Act, ...]:
    """Return all acts there are; after the last one of the story nothing can be played."""
    return (*ACTS[:-1], *EXTRA, ACTS[-1])


def perform(stage: Stage, acts: Sequence[Act], programme: Programme) -> None:
    """Play ``acts``; one that fails ends the story, and one beside it is played to its end before."""
    waiting = deque(acts)
    while waiting:
        act, beside = waiting.popleft(), list[Act]()
        while waiting and waiting[0].name in act.meanwhile:
            beside.append(waiting.popleft())
        if not beside:
            _play(stage, act, programme)
            continue
        with ThreadPoolExecutor(1) as executor:
            going_on = executor.submit(_play, stage, act, programme, f"{act.name}: ")
            for each in beside:
                _play(stage, each, programme, f"{each.name}: ")
            going_on.result()


def _play(stage: Stage, act: Act, programme: Programme, by: str = "") -> None:
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
