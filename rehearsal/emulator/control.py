"""What a driver may ask of the emulator that AWS has no call for, at ``/_rehearsal/…``.

Whoever can read ``control.token`` in the emulator's folder may ask.
"""

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from ministack import app
from ministack.core.responses import request_scope

from rehearsal.emulator.settings import Settings

KEPT_IN: Final = "control.token"
HEADER: Final = "x-rehearsal-token"
_PREFIX: Final = "/_rehearsal/"
_logger: Final = logging.getLogger("control")
Answer = tuple[int, dict[str, str], bytes]
# Gets the parts of the path that the pattern names, and the body's object; runs on a thread of its own.
Handler = Callable[[Mapping[str, str], Mapping[str, Any]], Mapping[str, Any]]
_routes: Final[list[tuple[str, re.Pattern[str], Handler]]] = []


class ControlError(Exception):
    """What was asked for could not be done; the message says why."""


def route(method: str, pattern: str, handler: Handler) -> None:
    """Let ``handler`` answer what comes to a path below ``/_rehearsal/`` that matches ``pattern``."""
    _routes.append((method, re.compile(_PREFIX + pattern), handler))


def install(settings: Settings) -> None:
    """Answer before AWS's services do, and write the token."""
    token = secrets.token_urlsafe(24)
    file = settings.folder / KEPT_IN
    file.touch(mode=0o600)
    file.write_text(token, encoding="utf-8")
    shortcuts = app._handle_post_body_shortcuts

    async def handle(  # noqa: PLR0917  the emulator's own signature
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any], request: str
    ) -> Any:
        if not path.startswith(_PREFIX):
            return await shortcuts(method, path, headers, body, query, request)
        if not secrets.compare_digest(headers.get(HEADER, "").encode(), token.encode()):
            return _answer(403, {"error": f"{HEADER} is not what {KEPT_IN} says"})
        for known, pattern, handler in _routes:
            match = pattern.fullmatch(path)
            if match and known == method:
                return await asyncio.to_thread(_call, settings, handler, match.groupdict(), body)
        return _answer(404, {"error": f"{method} {path}: unknown"})

    app._handle_post_body_shortcuts = handle


def _call(settings: Settings, handler: Handler, parts: Mapping[str, str], body: bytes) -> Answer:
    try:
        with request_scope(settings.account, settings.region):
            return _answer(200, handler(parts, json.loads(body or b"{}")))
    except ControlError as error:
        return _answer(409, {"error": str(error)})
    except (KeyError, TypeError, ValueError) as error:
        _logger.exception("a request could not be understood")
        return _answer(400, {"error": repr(error)})


def _answer(status: int, content: Mapping[str, Any]) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()
