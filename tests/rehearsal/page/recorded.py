"""Histories as GetExecutionHistory returns them, of the real definitions walked with answers that a test gives."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from types import ModuleType
from typing import Any

from config.settings import load_environment
from rehearsal.page.document import Execution, Outcome
from rehearsal.page.history import visits
from stacks.flow import approval, monitoring, release, training
from tests.machines import State, TaskError, Walk

BEGAN = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SPEED = 12.0
CANDIDATES = ("majority", "logistic_regression", "decision_tree", "random_forest", "xgboost")
_MODULES: dict[str, ModuleType] = {
    "training": training,
    "release": release,
    "approval": approval,
    "monitoring": monitoring,
}
Event = dict[str, Any]


@cache
def definition(machine: str) -> State:
    """Return a machine's definition in dev, made without synthesis: ARNs are invented."""
    module = _MODULES[machine]
    special: Mapping[str, Any] = {
        "settings": load_environment("dev"),
        "candidates": CANDIDATES,
        "alarms": ("mlops-dev-service-degraded", "mlops-dev-model-degraded"),
        "basket": {"items": []},
    }
    arn = "arn:aws:lambda:ap-southeast-1:000000000000:function:mlops-dev-"
    given = {each.name: special.get(each.name, arn + each.name.replace("_", "-")) for each in fields(module.Parts)}
    found: State = json.loads(json.dumps(getattr(module, machine)(module.Parts(**given))))
    return found


@dataclass
class Recorded(Walk):
    """A walk that keeps its history; a Task takes ``seconds`` by its name, a Wait a ``SPEED``-th of its time."""

    began: datetime = BEGAN
    seconds: Mapping[str, float] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    _busy: float = 0.0
    _previous: int = 0

    def history(self) -> list[Event]:
        """Walk to the end; return the events by time, numbered from 1."""
        self._event("ExecutionStarted", executionStartedEventDetails={"input": json.dumps(self.input)})
        end = self.run()
        state = self.definition["States"][end]
        if state["Type"] == "Fail":
            details = {"error": end, "cause": str(self.variables.get("reason", ""))}
            self._event("ExecutionFailed", executionFailedEventDetails=details)
        else:
            self._event("ExecutionSucceeded", executionSucceededEventDetails={"output": "{}"})
        ordered = sorted(self.events, key=lambda each: each["timestamp"])
        numbers = {each["id"]: number for number, each in enumerate(ordered, 1)}
        return [
            {**each, "id": numbers[each["id"]], "previousEventId": numbers.get(each["previousEventId"], 0)}
            for each in ordered
        ]

    def _event(self, kind: str, **details: Any) -> None:
        at = self.began + timedelta(seconds=self.waited / SPEED + self._busy)
        number = len(self.events) + 1
        self.events.append({"id": number, "previousEventId": self._previous, "type": kind, "timestamp": at, **details})
        self._previous = number

    def _step(self, name: str, state: State, scope: State, variables: dict[str, Any]) -> tuple[str | None, Any]:
        kind = state["Type"]
        given = json.dumps(scope["input"])
        self._event(f"{kind}StateEntered", stateEnteredEventDetails={"name": name, "input": given})
        then, value = super()._step(name, state, scope, variables)
        self._busy += 0.02
        if kind != "Fail":
            self._event(f"{kind}StateExited", stateExitedEventDetails={"name": name, "output": json.dumps(value)})
        return then, value

    def _task(self, name: str, state: State, scope: State, variables: dict[str, Any]) -> Any:
        self._event("TaskScheduled", taskScheduledEventDetails={"resource": state["Resource"]})
        self._busy += self.seconds.get(name, 0.4)
        try:
            result = super()._task(name, state, scope, variables)
        except TaskError as error:
            self._event("TaskFailed", taskFailedEventDetails={"error": error.name, "cause": error.cause})
            raise
        self._event("TaskSucceeded", taskSucceededEventDetails={"output": json.dumps(result)})
        return result

    def _map(self, state: State, scope: State, variables: dict[str, Any]) -> list[Any]:
        self._event("MapStateStarted", mapStateStartedEventDetails={"length": len(state["Items"])})
        started, began, last = self._previous, self._busy, self._busy
        results = []
        for index, item in enumerate(state["Items"]):
            # Side by side: each begins when the Map does, and follows it.
            self._previous, self._busy = started, began
            details = {"name": "Map", "index": index}
            self._event("MapIterationStarted", mapIterationStartedEventDetails=details)
            context = scope["context"] | {"Map": {"Item": {"Index": index, "Value": item}}}
            try:
                found = self._walk(state["ItemProcessor"], {"candidate": item}, dict(variables), context)
            except TaskError:
                self._event("MapIterationFailed", mapIterationFailedEventDetails=details)
                self._event("MapStateFailed")
                raise
            self._event("MapIterationSucceeded", mapIterationSucceededEventDetails=details)
            results.append(found[1])
            last = max(last, self._busy + 0.1 * index)
        self._busy = last
        self._event("MapStateSucceeded")
        return results


def execution(
    machine: str,
    name: str,
    *,
    minute: float,
    answers: Mapping[str, Any],
    given: Any = None,
    seconds: Mapping[str, float] | None = None,
) -> Execution:
    """Return an execution that began so many minutes after the beginning."""
    began = BEGAN + timedelta(minutes=minute)
    walk = Recorded(definition(machine), answers, given or {}, began=began, seconds=seconds or {})
    events = walk.history()
    details: Mapping[str, str] = events[-1].get("executionFailedEventDetails", {})
    failed = events[-1]["type"] == "ExecutionFailed"
    return Execution(
        machine=f"mlops-dev-{machine}",
        name=name,
        arn=f"arn:aws:states:ap-southeast-1:000000000000:execution:mlops-dev-{machine}:{name}",
        status=Outcome.FAILED if failed else Outcome.PASSED,
        aws_status="FAILED" if failed else "SUCCEEDED",
        started=began,
        ended=events[-1]["timestamp"],
        input=json.dumps(walk.input),
        output="" if failed else "{}",
        error=details.get("error", ""),
        cause=details.get("cause", ""),
        visits=visits(events),
    )
