"""State machines and their executions, by Step Functions' API."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rehearsal.page.document import Execution, Graph, Machine, Outcome
from rehearsal.page.graph import draw
from rehearsal.page.history import shortened, visits
from rehearsal.world import World

_OUTCOMES: Final = {
    "SUCCEEDED": Outcome.PASSED,
    "FAILED": Outcome.FAILED,
    "TIMED_OUT": Outcome.FAILED,
    "ABORTED": Outcome.STOPPED,
}


class Flow:
    """Reads machines and executions; what has ended is read once."""

    def __init__(self, world: World) -> None:
        self._client = world.client("stepfunctions")
        self._graphs: dict[str, tuple[str, Graph]] = {}
        self._ended: dict[str, Execution] = {}

    def machines(self) -> tuple[Machine, ...]:
        """Return the state machines, drawn."""
        pages = self._client.get_paginator("list_state_machines").paginate()
        return tuple(self._machine(each) for page in pages for each in page["stateMachines"])

    def _machine(self, found: dict[str, Any]) -> Machine:
        definition = json.loads(
            self._client.describe_state_machine(stateMachineArn=found["stateMachineArn"])["definition"]
        )
        text = json.dumps(definition, sort_keys=True)
        name = found["name"]
        known = self._graphs.get(name)
        if known is None or known[0] != text:
            self._graphs[name] = (text, draw(definition))
        return Machine(
            name=name,
            arn=found["stateMachineArn"],
            comment=definition.get("Comment", ""),
            graph=self._graphs[name][1],
        )

    def executions(self, machines: Sequence[Machine]) -> tuple[Execution, ...]:
        """Return the executions of ``machines``, by when they began."""
        return tuple(sorted(self._executions(machines), key=lambda each: each.started))

    def _executions(self, machines: Sequence[Machine]) -> Iterator[Execution]:
        for machine in machines:
            pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=machine.arn)
            for page in pages:
                for each in page["executions"]:
                    yield self._execution(machine.name, each["executionArn"])

    def _execution(self, machine: str, arn: str) -> Execution:
        if arn in self._ended:
            return self._ended[arn]
        # Described first: a history that is read after the end is whole.
        found = self._client.describe_execution(executionArn=arn)
        pages = self._client.get_paginator("get_execution_history").paginate(executionArn=arn)
        execution = Execution(
            machine=machine,
            name=found["name"],
            arn=arn,
            status=_OUTCOMES.get(found["status"], Outcome.RUNNING),
            aws_status=found["status"],
            started=found["startDate"],
            ended=found.get("stopDate"),
            input=shortened(found.get("input", "")),
            output=shortened(found.get("output") or ""),
            error=found.get("error") or "",
            cause=shortened(found.get("cause") or ""),
            visits=visits(event for page in pages for event in page["events"]),
        )
        if execution.status is not Outcome.RUNNING:
            self._ended[arn] = execution
        return execution
