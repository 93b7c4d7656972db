"""Requests to an ASGI application without a server or a socket."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

Application = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def send_request(
    application: Application,
    method: str,
    path: str,
    *,
    body: bytes = b"",
    parts: Sequence[bytes] | None = None,
    headers: dict[str, str] | None = None,
    query: str = "",
    pause: float = 0.0,
    extensions: dict[str, Any] | None = None,
) -> Answer:
    """Send one request; ``parts`` arrive one by one, ``pause`` seconds apart, without a length announced."""
    waiting = list(parts) if parts is not None else [body]
    announced = {} if parts is not None else {"content-length": str(len(body))}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in {**announced, **(headers or {})}.items()],
        "extensions": extensions or {},
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    found: list[dict[str, Any]] = []
    first = True

    async def receive() -> dict[str, Any]:
        nonlocal first
        if not waiting:
            await asyncio.sleep(3600)
        if not first:
            await asyncio.sleep(pause)
        first = False
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        found.append(message)

    await application(scope, receive, send)
    start = found[0]
    return Answer(
        status=start["status"],
        headers={k.decode(): v.decode() for k, v in start["headers"]},
        body=b"".join(message.get("body", b"") for message in found[1:]),
    )
