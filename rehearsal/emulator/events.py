"""EventBridge's rules: targets are called as the rule's role, or if they let EventBridge; and S3's events are whole.

A call that is not allowed is counted in ``FailedInvocations`` of AWS/Events by rule, as by AWS, and said in the log.
Patterns and input transformers are ministack's own. A failed call is not tried again.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from ministack.services import cloudwatch, eventbridge, s3

from rehearsal.emulator import fidelity
from rehearsal.emulator.grants import function_refusal, queue_refusal, role_refusal, topic_refusal
from rehearsal.emulator.settings import Settings

_SERVICE: Final = "events.amazonaws.com"
_GRANTED: Final[Mapping[str, Callable[..., str | None]]] = {
    "lambda": function_refusal,
    "sns": topic_refusal,
    "sqs": queue_refusal,
}
_logger: Final = logging.getLogger("events")


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Check each call of a target, and complete what S3 says."""
    fidelity.emulated("AWS::Events::Rule", "A target is called once; there are no dead-letter queues.")
    invoke = eventbridge._invoke_target

    def check_and_invoke(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        refusal = _refusal(target, rule)
        name = rule.get("Name", "")
        cloudwatch.record_metric(
            "AWS/Events", "FailedInvocations" if refusal else "Invocations", 1, "Count", {"RuleName": name}
        )
        if refusal:
            _logger.warning("rule %s, target %s: not called: %s", name, target.get("Id"), refusal)
            return
        invoke(target, event, rule, view)

    eventbridge._invoke_target = check_and_invoke
    _complete_object_events()


def _refusal(target: Mapping[str, Any], rule: Mapping[str, Any]) -> str | None:
    """Return why a target may not be called, None if it may."""
    arn, source = target["Arn"], rule["Arn"]
    service = arn.split(":")[2]
    if service in _GRANTED:
        return _GRANTED[service](arn, service=_SERVICE, source=source)
    if service != "states":
        return f"targets of {service} are not emulated"
    if not target.get("RoleArn"):
        return "RoleArn is required for a state machine"
    return role_refusal(
        target["RoleArn"], "states:StartExecution", arn, service=_SERVICE, source=source, session=rule["Name"]
    )


def _complete_object_events() -> None:
    """Add the version to S3's events about objects."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event
    about = threading.local()

    def fire_s3_event(*args: Any, version_id: str | None = None, **more: Any) -> None:
        about.version = version_id
        try:
            fire(*args, version_id=version_id, **more)
        finally:
            about.version = None

    def dispatch_event(event: dict[str, Any], view: Any = None) -> None:
        version = getattr(about, "version", None)
        if version and event["Source"] == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event["Detail"] = json.dumps(detail)
        dispatch(event, view)

    s3._fire_s3_event = fire_s3_event
    eventbridge._dispatch_event = dispatch_event
