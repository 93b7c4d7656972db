"""The document of a rehearsal, collected as often as somebody looks.

What was seen once stays in it: at the end of a rehearsal everything is destroyed, and the page is to show it still.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from config.settings import load_environment
from rehearsal.collect import files
from rehearsal.collect.flow import Flow
from rehearsal.collect.lake import Lake
from rehearsal.collect.stacks import Stacks
from rehearsal.collect.watch import Watch
from rehearsal.page.document import Document
from rehearsal.world import World

Found = TypeVar("Found")
# What a source raises that is not there yet, not there any more, or half written.
_UNREADABLE: Final = (BotoCoreError, ClientError, OSError, ValueError, KeyError, TypeError)


class Collector:
    """Reads a world again and again; its reports are copied into ``<folder>/reports``."""

    def __init__(self, world: World, *, environment: str = "dev") -> None:
        self._world = world
        self._flow = Flow(world)
        self._watch = Watch(world)
        self._stacks = Stacks(world)
        self._lake = Lake(world, load_environment(environment))
        self._seen: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def read(self) -> Document:
        """Return how things stand, with all that was seen before; what cannot be read is said in ``faults``."""
        with self._lock:
            return self._read()

    def _read(self) -> Document:
        faults: list[str] = []

        def seen(what: str, look: Callable[[], Iterable[Found]], key: Callable[[Found], str]) -> tuple[Found, ...]:
            known = self._seen.setdefault(what, {})
            try:
                known.update({key(each): each for each in look()})
            except _UNREADABLE as error:
                if not _is_away(error):
                    faults.append(f"{what}: {type(error).__name__}: {error}")
            return tuple(known.values())

        folder, aws = self._world.folder, self._world.folder / "aws"
        run = files.run(folder, speed=self._world.speed)
        machines = seen("state machines", self._flow.machines, lambda each: each.name)
        return Document(
            run=run,
            acts=seen("acts", lambda: files.acts(folder), lambda each: each.name),
            timings=(
                *seen("timings", lambda: files.timings(folder), lambda each: f"{each.step} {each.started}"),
                *seen("stacks", self._stacks.timings, lambda each: each.step),
            ),
            machines=machines,
            executions=seen("executions", lambda: self._flow.executions(machines), lambda each: each.arn),
            jobs=seen("jobs", lambda: files.jobs(aws), lambda each: each.name),
            models=seen("model packages", self._lake.models, lambda each: each.version),
            decisions=seen("audit records", self._lake.decisions, lambda each: f"{each.what} {each.at}"),
            alarms=seen("alarms", self._watch.alarms, lambda each: each.name),
            series=seen("metrics", lambda: self._watch.series(since=run.started), lambda each: each.key),
            types=seen("resource types", lambda: files.types(aws), lambda each: each.type),
            reports=seen("reports", self._lake.reports, lambda each: each.href),
            load=seen("load", lambda: files.load(folder), lambda each: f"{each.name} {each.started}"),
            faults=tuple(faults),
        )


def _is_away(error: Exception) -> bool:
    """Say whether what was looked into is not deployed yet, or was destroyed."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchBucket"


def collect(world: World) -> Document:
    """Return the document of a rehearsal as it stands."""
    return Collector(world).read()
