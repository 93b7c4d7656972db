"""The ledger: which version serves, which were healthy before it, which were taken back, and the release under way.

It is one object, replaced by compare-and-swap. What it says is what the cluster is to run (``wanted``). The functions
here are the only ways in which it changes; each returns the ledger as it is where there is nothing left to do.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from config.names import ARTIFACTS, CHAMPION, REGISTRY
from lambdas.common.errors import ReleaseUnderWayError
from lambdas.common.events import Frozen
from lambdas.common.objects import Objects


class Served(Frozen):
    """A version that was healthy, and its model package if it came from one."""

    version: str
    package: str | None = None


class TakenBack(Frozen):
    """A version that is not to serve any more, by which decision and why; ``release`` is the one that it ended."""

    version: str
    key: str
    release: str | None = None
    at: AwareDatetime
    reason: str


class Release(Frozen):
    """The release under way; after ``until`` its state machine has been stopped, whatever happened to it."""

    key: str
    version: str
    package: str
    since: AwareDatetime
    until: AwareDatetime


class Ledger(BaseModel):
    """The state of one use case's releases.

    ``key`` is the decision that made ``version`` the champion; ``revision`` grows with every change. An alarm from
    before ``alarms_from`` may be about the version before.
    """

    # A pointer that was written by hand or by another registry has a version and may have more.
    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str | None = None
    package: str | None = None
    key: str | None = None
    since: AwareDatetime | None = None
    alarms_from: AwareDatetime | None = None
    revision: int = 0
    healthy: tuple[Served, ...] = ()
    taken_back: tuple[TakenBack, ...] = ()
    release: Release | None = None

    @property
    def wanted(self) -> str | None:
        """The version that is to run: the one being released, else the champion."""
        return self.release.version if self.release else self.version

    @property
    def predecessor(self) -> Served | None:
        """The last version that was healthy before the champion."""
        return self.healthy[-1] if self.healthy else None

    def took(self, key: str) -> bool:
        """Whether the decision ``key`` took a version back."""
        return any(each.key == key for each in self.taken_back)

    def has_ended(self, release: str) -> bool:
        """Whether ``release`` ended without a promotion, or was undone after it."""
        return any(each.release == release for each in self.taken_back)

    def is_releasing(self, key: str) -> bool:
        """Whether the release ``key`` is under way."""
        return self.release is not None and self.release.key == key

    def began(self, release: Release) -> Self:
        """Return the ledger with ``release`` under way, unless it has ended or its version serves already.

        Raises:
            ReleaseUnderWayError: another one is.

        """
        if self.has_ended(release.key) or self.is_releasing(release.key) or self.version == release.version:
            return self
        other = self.release
        if other and release.since < other.until:
            raise ReleaseUnderWayError(
                f"{other.version} is being released since {other.since.isoformat()} ({other.key}); it has until"
                f" {other.until.isoformat()}. To end it now take it back by its key."
            )
        changes: dict[str, object] = {"release": release}
        if other:
            abandoned = TakenBack(
                version=other.version, key=other.key, release=other.key, at=release.since, reason="never ended"
            )
            changes["taken_back"] = (*self.taken_back, abandoned)
        return self.model_copy(update=changes)

    def promoted(self, key: str, *, at: datetime) -> Self:
        """Return the ledger with the version of release ``key`` as champion, unless that is not under way."""
        release = self.release
        if release is None or release.key != key:
            return self
        before = (Served(version=self.version, package=self.package),) if self.version else ()
        return self.model_copy(
            update={
                "version": release.version,
                "package": release.package,
                "key": key,
                "since": at,
                "alarms_from": release.since,
                "healthy": tuple(each for each in (*self.healthy, *before) if each.version != release.version),
                "release": None,
            }
        )

    def took_back(self, change: TakenBack, *, to: str | None, settles: timedelta) -> Self:
        """Return the ledger without the version of ``change``, going back to ``to``.

        It stays as it is where the decision has been carried out, or where going back would not lead to ``to``: then
        it was made of a ledger that has changed since. A release that never began is marked as ended.
        """
        if self.took(change.key):
            return self
        # What is measured until then includes the version that was taken back.
        alarms_from = change.at + settles
        if self.release and self.release.version == change.version:
            ended: dict[str, object] = {"release": None, "alarms_from": alarms_from}
            return self._and_took(change, self.release.key, ended) if to == self.version else self
        if self.version != change.version:
            return self._and_took(change, change.release, {}) if change.release else self
        target = self.predecessor
        if self.release or target is None or target.version != to:
            return self
        return self._and_took(
            change,
            self.key,
            {
                "version": target.version,
                "package": target.package,
                "key": change.key,
                "since": change.at,
                "alarms_from": alarms_from,
                "healthy": self.healthy[:-1],
            },
        )

    def _and_took(self, change: TakenBack, release: str | None, changes: dict[str, object]) -> Self:
        """Return the ledger with ``changes``, and with ``change`` as that which ended ``release``."""
        taken_back = (*self.taken_back, change.model_copy(update={"release": release}))
        return self.model_copy(update={**changes, "taken_back": taken_back})


class LedgerStore:
    """Where the ledger of a use case is kept."""

    def __init__(self, objects: Objects, use_case: str) -> None:
        self._objects = objects
        self._place = f"{ARTIFACTS}/{REGISTRY}/{use_case}/{CHAMPION}"

    def read(self) -> Ledger:
        """Return the ledger; an empty one before the first release."""
        found = self._objects.read(self._place)
        return Ledger() if found is None else Ledger.model_validate(found.json())

    def update(self, change: Callable[[Ledger], Ledger]) -> Ledger:
        """Replace the ledger by what ``change`` makes of it, and return it.

        Raises:
            ContendedError: others changed it each time.

        """
        result = Ledger()

        def swap(found: dict[str, object] | None) -> dict[str, object] | None:
            nonlocal result
            before = Ledger() if found is None else Ledger.model_validate(found)
            result = change(before)
            if result is before:
                return None
            result = result.model_copy(update={"revision": before.revision + 1})
            return result.model_dump(mode="json")

        self._objects.update(self._place, swap)
        return result
