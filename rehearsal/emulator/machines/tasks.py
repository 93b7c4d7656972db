"""A Task: its arguments, its call, another try, a way out."""

import contextvars
import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Final

from ministack.services import stepfunctions

from rehearsal.emulator.machines.control import EndedEarlyError, ended_early, go_on
from rehearsal.emulator.machines.history import add_event
from rehearsal.emulator.machines.integrations import TaskError, request, split
from rehearsal.emulator.machines.jobs import run_job
from rehearsal.emulator.machines.sessions import Session, Sessions
from rehearsal.emulator.roles import AssumeRoleError

_JOBS: Final = {
    "arn:aws:states:::sagemaker:createProcessingJob.sync": "Processing",
    "arn:aws:states:::sagemaker:createTrainingJob.sync": "Training",
}
# Not even States.ALL takes these.
_FINAL: Final = ("States.Runtime", "States.DataLimitExceeded")
_DEFAULT_TRIES: Final = 3
_POLL_SECONDS: Final = 0.2


class Tasks:
    """Executes Task states, in place of the emulator's own way."""

    def __init__(self, sessions: Sessions, *, region: str) -> None:
        self._sessions = sessions
        self._region = region
        # What is not done here: activities, callbacks, and integrations that only the emulator knows.
        self._rest = stepfunctions._execute_task

    def execute(self, state: dict[str, Any], given: Any, execution: dict[str, Any], context: dict[str, Any]) -> Any:
        """Return a Task's output and the name of the next state."""
        resource = state["Resource"]
        if ".waitForTaskToken" in resource or ":activity:" in resource:
            return self._rest(state, given, execution, context)
        tries: dict[int, int] = {}
        while True:
            go_on(execution)
            context["State"]["RetryCount"] = sum(tries.values())
            try:
                return self._once(state, given, execution, context)
            except stepfunctions._ExecutionError as error:
                go_on(execution)
                wait = _wait_before_another_try(state, error.error, tries)
                if wait is None:
                    return _caught(state, given, context, error)
                stepfunctions._scaled_sleep(wait)

    def _once(self, state: dict[str, Any], given: Any, execution: dict[str, Any], context: dict[str, Any]) -> Any:
        resource, language = state["Resource"], stepfunctions._state_query_language(state, context)
        if language == "JSONata":
            arguments = stepfunctions._apply_jsonata_arguments(state, given, context)
        else:
            chosen = stepfunctions._apply_input_path(state, given, context)
            arguments = stepfunctions._apply_parameters(state, chosen, context)
        limit = state.get("TimeoutSeconds")
        result = self._called(resource, arguments, execution, limit)
        if language == "JSONata":
            output = stepfunctions._apply_jsonata_output(state, given, context, result=result, default=result)
            stepfunctions._apply_state_assign(state, given, context, result=result)
        else:
            selected = stepfunctions._apply_result_selector(state, result)
            output = stepfunctions._apply_output_path(
                state, stepfunctions._apply_result_path(state, given, selected), context
            )
        return output, stepfunctions._next_or_end(state)

    def _called(self, resource: str, arguments: Any, execution: dict[str, Any], limit: float | None) -> Any:
        """Call what the Task names, and keep it in the history."""
        kind, action = split(resource)
        shown = {"resourceType": kind, "resource": action}
        asked = {**shown, "region": self._region, "parameters": json.dumps(arguments)}
        scheduled = {**asked, **({"timeoutInSeconds": int(limit)} if limit else {})}
        add_event(execution, "TaskScheduled", {"taskScheduledEventDetails": scheduled})
        add_event(execution, "TaskStarted", {"taskStartedEventDetails": shown})
        try:
            session = self._sessions.of(execution)
            result = self._result(resource, arguments, execution, session, limit)
        except AssumeRoleError as error:
            raise self._failed(execution, shown, "States.Runtime", str(error)) from error
        except TaskError as error:
            raise self._failed(execution, shown, error.error, error.cause) from error
        add_event(execution, "TaskSucceeded", {"taskSucceededEventDetails": {**shown, "output": json.dumps(result)}})
        return result

    def _result(
        self, resource: str, arguments: Any, execution: dict[str, Any], session: Session, limit: float | None
    ) -> Any:
        if resource in _JOBS:
            until = time.monotonic() + limit if limit else None
            done = run_job(_JOBS[resource], arguments, session, until=until, ended_early=lambda: ended_early(execution))
            go_on(execution)
            return done
        return _limited(resource, arguments, execution, session, limit)

    @staticmethod
    def _failed(execution: dict[str, Any], shown: dict[str, Any], error: str, cause: str) -> Exception:
        go_on(execution)
        kind = "TaskTimedOut" if error == "States.Timeout" else "TaskFailed"
        details = f"{kind[0].lower()}{kind[1:]}EventDetails"
        add_event(execution, kind, {details: {**shown, "error": error, "cause": cause}})
        failure: Exception = stepfunctions._ExecutionError(error, cause)
        return failure


