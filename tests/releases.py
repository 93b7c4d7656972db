"""Steps of releases, for tests that need one in some state."""

from datetime import datetime, timedelta
from typing import Any

from lambdas.deploy.handler import Deploy, Deployed, deploy
from lambdas.promote.handler import Promote, Promoted, promote
from lambdas.roll_back.handler import Alarm, FailedRelease, RollBack
from tests.flow import AT, Account, Tools


def at(minutes: float) -> datetime:
    """Return a time, so many minutes after the tests' first."""
    return AT + timedelta(minutes=minutes)


EXECUTION = "an-execution"


def deploy_event(
    cloud: Account, version: str, *, minutes: float = 0, key: str = "", execution: str = EXECUTION
) -> Deploy:
    """Return the event that begins the release of ``version``."""
    return Deploy(
        key=key or f"release-{version}",
        at=at(minutes),
        by="registry",
        reason="approved by the gate",
        execution=execution,
        version=version,
        package=cloud.packages[version],
    )


def promote_event(version: str, *, minutes: float = 0, key: str = "") -> Promote:
    """Return the event that ends the release of ``version`` well."""
    return Promote(key=key or f"release-{version}", at=at(minutes), by="release", reason="no alarm in 15 minutes")


def released(cloud: Account, tools: Tools, version: str, *, minutes: float = 0) -> tuple[Deployed, Promoted]:
    """Release ``version`` from beginning to end, in ten minutes."""
    begun = deploy(deploy_event(cloud, version, minutes=minutes), tools)
    return begun, promote(promote_event(version, minutes=minutes + 10), tools)


def alarm_event(*, minutes: float, key: str = "alarm-1", raised: float | None = None) -> RollBack:
    """Return the event of an alarm that was raised at ``raised``, which is when it is handled unless said otherwise."""
    alarm = Alarm(name="error-rate", at=at(minutes if raised is None else raised))
    return RollBack(key=key, at=at(minutes), by="alarm error-rate", reason="error rate over 5 %", alarm=alarm)


def failure_event(
    cloud: Account,
    version: str,
    *,
    minutes: float,
    evidence: dict[str, Any] | None = None,
    execution: str = EXECUTION,
) -> RollBack:
    """Return the event of a release of ``version`` that failed, on the day of its own event."""
    key = f"release-{version}"
    package = cloud.packages[version]
    return RollBack(
        key=key,
        at=at(minutes),
        by="release",
        reason="the smoke test failed",
        release=FailedRelease(key=key, at=at(minutes), execution=execution, version=version, package=package),
        evidence=evidence or {},
    )
