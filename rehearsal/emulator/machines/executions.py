"""An execution from its first state to its end."""

import json
import logging
import threading
from typing import Any, Final

from ministack.core.responses import now_iso
from ministack.services import stepfunctions

from rehearsal.emulator.machines.branches import run_states
from rehearsal.emulator.machines.control import EndedEarlyError
from rehearsal.emulator.machines.history import add_event
from rehearsal.emulator.machines.sessions import Sessions

_LOG: Final = logging.getLogger("states")


class Executions:
    """Runs executions, in place of the emulator's own way."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def run(self, arn: str) -> None:
        """Run the execution to its end, in the thread that calls."""
        execution = stepfunctions._executions[arn]
        machine = stepfunctions._state_machines[execution["stateMachineArn"]]
        definition = json.loads(machine["definition"])
        limit = definition.get("TimeoutSeconds")
        timer = threading.Timer(limit, _time_out, (execution,)) if limit else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            output = run_states(
                definition["States"],
                definition["StartAt"],
                json.loads(execution["input"]),
                execution,
                _context(execution, machine, definition),
            )
            _succeed(execution, json.dumps(output))
        except EndedEarlyError:
            # Whoever ended it has said so in the history.
            pass
        except stepfunctions._ExecutionError as error:
            _fail(execution, error.error, error.cause)
        except Exception as error:  # noqa: BLE001  whatever it is, the execution has to end
            _LOG.exception("execution %s", arn)
            _fail(execution, "States.Runtime", repr(error))
        finally:
            if timer is not None:
                timer.cancel()
            self._sessions.forget(execution)


def _context(execution: dict[str, Any], machine: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "RoleArn": machine["roleArn"],
            "StartTime": execution["startDate"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": {},
    }


def _succeed(execution: dict[str, Any], output: str) -> None:
    if execution["status"] != "RUNNING":
        return
    execution |= {"status": "SUCCEEDED", "output": output, "stopDate": now_iso()}
    add_event(execution, "ExecutionSucceeded", {"executionSucceededEventDetails": {"output": output}})
    stepfunctions._emit_execution_status_event(execution)


def _fail(execution: dict[str, Any], error: str, cause: str) -> None:
    # One that was stopped meanwhile stays so.
    if execution["status"] == "RUNNING":
        stepfunctions._fail_execution(execution, error, cause)


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] != "RUNNING":
        return
    execution |= {"status": "TIMED_OUT", "stopDate": now_iso(), "error": "States.Timeout"}
    add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
    stepfunctions._emit_execution_status_event(execution)
