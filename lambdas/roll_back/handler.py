"""Take a version back: for an alarm, for a release that failed, or because a person says so.

What is taken back and what is gone back to is decided once and recorded; whoever comes later with the same event goes
on by that record. An alarm about a version that does not serve any more changes nothing.
"""

from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from config.names import ROLLED_BACK
from lambdas.common.audit import Record
from lambdas.common.events import Decided, Frozen, Key, Text, Version
from lambdas.common.ledger import Ledger, TakenBack
from lambdas.common.release import DECISION as RELEASE_DECISION
from lambdas.common.release import EXECUTION, ReleaseTools, release_tools
from lambdas.common.runtime import handler_of

DECISION = "roll-back"
OUTCOME = ROLLED_BACK


class Alarm(Frozen):
    """An alarm that was raised, by name, and when it was."""

    name: Text
    at: AwareDatetime


class FailedRelease(Frozen):
    """A release that failed, by its key and when its event came, with the version and its package.

    ``execution`` is the name of the one that failed at it.
    """

    key: Key
    at: AwareDatetime
    execution: Key
    version: Version
    package: Text


class RollBack(Decided):
    """Why a version is to be taken back: exactly one of ``alarm``, ``release`` and ``version`` (by hand)."""

    alarm: Alarm | None = None
    release: FailedRelease | None = None
    version: Version | None = None
    evidence: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_cause(self) -> Self:
        if sum(each is not None for each in (self.alarm, self.release, self.version)) != 1:
            raise ValueError("exactly one of alarm, release and version")
        return self


# What is decided. ``end``: a release that failed before it changed anything.
_Verdict = Literal["take_back", "refuse", "end", "nothing"]
_Status = Literal["rolled_back", "refused", "nothing"]


class Taken(Frozen):
    """What came of it.

    ``rolled_back``: look at the rollout of ``to_version`` next. ``refused``: there is no healthy version to go back to,
    and a person must come. ``nothing``: there was nothing to take back; ``reason`` says why.
    """

    status: _Status
    from_version: str | None
    to_version: str | None
    reason: str


def roll_back(event: RollBack, tools: ReleaseTools) -> Taken:
    """Take the version back, or go on where that was begun.

    Raises:
        ContendedError, KubernetesError: see there.

    """
    holder = _other_holder(event.release, tools) if event.release else None
    if holder is not None:
        # Nothing is recorded: the records of this key are for that execution, should it fail.
        reason = f"execution {holder} has this release"
        return Taken(status="nothing", from_version=None, to_version=None, reason=reason)
    ended = tools.audit.read(OUTCOME, event)
    if ended is not None:
        return _answer(ended)
    # Where this was decided before, that decision stands.
    decision = tools.audit.write(_decide(event, tools.ledgers.read()))
    outcome = _carry_out(decision, event, tools)
    return _answer(tools.audit.write(outcome))


def _other_holder(failed: FailedRelease, tools: ReleaseTools) -> str | None:
    """Return which other execution has the release, if so: one that came of the same event must not undo it."""
    begun = tools.audit.read(RELEASE_DECISION, failed)
    holder = None if begun is None else str(begun.evidence[EXECUTION])
    return None if holder == failed.execution else holder


def _decide(event: RollBack, ledger: Ledger) -> Record:
    """Return the decision: which version, back to which, or why not."""
    release, failed = ledger.release, event.release
    if failed and not (ledger.is_releasing(failed.key) or ledger.key == failed.key or ledger.has_ended(failed.key)):
        return _record(event, "end", "the release had not begun", version=failed.version, package=failed.package)
    reason = _why_not(event, ledger)
    if reason:
        return _record(event, "nothing", reason)
    if release:
        return _undo(event, release.version, release.package, to=ledger.version)
    assert ledger.version, "a version runs"
    predecessor = ledger.predecessor
    return _undo(event, ledger.version, ledger.package, to=predecessor.version if predecessor else None)


def _why_not(event: RollBack, ledger: Ledger) -> str | None:
    """Return why there is nothing to take back, if so."""
    runs = ledger.wanted
    if event.release and ledger.has_ended(event.release.key):
        return "this release has ended before"
    if runs is None:
        return "no version has been released yet"
    if event.version not in {None, runs}:
        return f"{event.version} does not run; {runs} does"
    # A release may begin while alarms still measure the one before it, which was taken back.
    begun = (ledger.release.since if ledger.release else None, ledger.alarms_from)
    since = max((each for each in begun if each), default=None)
    if event.alarm and since and event.alarm.at < since:
        return f"the alarm may be about the version before: {runs} is judged by alarms from {since.isoformat()} on"
    return None


def _undo(event: RollBack, version: str, package: str | None, *, to: str | None) -> Record:
    if to is None:
        reason = f"there is no healthy version before {version}; {event.reason}"
        return _record(event, "refuse", reason, version=version, package=package)
    return _record(event, "take_back", event.reason, version=version, package=package, to=to)


def _record(
    event: RollBack,
    verdict: _Verdict,
    reason: str,
    *,
    version: str | None = None,
    package: str | None = None,
    to: str | None = None,
) -> Record:
    causes = event.model_dump(mode="json", include={"alarm", "release", "version"}, exclude_none=True)
    return Record(
        what=DECISION,
        key=event.key,
        at=event.at,
        by=event.by,
        from_version=version,
        to_version=to,
        outcome=verdict,
        reason=reason,
        evidence={**event.evidence, **causes, "package": package},
    )


def _carry_out(decision: Record, event: RollBack, tools: ReleaseTools) -> Record:
    """Do what was decided, each step only where it is not done; return the outcome."""
    if decision.from_version is None:
        return _outcome(decision, "nothing", decision.reason)
    change = TakenBack(
        version=decision.from_version,
        key=event.key,
        release=event.release.key if event.release else None,
        at=event.at,
        reason=decision.reason,
    )
    settles = timedelta(seconds=tools.settings.alarm_settle_seconds)
    ledger = tools.ledgers.update(lambda found: found.took_back(change, to=decision.to_version, settles=settles))
    if ledger.took(event.key):
        tools.deployment.follow(tools.ledgers)
        if decision.evidence["package"]:
            tools.packages.reject(decision.evidence["package"], decision.reason)
        tools.descriptors.point_to_champion(tools.ledgers)
    elif decision.outcome == "take_back":
        return _outcome(decision, "nothing", f"{ledger.wanted} runs by now")
    statuses: dict[str | None, _Status] = {"take_back": "rolled_back", "refuse": "refused"}
    return _outcome(decision, statuses.get(decision.outcome, "nothing"), decision.reason)


def _outcome(decision: Record, status: _Status, reason: str) -> Record:
    return decision.model_copy(update={"what": OUTCOME, "outcome": status, "reason": reason})


def _answer(outcome: Record) -> Taken:
    return Taken.model_validate(
        {
            "status": outcome.outcome,
            "from_version": outcome.from_version,
            "to_version": outcome.to_version,
            "reason": outcome.reason,
        }
    )


handler = handler_of("roll-back", RollBack, roll_back, release_tools)
