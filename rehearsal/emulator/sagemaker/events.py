"""SageMaker's events on EventBridge's default bus."""

import json
import threading
from typing import Any, Final

from rehearsal.emulator.sagemaker.state import Item, State

_MILLISECONDS: Final = 1000
# Whoever waits in this process for a job's end is woken by its event, as AWS's own services are.
changed: Final = threading.Condition()


def emit(state: State, kind: str, detail: Item, *, arn: str) -> None:
    """Put an event about ``arn``, such as ``SageMaker Training Job State Change``; times in it are milliseconds."""
    from ministack.core.responses import request_scope
    from ministack.services import eventbridge

    entry = {
        "Source": "aws.sagemaker",
        "DetailType": f"SageMaker {kind} State Change",
        "Detail": json.dumps(_milliseconds(detail)),
        "Resources": [arn],
    }
    with request_scope(state.account, state.region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    with changed:
        changed.notify_all()


def _milliseconds(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _milliseconds(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_milliseconds(each) for each in value]
    if name.endswith("Time") and isinstance(value, int | float):
        return int(value * _MILLISECONDS)
    return value
