"""The load balancer: one local address in front of the pods that an Ingress leads to.

As an Application Load Balancer does: each request goes to the ready pod with the fewest requests open; a pod that is
told to end gets no new ones; nothing is tried a second time, so a request that a pod loses is lost. Paths are the
Ingress's own; its host names all mean this address, and it speaks plain HTTP.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Self

Address = tuple[str, int]
# The pods for a path: none where no rule leads there (404), an empty list where none is ready (503).
Targets = Callable[[str], list[Address] | None]

IDLE_SECONDS: Final = 60.0
_LARGEST_HEAD: Final = 65_536
_PIECE: Final = 65_536
_HOP_BY_HOP: Final = {"connection", "keep-alive", "proxy-connection", "te", "upgrade", "expect"}
_WORDS: Final = {400: "Bad Request", 404: "Not Found", 502: "Bad Gateway", 503: "Service Unavailable"}
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _BadMessageError(ValueError):
    """What was read is not HTTP."""


@dataclass
class _Message:
    """The head of a request or an answer."""

    first: str
    headers: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def closes(self) -> bool:
        return "close" in self.get("connection").lower() or "HTTP/1.0" in self.first

    def encoded(self, **more: str) -> bytes:
        kept = [(key, value) for key, value in self.headers if key.lower() not in _HOP_BY_HOP]
        added = [(key.replace("_", "-"), value) for key, value in more.items()]
        lines = [self.first, *(f"{key}: {value}" for key, value in [*kept, *added])]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> Self:
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = raw.removesuffix("\r\n\r\n").split("\r\n")
        pairs = [line.partition(":") for line in rest]
        return cls(first, [(key.strip(), value.strip()) for key, _, value in pairs])


class LoadBalancer:
    """Serves on a socket. ``targets`` is asked at each request."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._open: dict[Address, int] = defaultdict(int)
        self._idle: dict[Address, list[Stream]] = defaultdict(list)

    async def start(self, port: int = 0) -> asyncio.Server:
        """Listen on a port of 127.0.0.1; 0 is any that is free."""
        return await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_LARGEST_HEAD)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            more = True
            while more:
                async with asyncio.timeout(IDLE_SECONDS):
                    request = await _Message.read(reader)
                more = await self._pass(request, reader, writer)
        writer.close()

    async def _pass(self, request: _Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Pass one request on; return whether another may follow on this connection."""
        words = request.first.split()
        found = self._targets(words[1].partition("?")[0]) if len(words) == 3 else None
        if not found:
            return await _refuse(writer, 400 if len(words) != 3 else 404 if found is None else 503)
        if request.get("expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        target = min(found, key=lambda each: self._open[each])
        self._open[target] += 1
        try:
            return await self._exchange(request, target, (reader, writer))
        finally:
            self._open[target] -= 1

    async def _exchange(self, request: _Message, target: Address, client: Stream) -> bool:
        reader, writer = client
        forwarded = writer.get_extra_info("peername")[0]
        begun = False
        try:
            async with self._connection(target) as (pod_reader, pod_writer):
                pod_writer.write(request.encoded(X_Forwarded_For=forwarded, X_Forwarded_Proto="http"))
                await _copy_body(request, reader, pod_writer)
                answer = await _Message.read(pod_reader)
                begun = True
                writer.write(answer.encoded())
                status = int(answer.first.split()[1])
                if not request.first.startswith("HEAD ") and status not in {204, 304}:
                    await _copy_body(answer, pod_reader, writer, until_closed=True)
                if answer.closes:
                    pod_writer.close()
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            # Half an answer cannot be taken back: then the connection ends in the middle of it.
            return False if begun else await _refuse(writer, 502)
        return not request.closes and not (answer.closes and not answer.get("content-length"))

    @asynccontextmanager
    async def _connection(self, target: Address) -> AsyncIterator[Stream]:
        """Yield a connection to a pod, kept for the next request unless something goes wrong."""
        stream = self._kept(target) or await asyncio.open_connection(*target, limit=_LARGEST_HEAD)
        try:
            yield stream
        except BaseException:
            stream[1].close()
            raise
        if not stream[1].is_closing():
            self._idle[target].append(stream)

    def _kept(self, target: Address) -> Stream | None:
        kept = self._idle[target]
        while kept:
            reader, writer = kept.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return None


async def _copy_body(
    head: _Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, until_closed: bool = False
) -> None:
    if "chunked" in head.get("transfer-encoding").lower():
        await _copy_chunks(reader, writer)
    elif length := head.get("content-length"):
        await _copy(reader, writer, int(length))
    elif until_closed:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    await writer.drain()


async def _copy_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        writer.write(line)
        if not size:
            break
        await _copy(reader, writer, size + 2)
    # The last chunk is followed by fields, mostly none, and an empty line.
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        writer.write(line)
    writer.write(b"\r\n")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int) -> None:
    while length:
        piece = await reader.read(min(length, _PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", length)
        writer.write(piece)
        await writer.drain()
        length -= len(piece)


async def _refuse(writer: asyncio.StreamWriter, status: int) -> bool:
    body = f"{status} {_WORDS[status]}\n".encode()
    head = f"HTTP/1.1 {status} {_WORDS[status]}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return False


def path_leads(rule: Mapping[str, str], path: str) -> bool:
    """Whether a path of an Ingress's rule holds for ``path``."""
    wanted = rule.get("path", "/")
    if rule["pathType"] == "Exact":
        return path == wanted
    return path == wanted or path.startswith(wanted.rstrip("/") + "/")
