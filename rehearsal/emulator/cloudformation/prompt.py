"""Calls that change a stack are answered when it is changed, so that who asks again every five seconds need not."""

import asyncio
import time
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from ministack import app
from ministack.services.cloudformation.handlers import _resolve_stack

# Longer than that, the caller asks again, as with AWS.
_SECONDS: Final = 30.0
_CHANGING: Final = frozenset({"CreateStack", "UpdateStack", "ExecuteChangeSet", "DeleteStack"})


def install() -> None:
    """Hold these answers back."""
    answer = app.SERVICE_HANDLERS["cloudformation"]

    async def hold(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        given = {**query, **parse_qs(body.decode("utf-8", "replace"))}
        action, name = (given.get(key, [""])[0] for key in ("Action", "StackName"))
        # A deleted stack is not found by its name.
        stack = _resolve_stack(name) if action == "DeleteStack" else None
        answered = await answer(method, path, headers, body, query)
        if action in _CHANGING and answered[0] < HTTPStatus.BAD_REQUEST:
            await _settled(stack or _resolve_stack(name) or {}, deleted=action == "DeleteStack")
        return answered

    app.SERVICE_HANDLERS["cloudformation"] = hold


async def _settled(stack: dict[str, Any], *, deleted: bool) -> None:
    until = time.monotonic() + _SECONDS
    while stack and time.monotonic() < until:
        status = stack["StackStatus"]
        # A deletion begins a moment after it was accepted.
        if not status.endswith("_IN_PROGRESS") and (status.startswith("DELETE_") or not deleted):
            break
        await asyncio.sleep(0.02)
