"""Begin a release: record it, enter it in the ledger, and let the Deployment ask for the version.

The record says which execution has the release. An event may come twice, and every delivery starts an execution.
"""

from datetime import timedelta
from typing import Literal, get_args

from config.names import ModelStatus
from lambdas.common.audit import Record
from lambdas.common.events import Decided, Frozen, Key, PackageArn, Version
from lambdas.common.ledger import Ledger, Release
from lambdas.common.release import DECISION, EXECUTION, OUTCOME, ReleaseTools, release_tools
from lambdas.common.runtime import handler_of

_Refusal = Literal["refused", "serves_already"]
_Status = Literal["deploying", "ended", "duplicate"] | _Refusal


class Deploy(Decided):
    """An approved version that is to be released; ``key`` names the release from here to its end.

    ``execution`` is the name of the one that asks.
    """

    execution: Key
    version: Version
    package: PackageArn


class Deployed(Frozen):
    """What came of it.

    ``deploying``: look at the rollout next. ``duplicate``: another execution has the release, or had it, and tells of
    it. Otherwise the release has ended here.
    """

    status: _Status
    version: str
    from_version: str | None
    reason: str


def deploy(event: Deploy, tools: ReleaseTools) -> Deployed:
    """Begin the release, or go on with it where it was begun.

    Raises:
        ReleaseUnderWayError: another one has not ended.
        ContendedError, KubernetesError: see there.

    """
    ledger = tools.ledgers.read()
    holder = tools.audit.write(_record(DECISION, event, ledger)).evidence[EXECUTION]
    if holder != event.execution:
        return _answer(event, ledger, "duplicate", f"execution {holder} has this release")
    ended = tools.audit.read(OUTCOME, event)
    if ended is not None:
        status = ended.outcome if ended.outcome in get_args(_Refusal) else "ended"
        return Deployed.model_validate(
            {"status": status, "version": event.version, "from_version": ended.from_version, "reason": ended.reason}
        )
    if not ledger.is_releasing(event.key) and not _is_over(event, ledger):
        status = tools.packages.status(event.package)
        if status != ModelStatus.APPROVED:
            return _end(event, ledger, tools, "refused", f"the model package is {status} by now")
        until = event.at + timedelta(seconds=tools.settings.release_limit_seconds)
        release = Release(key=event.key, version=event.version, package=event.package, since=event.at, until=until)
        ledger = tools.ledgers.update(lambda found: found.began(release))
        if ledger.version == event.version and not _is_over(event, ledger):
            return _end(event, ledger, tools, "serves_already", "it is the champion")
    ledger = tools.deployment.follow(tools.ledgers)
    if ledger.is_releasing(event.key):
        return _answer(event, ledger, "deploying", event.reason)
    return _answer(event, ledger, "ended", "this release has ended before")


def _is_over(event: Deploy, ledger: Ledger) -> bool:
    """Whether the release has come to an end, of either kind: then its outcome is recorded by whoever ended it."""
    return ledger.has_ended(event.key) or ledger.key == event.key


def _end(event: Deploy, ledger: Ledger, tools: ReleaseTools, status: _Refusal, reason: str) -> Deployed:
    outcome = _record(OUTCOME, event, ledger).model_copy(update={"outcome": status, "reason": reason})
    tools.audit.write(outcome)
    return _answer(event, ledger, status, reason)


def _answer(event: Deploy, ledger: Ledger, status: _Status, reason: str) -> Deployed:
    return Deployed(status=status, version=event.version, from_version=ledger.version, reason=reason)


def _record(what: str, event: Deploy, ledger: Ledger) -> Record:
    return Record(
        what=what,
        key=event.key,
        at=event.at,
        by=event.by,
        from_version=ledger.version,
        to_version=event.version,
        reason=event.reason,
        evidence={"package": event.package, EXECUTION: event.execution},
    )


handler = handler_of("deploy", Deploy, deploy, release_tools)
