"""End a release well: its version becomes the champion."""

from typing import Literal

from pydantic import Field

from config.names import ModelStatus
from lambdas.common.audit import Record
from lambdas.common.events import Decided, Frozen, Text
from lambdas.common.ledger import Ledger
from lambdas.common.release import OUTCOME, ReleaseTools, release_tools
from lambdas.common.runtime import handler_of


class Promote(Decided):
    """The release that has been verified and watched, by its ``key``; ``evidence`` is what speaks for it."""

    evidence: dict[str, Text | float] = Field(default_factory=dict)


class Promoted(Frozen):
    """What came of it. ``refused``: the release must be taken back."""

    status: Literal["promoted", "refused"]
    version: str | None
    from_version: str | None
    reason: str


def promote(event: Promote, tools: ReleaseTools) -> Promoted:
    """Make the release's version the champion, or go on where that was begun.

    Raises:
        ContendedError, KubernetesError: see there.
        FlowError: the version has no bundle.

    """
    ended = tools.audit.read(OUTCOME, event)
    if ended is not None and ended.outcome == "promoted":
        return _promoted(ended)
    ledger = tools.ledgers.read()
    if ledger.key != event.key:
        release = ledger.release
        if release is None or release.key != event.key:
            return _refusal(ledger, "this release is not under way: it was taken back, or another took its place")
        status = tools.packages.status(release.package)
        if status != ModelStatus.APPROVED:
            return _refusal(ledger, f"the model package is {status} by now")
        found = tools.deployment.read()
        if found.version != release.version:
            return _refusal(ledger, f"the Deployment asks for {found.version}, not for {release.version}")
        tools.descriptors.write(
            release.version, package=release.package, image=found.image, scaling=tools.deployment.scaling()
        )
        ledger = tools.ledgers.update(lambda before: before.promoted(event.key, at=event.at))
        if ledger.key != event.key:
            return _refusal(ledger, "this release was taken back meanwhile")
    tools.descriptors.point_to_champion(tools.ledgers)
    previous = ledger.predecessor.version if ledger.predecessor else None
    outcome = Record(
        what=OUTCOME,
        key=event.key,
        at=event.at,
        by=event.by,
        from_version=previous,
        to_version=ledger.version,
        outcome="promoted",
        reason=event.reason,
        evidence=event.evidence,
    )
    return _promoted(tools.audit.write(outcome))


def _promoted(outcome: Record) -> Promoted:
    return Promoted(
        status="promoted",
        version=outcome.to_version,
        from_version=outcome.from_version,
        reason=outcome.reason,
    )


def _refusal(ledger: Ledger, reason: str) -> Promoted:
    return Promoted(
        status="refused",
        version=ledger.release.version if ledger.release else None,
        from_version=ledger.version,
        reason=reason,
    )


handler = handler_of("promote", Promote, promote, release_tools)
