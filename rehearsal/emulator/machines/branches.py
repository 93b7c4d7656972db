"""States inside of a Map or a Parallel, and the Map itself: what one of its items does is seen in the history, too."""

import contextvars
import copy
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions

from rehearsal.emulator.machines.control import EndedEarlyError, go_on, together
from rehearsal.emulator.machines.history import add_event

_WITH_EXECUTION = ("Task", "Parallel", "Map")


def run_states(states: dict[str, Any], start_at: str, given: Any, execution: dict[str, Any], context: Any) -> Any:
    """Run the states of a branch from ``start_at`` to their end; return the output of the last."""
    name: str | None = start_at
    current = copy.deepcopy(given)
    # What a branch assigns is not seen outside of it.
    context = {**context, "variables": dict(context["variables"])}
    while name is not None:
        go_on(execution)
        state = states[name]
        kind = state["Type"]
        context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
        entered = {"name": name, "input": json.dumps(current)}
        add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": entered})
        if kind == "Fail":
            raise stepfunctions._ExecutionError(*stepfunctions._fail_state_error(state, current, context))
        if kind == "Succeed":
            current, following = _succeeded(state, current, context), None
        else:
            # By name: other plug-ins hook them, too.
            execute = getattr(stepfunctions, f"_execute_{kind.lower()}")
            more = (execution, context) if kind in _WITH_EXECUTION else (context,)
            current, following = execute(state, current, *more)
        exited = {"name": name, "output": json.dumps(current)}
        add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": exited})
        name = following
    return current


def _succeeded(state: dict[str, Any], given: Any, context: Any) -> Any:
    if stepfunctions._state_query_language(state, context) == "JSONata":
        return stepfunctions._apply_jsonata_output(state, given, context, default=given)
    return stepfunctions._apply_output_path(state, stepfunctions._apply_input_path(state, given, context), context)


class Maps:
    """Executes inline Maps, in place of the emulator's own way; distributed ones stay the emulator's."""

    def __init__(self) -> None:
        self._rest = stepfunctions._run_map_items

    def run_items(self, state: dict[str, Any], given: Any, execution: dict[str, Any], context: Any) -> Any:
        """Return a Map's output and the name of the next state.

        The first item that fails fails the Map, and ends the others early.
        """
        processor = state.get("ItemProcessor", {})
        jsonata = stepfunctions._state_query_language(state, context) == "JSONata"
        if not jsonata or processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
            return self._rest(state, given, execution, context)
        items = stepfunctions._jsonata_state_field(state, "Items", "array", given, context)
        at_once = stepfunctions._apply_jsonata_template(state.get("MaxConcurrency", 0), given, context) or len(items)
        name = context["State"]["Name"]
        add_event(execution, "MapStateStarted", {"mapStateStartedEventDetails": {"length": len(items)}})
        failures: list[Exception] = []

        def run(index: int, item: Any) -> Any:
            inner = copy.deepcopy(context)
            inner["Map"] = {"Item": {"Index": index, "Value": item}}
            selector = state.get("ItemSelector")
            about = {"name": name, "index": index}
            add_event(execution, "MapIterationStarted", {"mapIterationStartedEventDetails": about})
            try:
                chosen = item if selector is None else stepfunctions._apply_jsonata_template(selector, given, inner)
                result = run_states(processor["States"], processor["StartAt"], chosen, execution, inner)
            except EndedEarlyError:
                add_event(execution, "MapIterationAborted", {"mapIterationAbortedEventDetails": about})
                return None
            except Exception as error:  # noqa: BLE001  it is raised for the Map as a whole
                failures.append(error)
                failed.set()
                add_event(execution, "MapIterationFailed", {"mapIterationFailedEventDetails": about})
                return None
            add_event(execution, "MapIterationSucceeded", {"mapIterationSucceededEventDetails": about})
            return result

        with together() as failed, ThreadPoolExecutor(max(1, min(at_once, len(items)))) as pool:
            futures = [
                pool.submit(contextvars.copy_context().run, run, index, item) for index, item in enumerate(items)
            ]
            results = [each.result() for each in futures]
        go_on(execution)
        if failures:
            add_event(execution, "MapStateFailed")
            raise failures[0]
        add_event(execution, "MapStateSucceeded")
        output = stepfunctions._apply_jsonata_output(state, given, context, result=results, default=results)
        stepfunctions._apply_state_assign(state, given, context, result=results)
        return output, stepfunctions._next_or_end(state)
