"""One keep-alive connection: a request out, its answer in, and what went wrong in between.

Written on asyncio's transports with llhttp's parser (httptools, the one uvicorn uses), because the generator may share
its cores with the server that it measures: it takes about a quarter of aiohttp's processor time per request.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Protocol

import httptools

from ml.loadtest.recorder import Failure


@dataclass(frozen=True, slots=True)
class Due:
    """A request: its number, and when it is due in seconds after the start."""

    number: int
    offset: float


class Owner(Protocol):
    """Who hears what became of a request."""

    def sent(self, due: Due) -> None:
        """The request is written to an open connection."""

    def answered(self, connection: "Connection", due: Due, *, status: int) -> None:
        """The whole answer is here; the connection is free."""

    def failed(self, connection: "Connection", due: Due, *, kind: Failure) -> None:
        """There will be no answer; the connection is free and opens itself anew with its next request."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where connections lead."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class Connection:
    """A place for one request at a time; the socket below it is opened when needed and again when it was lost."""

    def __init__(self, address: Address, owner: Owner) -> None:
        self.due: Due | None = None
        self._address = address
        self._owner = owner
        self._wire: _Wire | None = None
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the socket.

        Raises:
            OSError: nobody listens, the name is unknown, the socket was closed at once, or TLS failed
                (``ssl.SSLError`` is one too).

        """
        loop = asyncio.get_running_loop()
        address = self._address
        _, wire = await loop.create_connection(
            lambda: _Wire(self), address.host, address.port, ssl=address.tls, happy_eyeballs_delay=0.25
        )
        if wire.gone:  # before anybody could hear of it; what is written to it would vanish
            raise ConnectionResetError("the connection was closed as soon as it was open")
        self._wire = wire

    def send(self, due: Due, request: bytes) -> None:
        """Send ``request``, over a new socket where the old one is gone."""
        self.due = due
        if self._wire is not None:
            self._write(self._wire, due, request)
        else:
            self._opening = asyncio.get_running_loop().create_task(self._open_and_send(due, request))

    def give_up(self, kind: Failure) -> None:
        """End the request in flight, and close the socket: its answer may still come and be nobody's."""
        due, self.due = self.due, None
        self.close()
        if due is not None:
            self._owner.failed(self, due, kind=kind)

    def close(self) -> None:
        """Close the socket at once."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()

    async def _open_and_send(self, due: Due, request: bytes) -> None:
        try:
            await self.open()
        except OSError as error:
            self._opening = None
            if self.due is due:
                self.give_up(failure_of(error))
            return
        self._opening = None
        if self._wire is not None:
            self._write(self._wire, due, request)

    def _write(self, wire: "_Wire", due: Due, request: bytes) -> None:
        self._owner.sent(due)
        wire.send(request)

    def complete(self, wire: "_Wire", *, status: int, keep_alive: bool) -> None:
        """Take the answer that ``wire`` has read to its end."""
        due, self.due = self.due, None
        if wire is self._wire and not keep_alive:
            self._wire = None
            wire.abort()
        if due is not None:
            self._owner.answered(self, due, status=status)

    def lost(self, wire: "_Wire", kind: Failure) -> None:
        """Take note that ``wire`` is of no further use."""
        if wire is self._wire:
            self.give_up(kind)


class _Wire(asyncio.Protocol):
    """A socket and the parser of what comes out of it; told apart from its successors by identity."""

    _transport: asyncio.Transport

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.gone = False
        self._waiting = False
        self._status = 0
        self._parser = httptools.HttpResponseParser(self)
        self._headers_read = self._framed = self._finished = self._keep_alive = False

    def send(self, request: bytes) -> None:
        self._headers_read = self._framed = self._finished = self._keep_alive = False
        self._waiting = True
        self._transport.write(request)

    def abort(self) -> None:
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        plain = transport.get_extra_info("socket")
        if plain is not None and plain.family in (socket.AF_INET, socket.AF_INET6):
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if not self._waiting:  # an answer that nobody asked for
            self._connection.lost(self, Failure.NOT_HTTP)
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._connection.lost(self, Failure.NOT_HTTP)
            return
        if self._finished:
            self._complete()

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        # Without a length and without chunks, an answer's body ends where the connection does.
        if self._waiting and self._headers_read and not self._framed and error is None:
            self._complete()
        else:
            self._connection.lost(self, Failure.TLS if isinstance(error, ssl.SSLError) else Failure.CUT)

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: ARG002  the parser's signature
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        self._headers_read = True
        self._status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        self._finished = self._status >= 200  # 1xx announces the answer proper
        self._keep_alive = self._parser.should_keep_alive()  # known here only

    def _complete(self) -> None:
        self._waiting = False
        self._connection.complete(self, status=self._status, keep_alive=self._keep_alive)


def failure_of(error: OSError) -> Failure:
    """Return the kind of error that kept a connection from opening."""
    if isinstance(error, ssl.SSLError):
        return Failure.TLS
    if isinstance(error, socket.gaierror):
        return Failure.UNRESOLVED
    # With several addresses asyncio sums the errors up in one text.
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
        return Failure.REFUSED
    return Failure.CUT if isinstance(error, ConnectionError) else Failure.UNREACHABLE
