"""A real HTTP server of a few lines that misbehaves as a test wants it to."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

BODY = b'{"prediction":"High"}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"

# Given the request's number from 0, return the bytes to answer with; None cuts the connection.
Answer = Callable[[int], Awaitable[bytes | None]]


@dataclass
class Seen:
    """What the server saw."""

    port: int = 0
    requests_of_connections: list[int] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.requests_of_connections)


async def at_once(number: int) -> bytes:
    return OK


def answers(content: bytes) -> Answer:
    async def answer(number: int) -> bytes:
        return content

    return answer


@asynccontextmanager
async def tiny_server(
    answer: Answer = at_once, *, close_after_answer: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Seen]:
    """Serve on a free port of this machine until the block ends."""
    seen = Seen()
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = seen.connections
        seen.requests_of_connections.append(0)
        open_ones.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
                number = len(seen.heads)
                seen.requests_of_connections[connection] += 1
                seen.heads.append(head)
                seen.bodies.append(body)
                content = await answer(number)
                if content is None:
                    writer.transport.abort()
                    return
                writer.write(content)
                if close_after_answer:
                    writer.close()
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            open_ones.discard(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for each in list(open_ones):
            each.transport.abort()


@contextmanager
def tiny_server_in_a_thread(answer: Answer = at_once, *, tls: ssl.SSLContext | None = None) -> Iterator[Seen]:
    """The same for a caller that has no event loop."""
    started: threading.Event = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    found: list[Seen] = []

    async def serve() -> None:
        async with tiny_server(answer, tls=tls) as seen:
            found.append(seen)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
