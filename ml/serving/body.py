"""The body of a request, read within limits: how many bytes, how long they may take, and how many may wait at once."""

import asyncio
from typing import Final

from starlette.types import Receive, Scope

# In a scope's extensions: all of the body is here already, as it mostly is. There is nothing to wait for then, and no
# timer to be set, which costs as much as a tenth of a prediction.
WHOLE_BODY: Final = "mlops.whole_body"


class BodyError(Exception):
    """A body that is not read to its end; ``status`` is the answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Bodies:
    """Reads bodies, and knows how many bytes of unfinished ones it holds.

    A body that is whole in its first part is always taken, so callers who trickle theirs keep nobody out who sends a
    basket in one packet: what they can use up is ``most_waiting_bytes``, the room for large bodies.
    """

    def __init__(self, *, most_bytes: int, seconds: float, most_waiting_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._most_waiting_bytes = most_waiting_bytes
        self._waiting_bytes = 0

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """Return the whole body.

        Raises:
            BodyError: it is compressed (415), larger than ``most_bytes`` (413), not here after ``seconds`` (408), cut
                off (400), or there is no room for it (503).

        """
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._most_bytes:
                raise self._too_large()
            if name == b"content-encoding" and value.strip().lower() != b"identity":
                raise BodyError(415, "the body is compressed; send it as it is")
        if WHOLE_BODY in scope.get("extensions", ()):
            return await self._read(receive)
        try:
            # One limit for all of it: whoever sends a byte now and then gains no time.
            async with asyncio.timeout(self._seconds):
                return await self._read(receive)
        except TimeoutError as error:
            raise BodyError(408, "the body came too slowly") from error

    async def _read(self, receive: Receive) -> bytes:
        first, more = await _part(receive)
        if len(first) > self._most_bytes:
            raise self._too_large()
        return await self._whole(first, receive) if more else first

    async def _whole(self, first: bytes, receive: Receive) -> bytes:
        parts, held, more = [first], 0, True
        try:
            while True:
                held += len(parts[-1])
                self._waiting_bytes += len(parts[-1])
                if held > self._most_bytes:
                    raise self._too_large()
                if not more:
                    return b"".join(parts)
                if self._waiting_bytes > self._most_waiting_bytes:
                    raise BodyError(503, "too many large bodies at once")
                part, more = await _part(receive)
                parts.append(part)
        finally:
            self._waiting_bytes -= held

    def _too_large(self) -> BodyError:
        return BodyError(413, f"the body is larger than {self._most_bytes} bytes")


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """Return the next part, and whether more follow."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise BodyError(400, "the caller went away")
    return message.get("body", b""), message.get("more_body", False)
