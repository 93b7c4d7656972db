"""The load balancer by itself, in front of small servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from rehearsal.cluster.balancer import Address, LoadBalancer, path_leads

Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def pod(answer: Answer) -> AsyncIterator[Address]:
    """Run a server that hands each request's head to ``answer``, many on one connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await answer(await reader.readuntil(b"\r\n\r\n"), reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()


@asynccontextmanager
async def front(
    *targets: Address, served: bool = True
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a connection to a load balancer in front of ``targets``."""
    balancer = LoadBalancer(lambda _: list(targets) if served else None)
    server = await balancer.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def said(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status and the body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return int(head.split()[1]), await reader.readexactly(length)


async def get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str = "/") -> tuple[int, bytes]:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
    return await said(reader)


async def simply(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)


def test_requests_follow_each_other_on_one_connection_and_say_where_they_come_from() -> None:
    heads: list[bytes] = []

    async def keep(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        writer.write(OK)

    async def run() -> list[tuple[int, bytes]]:
        async with pod(keep) as address, front(address) as (reader, writer):
            return [await get(reader, writer, path) for path in ("/a?b=c", "/d")]

    assert asyncio.run(run()) == [(200, b"ok"), (200, b"ok")]
    assert [head.split(b"\r\n")[0] for head in heads] == [b"GET /a?b=c HTTP/1.1", b"GET /d HTTP/1.1"]
    assert b"X-Forwarded-For: 127.0.0.1" in heads[0]
    assert b"Host: shop" in heads[0]


@pytest.mark.parametrize(("served", "status"), [(True, 503), (False, 404)])
def test_without_a_pod_or_a_rule_it_says_so_itself(served: bool, status: int) -> None:
    async def run() -> tuple[int, bytes]:
        async with front(served=served) as (reader, writer):
            return await get(reader, writer)

    assert asyncio.run(run())[0] == status


def test_a_request_that_a_pod_loses_is_lost_and_not_sent_again() -> None:
    asked = 0

    async def drop(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    async def run() -> tuple[int, bytes]:
        async with pod(drop) as address, pod(simply) as other, front(address, other) as (reader, writer):
            return await get(reader, writer)

    assert asyncio.run(run())[0] == 502
    assert asked == 1


def test_bodies_pass_in_both_directions_however_they_are_framed() -> None:
    async def echo(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b""
        if b"chunked" in head:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
            writer.write(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            )
        else:
            body = await reader.readexactly(200_000)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + body)

    async def run() -> None:
        async with pod(echo) as address, front(address) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000)
            assert await said(reader) == (200, b"x" * 200_000)
            writer.write(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"chunked" in head
            assert await reader.readuntil(b"0\r\n\r\n") == b"b\r\nhello world\r\n0\r\n\r\n"
            writer.write(b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")

    asyncio.run(run())


def test_the_pod_with_the_fewest_requests_open_is_asked() -> None:
    async def run() -> tuple[int, bytes]:
        begun = asyncio.Event()

        async def hang(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            begun.set()
            await asyncio.sleep(60)

        async with pod(hang) as slow, pod(simply) as quick:
            balancer = LoadBalancer(lambda _: [slow, quick])
            server = await balancer.start()
            port = server.sockets[0].getsockname()[1]
            first, second = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            first[1].write(b"GET / HTTP/1.1\r\n\r\n")
            await begun.wait()
            return await get(*second)

    assert asyncio.run(run()) == (200, b"ok")


@pytest.mark.parametrize(
    ("kind", "rule", "path", "leads"),
    [
        ("Exact", "/predict", "/predict", True),
        ("Exact", "/predict", "/predict/", False),
        ("Prefix", "/", "/anything", True),
        ("Prefix", "/v2", "/v2/models", True),
        ("Prefix", "/v2", "/v21", False),
    ],
)
def test_paths_lead_as_the_ingress_says(kind: str, rule: str, path: str, leads: bool) -> None:
    assert path_leads({"path": rule, "pathType": kind}, path) is leads
