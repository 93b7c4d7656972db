"""EventBridge starts a state machine as the role of its rule's target."""

import logging
from typing import Any, Final

from rehearsal.emulator.roles import AssumeRoleError, DeniedError, assume, require
from rehearsal.emulator.settings import Settings

_LOG: Final = logging.getLogger("events")
_SERVICE: Final = "events.amazonaws.com"


def install_triggers(settings: Settings) -> None:
    """Have the role of each target that is a state machine checked; one that may not start it starts nothing."""
    from ministack.services import eventbridge

    deliver = eventbridge._invoke_target

    def deliver_as_its_role(target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None) -> None:
        machine = target.get("Arn", "")
        if machine.startswith("arn:aws:states:"):
            try:
                _may_start(machine, target.get("RoleArn"), rule.get("Arn"), region=settings.region)
            except (AssumeRoleError, DeniedError) as error:
                _LOG.warning("rule %s starts nothing: %s", rule.get("Name"), error)
                return
        deliver(target, event, rule, view)

    eventbridge._invoke_target = deliver_as_its_role


def _may_start(machine: str, role: str | None, rule: str | None, *, region: str) -> None:
    if role is None:
        raise DeniedError(f"its target {machine} has no RoleArn")
    session = assume(role, service=_SERVICE, session="events", source=rule)
    require(session.access_key, "states:StartExecution", machine, service="states", region=region)
