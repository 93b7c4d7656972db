"""The state machines' definitions as they are synthesized, and their requests held against AWS's own models."""

import functools
import json
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from tests.machines import State, Walk, tasks
from tests.stacks.assembly import environment
from tests.stacks.policies import Account


@functools.cache
def definition(machine: str, name: str = "dev") -> State:
    """Return the definition of ``machine`` in environment ``name``, references resolved."""
    account = Account(environment(name))
    found = account.properties("AWS::StepFunctions::StateMachine", component="pipeline")
    (text,) = [
        each["DefinitionString"] for each in found.values() if each["StateMachineName"] == f"mlops-{name}-{machine}"
    ]
    value: State = json.loads(text)
    return value


def actions(walk: Walk) -> set[str]:
    """Return what the tasks of a walk called: ``service:Operation``."""
    return {":".join(_called(walk, name)) for name in walk.given}


def faults(walk: Walk) -> list[str]:
    """Return what AWS would refuse of the requests of a walk, by botocore's models."""
    found = []
    for name, requests in walk.given.items():
        service, operation = _called(walk, name)
        shape = _model(service).operation_model(operation).input_shape
        for request in requests:
            given = {**request, "Payload": json.dumps(request["Payload"])} if service == "lambda" else request
            if service == "stepfunctions":
                # Its own API writes names small; in a state machine they begin large as everybody's do.
                given = {key[0].lower() + key[1:]: value for key, value in request.items()}
            report = ParamValidator().validate(given, shape).generate_report()
            found += [f"{name}: {report}"] if report else []
    return found


def _called(walk: Walk, name: str) -> tuple[str, str]:
    *_, service, action = tasks(walk.definition)[name]["Resource"].removesuffix(".sync").split(":")
    return {"sfn": "stepfunctions"}.get(service, service), action[0].upper() + action[1:]


@functools.cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)
