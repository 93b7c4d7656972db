"""A rehearsal from beginning to end: start AWS and the cluster, deploy, play, show, and go."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.settings import load_environment
from ml.progress import say
from rehearsal.aws import emulated
from rehearsal.collect import Collector
from rehearsal.collect.files import types_in_words
from rehearsal.deployment import Deployment
from rehearsal.journal import Journal
from rehearsal.kubernetes import clustered
from rehearsal.manifests import apply_manifests
from rehearsal.page.build import write_page
from rehearsal.page.live import watching
from rehearsal.story.act import Programme
from rehearsal.story.plot import Scene, acts_of, perform
from rehearsal.story.stage import Stage
from rehearsal.story.weeks import Weeks
from rehearsal.world import World

ENVIRONMENT: Final = "dev"
_SEED: Final = 7


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What is played, with which files, where, and how fast waiting goes.

    ``data`` is a folder of weekly files; without one ``baskets`` are invented for each week. With a ``kubeconfig`` the
    cluster is that real one, which must be nobody's.
    """

    folder: Path
    scenes: Sequence[Scene]
    data: Path | None
    baskets: int
    speed: float
    watched: bool
    patience: float
    kubeconfig: Path | None = None

    def play(self) -> Path:
        """Play it; return the page, which is written also where an act fails.

        Raises:
            RehearsalError: something did not start, was not deployed, or did not come as an act says.
            SettingsError: ``data`` has too few files.

        """
        given = Weeks.of(self.data, self.folder) if self.data else None
        said = f"{self.data}" if self.data else f"invented, {self.baskets:,} baskets a week"
        journal = Journal(self.folder, speed=self.speed, data=said)
        programme = Programme(self.folder, acts_of(self.scenes))
        with emulated(self.folder, speed=self.speed) as world:
            collector = Collector(world, environment=ENVIRONMENT)
            with watching(self.folder, collector.read) if self.watched else nullcontext("") as address:
                if address:
                    say(f"▸ watch it at {address}")
                try:
                    self._perform(world, given, journal, programme, collector)
                finally:
                    journal.end()
                    page = write_page(self.folder, collector.read())
        return page

    def _perform(
        self, world: World, given: Weeks | None, journal: Journal, programme: Programme, collector: Collector
    ) -> None:
        deployment = Deployment(world, environment=ENVIRONMENT)
        settings = load_environment(ENVIRONMENT)
        with (
            ThreadPoolExecutor() as beside,
            clustered(world, settings.name("eks"), kubeconfig=self.kubeconfig) as cluster,
        ):
            prepared = [
                beside.submit(_timed, journal, "synthesis", deployment.synthesize),
                beside.submit(_timed, journal, "bootstrap", deployment.bootstrap),
            ]
            weeks = given or Weeks.invented(self.folder, baskets=self.baskets, seed=_SEED)
            for each in prepared:
                each.result()
            _timed(journal, "deployment of all stacks", deployment.deploy)
            say(f"  {types_in_words(self.folder / 'aws')}")
            with _told(journal, "manifests, on a real control plane" if cluster.is_real else "manifests"):
                apply_manifests(world, cluster, ENVIRONMENT)

            def destroy() -> None:
                # What is there is kept when everything goes.
                collector.read()
                _timed(journal, "destruction of all stacks", deployment.destroy)

            stage = Stage(
                world=world,
                settings=settings,
                service=cluster.load_balancer,
                weeks=weeks,
                destroy=destroy,
                patience=self.patience,
                loaded=journal.load,
            )
            perform(stage, self.scenes, programme)


def _timed(journal: Journal, what: str, do: Callable[[], None]) -> None:
    with _told(journal, what):
        do()


@contextmanager
def _told(journal: Journal, what: str) -> Iterator[None]:
    """Enter how long something took, and say it."""
    began = time.monotonic()
    with journal.step(what):
        yield
    say(f"  {what}: {time.monotonic() - began:.0f} s")
