"""State machines walked in this process: real JSONata, tasks answered by the test."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonata
from jsonata.utils import Utils

State = dict[str, Any]
# What a task answers to its arguments; an exception is the error.
Answer = Callable[[Any], Any]

CONTEXT = {
    "Execution": {
        "Id": "arn:aws:states:ap-southeast-1:123456789012:execution:mlops-dev-training:an-execution",
        "Name": "an-execution",
        "StartTime": "2026-03-02T10:00:00.000Z",
    },
}
FIRST_ENTERED = datetime(2026, 3, 2, 10, 5, tzinfo=UTC)


class TaskError(Exception):
    """A task that fails with an error's name."""

    def __init__(self, name: str, cause: str = "because") -> None:
        super().__init__(name)
        self.name, self.cause = name, cause


@dataclass
class Walk:
    """One execution: the states it came through, and what its tasks were given. Time passes in Waits only."""

    definition: State
    answers: Mapping[str, Any]
    input: Any = field(default_factory=dict)
    name: str = CONTEXT["Execution"]["Name"]
    states: list[str] = field(default_factory=list)
    given: dict[str, list[Any]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    # Seconds that were waited.
    waited: float = 0

    def run(self) -> str:
        """Walk to the end; return the name of the last state."""
        return self._walk(self.definition, self.input, self.variables, CONTEXT | {"Execution": self._execution()})[0]

    @property
    def now(self) -> str:
        """The time, as a state machine says it."""
        return (
            (FIRST_ENTERED + timedelta(seconds=self.waited)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )

    def _execution(self) -> dict[str, Any]:
        return {**CONTEXT["Execution"], "Name": self.name, "Input": self.input}

    def _walk(self, machine: State, value: Any, variables: dict[str, Any], context: State) -> tuple[str, Any]:
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            self.states.append(name)
            scope = {"input": value, "context": {**context, "State": {"EnteredTime": self.now}}}
            then, value = self._step(name, state, scope, variables)
            if then is None:
                return name, value
            name = then

    def _step(self, name: str, state: State, scope: State, variables: dict[str, Any]) -> tuple[str | None, Any]:
        kind = state["Type"]
        if kind == "Choice":
            for each in state["Choices"]:
                if evaluate(each["Condition"], scope, variables) is True:
                    return each["Next"], scope["input"]
            return state["Default"], scope["input"]
        if kind == "Fail":
            raise_as = TaskError(
                evaluate(state["Error"], scope, variables), str(evaluate(state["Cause"], scope, variables))
            )
            if "Map" in scope["context"]:
                raise raise_as
            return None, scope["input"]
        if kind == "Wait":
            self.waited += float(evaluate(state["Seconds"], scope, variables))
        if kind in {"Task", "Map"}:
            try:
                result = (
                    self._task(name, state, scope, variables) if kind == "Task" else self._map(state, scope, variables)
                )
            except TaskError as error:
                caught = state["Catch"][0]
                failed = scope | {"errorOutput": {"Error": error.name, "Cause": error.cause}}
                variables |= {key: evaluate(each, failed, variables) for key, each in caught.get("Assign", {}).items()}
                return caught["Next"], failed["errorOutput"]
            scope = scope | {"result": result}
        assigned = {key: evaluate(each, scope, variables) for key, each in state.get("Assign", {}).items()}
        output = (
            evaluate(state["Output"], scope, variables) if "Output" in state else scope.get("result", scope["input"])
        )
        variables |= assigned
        return state.get("Next"), output

    def _task(self, name: str, state: State, scope: State, variables: dict[str, Any]) -> Any:
        arguments = evaluate(state["Arguments"], scope, variables)
        self.given.setdefault(name, []).append(arguments)
        answer = self.answers.get(name, {})
        if isinstance(answer, Exception):
            raise answer
        return answer(arguments) if callable(answer) else answer

    def _map(self, state: State, scope: State, variables: dict[str, Any]) -> list[Any]:
        results = []
        for index, item in enumerate(evaluate(state["Items"], scope, variables)):
            context = scope["context"] | {"Map": {"Item": {"Index": index, "Value": item}}}
            selected = evaluate(state.get("ItemSelector", item), scope | {"context": context}, variables)
            results.append(self._walk(state["ItemProcessor"], selected, dict(variables), context)[1])
        return results


def evaluate(value: Any, states: State, variables: Mapping[str, Any]) -> Any:
    """Return a field of a state with its JSONata evaluated; an expression without a value is an error, as at AWS."""
    if isinstance(value, dict):
        return {key: evaluate(each, states, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [evaluate(each, states, variables) for each in value]
    if not (isinstance(value, str) and value.startswith("{%")):
        return value
    expression = jsonata.Jsonata.jsonata(value[2:-2].strip())
    expression.register_lambda("uuid", lambda: str(uuid.UUID(int=7)))
    frame = expression.create_frame()
    for name, each in {**variables, "states": states}.items():
        frame.bind(name, Utils.NULL_VALUE if each is None else each)
    found = expression.evaluate(None, frame)
    if found is None and not _is_null(value, states, variables):
        raise TaskError("States.QueryEvaluationError", f"{value} has no value")
    return json.loads(json.dumps(found))


def _is_null(value: str, states: State, variables: Mapping[str, Any]) -> bool:
    expression = jsonata.Jsonata.jsonata(f"$exists(({value[2:-2].strip()}))")
    expression.register_lambda("uuid", lambda: "")
    frame = expression.create_frame()
    for name, each in {**variables, "states": states}.items():
        frame.bind(name, Utils.NULL_VALUE if each is None else each)
    return bool(expression.evaluate(None, frame))


def tasks(definition: State) -> dict[str, State]:
    """Return every Task and Map of a machine by name, those inside of Maps too."""
    found = {}
    for name, state in definition["States"].items():
        if state["Type"] in {"Task", "Map"}:
            found[name] = state
        if state["Type"] == "Map":
            found |= tasks(state["ItemProcessor"])
    return found


def following(state: State) -> list[str]:
    """Return the states that may come next."""
    found = [each["Next"] for each in (*state.get("Choices", []), *state.get("Catch", []))]
    return [*found, *(state[key] for key in ("Next", "Default") if key in state)]
