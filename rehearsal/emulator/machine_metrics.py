"""What Step Functions publishes of executions in AWS/States, by state machine.

``ExecutionTime`` is the time that it took here, in which waits are shortened.
"""

from datetime import datetime
from typing import Any, Final

from ministack.services import cloudwatch, stepfunctions

from rehearsal.emulator.settings import Settings

_NAMESPACE: Final = "AWS/States"
_COUNTED: Final = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Count each change of an execution's status."""
    emit = stepfunctions._emit_execution_status_event

    def count_and_emit(execution: dict[str, Any]) -> None:
        _count(execution)
        emit(execution)

    stepfunctions._emit_execution_status_event = count_and_emit


def _count(execution: dict[str, Any]) -> None:
    machine = {"StateMachineArn": execution["stateMachineArn"]}
    cloudwatch.record_metric(_NAMESPACE, _COUNTED[execution["status"]], 1, "Count", machine)
    if execution.get("stopDate"):
        start, stop = (datetime.fromisoformat(execution[each]) for each in ("startDate", "stopDate"))
        took = (stop - start).total_seconds() * 1000
        cloudwatch.record_metric(_NAMESPACE, "ExecutionTime", took, "Milliseconds", machine)
