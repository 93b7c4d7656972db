"""State machines in an emulated AWS, and what they call."""

import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from rehearsal.world import World
from tests.rehearsal.jobs_world import Roles, job_role, put, roles, sagemaker, world

__all__ = ["function", "job_role", "machines", "put", "roles", "sagemaker", "world"]

_FUNCTION = """
import os
import signal


def handler(event, context):
    if "die" in event:
        os.kill(os.getpid(), signal.SIGKILL)
    if "fail" in event:
        raise ValueError(event["fail"])
    return {"heard": event}
"""


@dataclass(frozen=True)
class Machines:
    """Makes state machines and runs them."""

    world: World
    roles: Roles

    def make(self, states: dict[str, Any], *allowed: dict[str, Any], **more: Any) -> str:
        """Return the ARN of a machine of ``states``, the first of which it starts at; it may do what is allowed."""
        name = f"machine-{uuid.uuid4().hex[:8]}"
        role = self.roles.make(name, *allowed, service="states.amazonaws.com")
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **more}
        made = self.world.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=role
        )
        return str(made["stateMachineArn"])

    def start(self, arn: str, **given: Any) -> str:
        """Start an execution and return its ARN."""
        started = self.world.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(given))
        return str(started["executionArn"])

    def end(self, execution: str) -> dict[str, Any]:
        """Return an execution's description when it has ended."""
        client, until = self.world.client("stepfunctions"), time.monotonic() + 60
        while time.monotonic() < until:
            described: dict[str, Any] = client.describe_execution(executionArn=execution)
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.05)
        raise AssertionError(f"still running: {self.history(execution)}")

    def history(self, execution: str) -> list[dict[str, Any]]:
        """Return an execution's events."""
        events: list[dict[str, Any]] = self.world.client("stepfunctions").get_execution_history(
            executionArn=execution, maxResults=1000
        )["events"]
        return events

    def run(self, states: dict[str, Any], *allowed: dict[str, Any], **given: Any) -> dict[str, Any]:
        """Run a machine of ``states`` once."""
        return self.end(self.start(self.make(states, *allowed), **given))


@pytest.fixture(scope="session")
def machines(world: World, roles: Roles) -> Machines:
    return Machines(world, roles)


@pytest.fixture(scope="session")
def function(world: World, roles: Roles) -> str:
    """The ARN of a function that answers what it hears, or fails or dies if asked to."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", _FUNCTION)
    role = roles.make("function", service="lambda.amazonaws.com")
    make: Callable[..., dict[str, Any]] = world.client("lambda").create_function
    made = make(
        FunctionName="tool",
        Runtime="python3.11",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": packed.getvalue()},
    )
    return str(made["FunctionArn"])