def with_retry_and_catch(state: dict[str, Any], given: Any, context: dict[str, Any], attempt: Callable[[], Any]) -> Any:
    """Run an attempt of a Map or a Parallel by the state's Retry and Catch; return output and next state."""
    here, tries = context["State"], dict[int, int]()
    while True:
        context["State"] = {**here, "RetryCount": sum(tries.values())}
        try:
            return attempt()
        except stepfunctions._ExecutionError as error:
            wait = _wait_before_another_try(state, error.error, tries)
            if wait is None:
                return _caught(state, given, context, error)
            stepfunctions._scaled_sleep(wait)


def _limited(resource: str, arguments: Any, execution: dict[str, Any], session: Session, limit: float | None) -> Any:
    """Call and wait for the answer while the Task has time and its branch goes on; the call itself is not undone."""
    pool = ThreadPoolExecutor(max_workers=1)
    # A worker has no context of its own: whose account it is would be lost.
    future = pool.submit(contextvars.copy_context().run, request, resource, arguments, session)
    pool.shutdown(wait=False)
    until = time.monotonic() + limit if limit else None
    while True:
        try:
            return future.result(_POLL_SECONDS)
        except FutureTimeoutError:
            if future.done():
                raise
        if ended_early(execution):
            raise EndedEarlyError
        if until is not None and time.monotonic() > until:
            raise TaskError("States.Timeout", f"{resource}: no answer within {limit} seconds")


def _wait_before_another_try(state: dict[str, Any], error: str, tries: dict[int, int]) -> float | None:
    """Return the seconds to wait before another try of a failed state, None if there is none left."""
    if error in _FINAL:
        return None
    for index, each in enumerate(state.get("Retry", [])):
        if not stepfunctions._error_matches(each["ErrorEquals"], error):
            continue
        done = tries.get(index, 0)
        # The first that matches decides; once it is used up there is no other.
        if done >= each.get("MaxAttempts", _DEFAULT_TRIES):
            return None
        tries[index] = done + 1
        wait = float(each.get("IntervalSeconds", 1)) * float(each.get("BackoffRate", 2.0)) ** done
        wait = min(wait, each.get("MaxDelaySeconds", wait))
        return random.uniform(0, wait) if each.get("JitterStrategy") == "FULL" else wait  # noqa: S311  no secret
    return None


def _caught(state: dict[str, Any], given: Any, context: dict[str, Any], error: Any) -> Any:
    """Return the output and the next state of a Catch; without one that matches the error goes on."""
    catcher = None
    if error.error not in _FINAL:
        catcher = stepfunctions._find_matching_catcher(state.get("Catch", []), error.error)
    if catcher is None:
        raise error
    language = stepfunctions._state_query_language(state, context)
    told = {"Error": error.error, "Cause": error.cause}
    return stepfunctions._apply_catcher(catcher, given, context, language, told), catcher["Next"]
