"""A function's own error is told by its own name, as Lambda does: state machines try some of them again."""

import re
from typing import Any, Final

from rehearsal.emulator.settings import Settings

# What the emulator calls each error of a function's code.
_ANY: Final = "Runtime.HandlerError"
_DIED: Final = "Worker process died"
_LAST_LINE: Final = re.compile(r"^([\w.]+)(?::.*)?$")


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Name a function's errors."""
    from ministack.services import lambda_svc

    execute = lambda_svc._execute_function_warm

    def execute_and_name(function: dict[str, Any], event: Any, request_id: str) -> Any:
        result = execute(function, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == _ANY:
            result["body"] = {
                **body,
                **_named(str(body["errorMessage"]), str(result.get("log", ""))),
                "requestId": request_id,
            }
        return result

    lambda_svc._execute_function_warm = execute_and_name


def _named(message: str, log: str) -> dict[str, Any]:
    """Return an error's type, and its stack where there is one; the log ends with the traceback."""
    if message == _DIED:
        return {"errorType": "Runtime.ExitError", "errorMessage": "Error: Runtime exited with error: signal: killed"}
    start = log.rfind("Traceback (most recent call last):")
    lines = log[start:].rstrip().removesuffix(message).splitlines() if start >= 0 else []
    found = _LAST_LINE.match(lines[-1].rstrip()) if lines else None
    if found is None:
        return {}
    return {"errorType": found[1].rsplit(".", 1)[-1], "stackTrace": lines[1:-1]}
