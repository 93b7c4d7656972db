"""The document of a rehearsal, collected as often as somebody looks: what cannot change any more is asked for once."""

from collections.abc import Callable
from typing import Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from config.settings import load_environment
from rehearsal.collect import files
from rehearsal.collect.flow import Flow
from rehearsal.collect.lake import Lake
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
        self._settings = load_environment(environment)
        self._flow = Flow(world)
        self._watch = Watch(world)
        self._lake = Lake(world, self._settings)

    def read(self) -> Document:
        """Return how things stand; what cannot be read is missing, and said in ``faults``."""
        faults: list[str] = []

        def tried(what: str, look: Callable[[], tuple[Found, ...]]) -> tuple[Found, ...]:
            try:
                return look()
            except _UNREADABLE as error:
                faults.append(f"{what}: {type(error).__name__}: {error}")
                return ()

        folder, aws = self._world.folder, self._world.folder / "aws"
        run = files.run(folder, speed=self._world.speed)
        machines = tried("state machines", self._flow.machines)
        models = tried("model packages", self._lake.models)
        alarms = tried("alarms", self._watch.alarms)
        return Document(
            run=run,
            acts=tried("acts", lambda: files.acts(folder)),
            timings=tried("timings", lambda: files.timings(folder)),
            machines=machines,
            executions=tried("executions", lambda: self._flow.executions(machines)),
            jobs=tried("jobs", lambda: files.jobs(aws)),
            models=models,
            decisions=tried("audit records", self._lake.decisions),
            alarms=alarms,
            series=tried("metrics", lambda: self._watch.series(since=run.started)),
            types=tried("resource types", lambda: files.types(aws)),
            reports=tried("reports", self._lake.reports),
            load=tried("load", lambda: files.load(folder)),
            faults=tuple(faults),
        )


def collect(world: World) -> Document:
    """Return the document of a rehearsal as it stands."""
    return Collector(world).read()
