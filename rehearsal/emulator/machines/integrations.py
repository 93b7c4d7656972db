"""What a Task calls: AWS through its front door, as the machine's role, with what the service's model says it takes."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.emulator.machines.errors import function_error, optimized_error, sdk_error
from rehearsal.emulator.machines.sessions import Session
from rehearsal.emulator.parameters import model_of, problems

# Where Step Functions' name of a service, the SDK's, is not botocore's.
_BOTOCORE: Final[Mapping[str, str]] = {
    "sfn": "stepfunctions",
    "states": "stepfunctions",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
}
_SDK_PREFIX: Final = "arn:aws:states:::aws-sdk:"
_PREFIX: Final = "arn:aws:states:::"


class TaskError(Exception):
    """A Task failed: the name that Retry and Catch look at, and the cause."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


Name = Callable[[str, Any, ClientError | BotoCoreError], tuple[str, str]]


def split(resource: str) -> tuple[str, str]:
    """Return what history and console show of a resource: its type, such as ``lambda``, and ``invoke``."""
    if resource.startswith(_PREFIX):
        kind, _, action = resource.removeprefix(_PREFIX).rpartition(":")
        return kind, action
    return "lambda", resource


def request(resource: str, arguments: Any, session: Session) -> Any:
    """Call what a Task's ``Resource`` names, and return its result; the call does not wait for more than the answer.

    Raises:
        TaskError: it failed, may not be called by the role, or does not take such arguments.

    """
    if resource.startswith(_SDK_PREFIX):
        service, _, action = resource.removeprefix(_SDK_PREFIX).partition(":")
        return sdk_call(service, action, arguments, session)
    kind, action = split(resource)
    if (kind, action) == ("lambda", "invoke"):
        return _invoke(arguments, session)
    if resource.startswith("arn:aws:lambda:"):
        return _invoke({"FunctionName": resource, "Payload": arguments}, session)["Payload"]
    if kind == "states" and action == "startExecution":
        arguments = {**arguments, "Input": _text(arguments["Input"])} if "Input" in arguments else arguments
        return _optimized("states", "startExecution", arguments, session)
    if (kind, action) in {("sns", "publish"), ("sqs", "sendMessage"), ("events", "putEvents")}:
        return _optimized(kind, action, arguments, session)
    raise TaskError("States.Runtime", f"{resource}: not emulated; arn:aws:states:::aws-sdk:… is")


def sdk_call(service: str, action: str, arguments: Any, session: Session) -> Any:
    """Call an action by its SDK name; names of members are as Step Functions spells them, times are ISO 8601.

    Raises:
        TaskError: see there.

    """
    return _call(service, action, arguments, session, name=sdk_error, shown=_iso)


def _optimized(service: str, action: str, arguments: Any, session: Session) -> Any:
    return _call(service, action, arguments, session, name=optimized_error, shown=_iso)


def call_plainly(service: str, action: str, arguments: Any, session: Session) -> Any:
    """Call an action of an optimized integration that waits for its end; times are in milliseconds.

    Raises:
        TaskError: see there.

    """
    return _call(service, action, arguments, session, name=optimized_error, shown=_milliseconds)


def _call(
    service: str, action: str, arguments: Any, session: Session, *, name: Name, shown: Callable[[datetime], Any]
) -> Any:
    botocore_name, operation = _BOTOCORE.get(service, service), action[:1].upper() + action[1:]
    try:
        model = model_of(botocore_name).operation_model(operation)
    except Exception as error:
        raise TaskError("States.Runtime", f"{service}:{action}: AWS has no such action: {error}") from error
    parameters = _wire(arguments, model)
    wrong = problems(botocore_name, operation, parameters, constraints=False)
    if wrong:
        text = f"The Parameters '{json.dumps(arguments)}' could not be used to start the Task: [{'; '.join(wrong)}]"
        raise TaskError("States.Runtime", text)
    try:
        answer = session.client(botocore_name)._make_api_call(operation, parameters)
    except (ClientError, BotoCoreError) as error:
        raise TaskError(*name(service, model, error)) from error
    answer.pop("ResponseMetadata", None)
    return _shown(answer, model.output_shape, shown)


def _invoke(arguments: Any, session: Session) -> Any:
    known = ("FunctionName", "Payload", "InvocationType", "Qualifier", "ClientContext", "LogType")
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise TaskError("States.Runtime", f'The field "{unknown[0]}" is not supported by Step Functions')
    parameters = {**arguments, "Payload": json.dumps(arguments.get("Payload", {})).encode()}
    try:
        answer = session.client("lambda").invoke(**parameters)
        content = answer["Payload"].read()
    except (ClientError, BotoCoreError) as error:
        model = model_of("lambda").operation_model("Invoke")
        raise TaskError(*optimized_error("lambda", model, error)) from error
    if "FunctionError" in answer:
        raise TaskError(*function_error(content))
    return {
        "ExecutedVersion": answer.get("ExecutedVersion", "$LATEST"),
        "Payload": json.loads(content) if content else None,
        "StatusCode": answer["StatusCode"],
    }


def _wire(arguments: Any, model: Any) -> Any:
    """Return arguments by the names of the service's own model."""
    from ministack.services.stepfunctions import _sdk_json_param_value

    if model.input_shape is None:
        return arguments or {}
    renamed = _sdk_json_param_value(arguments or {}, model.input_shape)
    payload = model.input_shape.serialization.get("payload")
    # An object is sent as its JSON.
    if payload in renamed and model.input_shape.members[payload].type_name == "blob":
        renamed[payload] = _text(renamed[payload]).encode()
    return renamed


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _shown(value: Any, shape: Any, time: Callable[[datetime], Any]) -> Any:
    """Return an answer by Step Functions' names of its members, and as JSON."""
    from ministack.services.stepfunctions import _api_name_to_sfn_key

    if isinstance(value, datetime):
        return time(value.astimezone(UTC))
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    kind = getattr(shape, "type_name", None)
    if kind == "structure" and isinstance(value, dict):
        return {_api_name_to_sfn_key(key): _shown(each, shape.members.get(key), time) for key, each in value.items()}
    if kind == "list":
        return [_shown(each, shape.member, time) for each in value]
    if kind == "map":
        return {key: _shown(each, shape.value, time) for key, each in value.items()}
    return value


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
