"""Connections with limits that uvicorn leaves open: on slow headers, on answers nobody reads, on endless pipelines."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ml.serving.body import WHOLE_BODY

# Above a load balancer's 60 seconds, so that it is the one to end an idle connection.
KEEP_ALIVE_SECONDS: Final = 75
# For the first request's headers, and for the rest of later ones once they began.
HEADER_SECONDS: Final = 15.0
# For the rest of a body that was refused: closed at once, its caller might never see why.
REFUSED_BODY_SECONDS: Final = 5.0
# For a caller to take an answer that is larger than the system's buffers.
ANSWER_SECONDS: Final = 30.0
# Of answers that callers have not taken yet, all connections together.
MOST_UNREAD_BYTES: Final = 64_000_000
# Requests that wait behind one that is not answered yet. uvicorn reads on with each answer, whatever waits.
MOST_PIPELINED: Final = 100
# uvicorn with httptools keeps headers of any size.
MOST_HEADER_BYTES: Final = 65_536


class ImpatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 that closes the connection of a caller who does not keep up."""

    # Connections that wait for their callers to read, the longest first; shared by all of them.
    _unread: Final[dict["ImpatientProtocol", None]] = {}
    _in_headers = False
    _header_bytes = 0
    _headers_due: asyncio.TimerHandle | None = None
    _answer_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request's headers."""
        super().connection_made(transport)
        self._close_in(HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Read; what comes between two requests is the beginning of the next, which may not take for ever either."""
        super().data_received(data)
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self.send_400_response("The headers are too large.")
        elif self._at_work():
            return
        if self._headers_due is None:
            self._close_in(HEADER_SECONDS)

    def on_message_begin(self) -> None:
        """A request's headers begin."""
        super().on_message_begin()
        self._in_headers = True
        self._header_bytes = 0

    def on_headers_complete(self) -> None:
        """Stop waiting: from here on the body has a limit of its own.

        Raises:
            ConnectionAbortedError: too many requests wait on this connection; uvicorn's parser stops at it.

        """
        self._in_headers = False
        self._stop_closing()
        if len(self.pipeline) >= MOST_PIPELINED:
            self.transport.abort()
            raise ConnectionAbortedError
        super().on_headers_complete()
        if self.expect_100_continue:
            # Refused early, the caller may keep the body back and the next request would be read in its place.
            self.cycle.keep_alive = False

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own signature; uvicorn always closes
        """Answer a caller who has sent a whole request and closes his side; return whether there is one."""
        owed = self._at_work() and not self.cycle.more_body
        if owed:
            self.cycle.keep_alive = False
        return owed

    def on_message_complete(self) -> None:
        """Say that the body is whole, to whoever has not begun to read it."""
        super().on_message_complete()
        self.scope.setdefault("extensions", {})[WHOLE_BODY] = {}

    def on_response_complete(self) -> None:
        """What is still to be sent has its time; and so has what is still to come of a body that was refused."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._wait_for_caller()
        elif self.cycle.response_complete and self.cycle.more_body:
            self._unset_keepalive_if_required()
            self._close_in(REFUSED_BODY_SECONDS)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, and drop what its caller did not take in all that time."""
        self.transport.abort()

    def pause_writing(self) -> None:
        """Give the caller time to read; where too much waits in all, those who read slowest lose their connections."""
        super().pause_writing()
        self._unread[self] = None
        self._wait_for_caller()
        waiting = {each: each.transport.get_write_buffer_size() for each in self._unread}
        too_much = sum(waiting.values()) - MOST_UNREAD_BYTES
        for each, size in waiting.items():
            if too_much <= 0:
                break
            each.transport.abort()
            too_much -= size

    def resume_writing(self) -> None:
        """The caller has read."""
        super().resume_writing()
        self._unread.pop(self, None)
        if self._answer_due is not None and not self.transport.is_closing():
            self._answer_due.cancel()
            self._answer_due = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        super().connection_lost(exc)
        self._stop_closing()
        self._unread.pop(self, None)
        if self._answer_due is not None:
            self._answer_due.cancel()

    def _at_work(self) -> bool:
        """Return whether a request is not answered yet; before the first one uvicorn holds none."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _close_in(self, seconds: float) -> None:
        self._headers_due = self.loop.call_later(seconds, self.transport.close)

    def _stop_closing(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _wait_for_caller(self) -> None:
        if self._answer_due is None:
            self._answer_due = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)
