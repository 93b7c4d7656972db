"""The body of a request, read within limits: how many bytes, and how long they may take."""

import asyncio

from starlette.types import Message, Receive, Scope


class BodyError(Exception):
    """A body that is not read to its end; ``status`` is the answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_body(scope: Scope, receive: Receive, *, most_bytes: int, seconds: float) -> bytes:
    """Return the whole body.

    Raises:
        BodyError: it is larger than ``most_bytes`` (413), slower than ``seconds`` (408) or cut off (400).

    """
    announced = _announced(scope)
    if announced is not None and announced > most_bytes:
        raise BodyError(413, f"the body is larger than {most_bytes} bytes")
    message = await _next(receive, seconds)
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return _within(first, most_bytes)
    parts, size = [first], len(first)
    deadline = asyncio.get_running_loop().time() + seconds
    while message.get("more_body", False):
        message = await _next(receive, deadline - asyncio.get_running_loop().time())
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most_bytes:
            raise BodyError(413, f"the body is larger than {most_bytes} bytes")
    return b"".join(parts)


async def _next(receive: Receive, seconds: float) -> Message:
    try:
        async with asyncio.timeout(max(seconds, 0.0)):
            message = await receive()
    except TimeoutError as error:
        raise BodyError(408, "the body came too slowly") from error
    if message["type"] == "http.disconnect":
        raise BodyError(400, "the caller went away")
    return message


def _within(body: bytes, most_bytes: int) -> bytes:
    if len(body) > most_bytes:
        raise BodyError(413, f"the body is larger than {most_bytes} bytes")
    return body


def _announced(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None
