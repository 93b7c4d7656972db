"""Callers who hold a connection without keeping up. Each is opened, kept going, and watched until it is closed."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ml.serving.examples import EXAMPLE

Steps = Callable[[socket.socket], Iterator[None]]

BODY = json.dumps(EXAMPLE).encode()
HEAD = b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"


@dataclass
class Watched:
    """A slow client: what it got, and after how many seconds it was closed, if it was."""

    name: str
    answer: bytes = b""
    closed: float | None = None

    @property
    def status(self) -> int | None:
        """The status of the last answer."""
        heads = [part for part in self.answer.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]
        return int(heads[-1][:3]) if heads else None


def says_nothing(_: socket.socket) -> Iterator[None]:
    while True:
        yield


def headers_byte_by_byte(client: socket.socket) -> Iterator[None]:
    for byte in HEAD + b"x-filler: " + b"a" * 10_000:
        client.send(bytes([byte]))
        yield


def second_headers_byte_by_byte(client: socket.socket) -> Iterator[None]:
    client.send(HEAD + b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY))
    yield
    yield from headers_byte_by_byte(client)


def empty_lines(client: socket.socket) -> Iterator[None]:
    while True:
        client.send(b"\r\n")
        yield


def body_byte_by_byte(client: socket.socket) -> Iterator[None]:
    client.send(HEAD + b"content-length: 100000\r\n\r\n")
    while True:
        client.send(b" ")
        yield


def body_without_an_end(client: socket.socket) -> Iterator[None]:
    client.send(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    while True:
        client.send(b"1\r\n \r\n")
        yield


def body_that_never_comes(client: socket.socket) -> Iterator[None]:
    client.send(HEAD + b"content-length: 100\r\n\r\n")
    while True:
        yield


def refused_and_still_sending(client: socket.socket) -> Iterator[None]:
    client.send(HEAD + b"content-length: 900000000\r\n\r\n")
    while True:
        client.send(b" ")
        yield


def half_closed_before_the_body(client: socket.socket) -> Iterator[None]:
    client.send(HEAD + b"content-length: 100\r\n\r\n")
    client.shutdown(socket.SHUT_WR)
    while True:
        yield


def half_closed_after_the_request(client: socket.socket) -> Iterator[None]:
    client.send(HEAD + b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY))
    client.shutdown(socket.SHUT_WR)
    while True:
        yield


CLIENTS: dict[str, Steps] = {
    "says nothing": says_nothing,
    "headers a byte at a time": headers_byte_by_byte,
    "a second request's headers a byte at a time": second_headers_byte_by_byte,
    "empty lines, one at a time": empty_lines,
    "a body a byte at a time": body_byte_by_byte,
    "a chunked body without an end": body_without_an_end,
    "a body that never comes": body_that_never_comes,
    "refused (413) and still sending": refused_and_still_sending,
    "half-closed before the body": half_closed_before_the_body,
    "half-closed after the request": half_closed_after_the_request,
}


def watch(connect: Callable[[], socket.socket], *, seconds: float, step: float) -> list[Watched]:
    """Run every client side by side, a step each ``step`` seconds, until all are closed or ``seconds`` are over."""
    found = {name: Watched(name) for name in CLIENTS}
    open_clients = {name: connect() for name in CLIENTS}
    going = {name: steps(open_clients[name]) for name, steps in CLIENTS.items()}
    started = time.monotonic()
    for client in open_clients.values():
        client.setblocking(False)
    while open_clients and time.monotonic() - started < seconds:
        for name, client in list(open_clients.items()):
            try:
                next(going[name], None)
                got = client.recv(65_536)
                found[name].answer += got
                gone = not got
            except BlockingIOError:
                gone = False
            except OSError:
                gone = True
            if gone:
                found[name].closed = time.monotonic() - started
                open_clients.pop(name).close()
        time.sleep(step)
    for client in open_clients.values():
        client.close()
    return list(found.values())
