"""The generator against a real server that stalls, fails, cuts and refuses."""

import asyncio
import time
from typing import Any

import pytest

from ml.loadtest.clock import precise_loop
from ml.loadtest.connection import Address
from ml.loadtest.recorder import Failure
from ml.loadtest.sender import Sender
from tests.unit.loadtest.loads import REQUEST, a_load, assert_nothing_is_lost, send
from tests.unit.loadtest.tiny_server import BODY, FAILED, OK, Seen, answers, at_once, tiny_server


def test_every_request_that_falls_due_is_sent_and_answered() -> None:
    sender, seen = send(rate=300.0, duration=1.0)
    assert_nothing_is_lost(sender.recorder)
    assert sender.recorder.due == sender.recorder.sent == sender.recorder.succeeded == len(seen.heads) == 300
    assert sender.elapsed >= 0.99, "all were sent before they were due"


def test_a_stall_shows_in_the_latency_of_all_who_were_due_meanwhile() -> None:
    """THE property: a closed loop would have recorded one slow request per connection and no more."""
    stalled_until = 0.0

    async def stalls_for_a_second(number: int) -> bytes:
        nonlocal stalled_until
        loop = asyncio.get_running_loop()
        if number == 100:
            stalled_until = loop.time() + 1.0
        await asyncio.sleep(max(0.0, stalled_until - loop.time()))
        return OK

    sender, _ = send(stalls_for_a_second, rate=200.0, duration=2.0, connections=4)
    recorder = sender.recorder
    assert_nothing_is_lost(recorder)
    assert recorder.succeeded == recorder.due == 400
    assert recorder.latency.longest >= 0.9
    # About 200 of 400 requests were due during the stall, evenly; half of them waited for half a second or more.
    slow = sum(count for seconds, count in recorder.latency.pairs() if seconds >= 0.5)
    assert slow >= 80, "only those on the four connections were counted as slow"
    assert recorder.latency.percentile(90) >= 0.5
    assert recorder.queued.longest >= 0.5, "requests that waited for a connection"


def test_latency_is_the_servers_delay() -> None:
    async def slow(number: int) -> bytes:
        await asyncio.sleep(0.05)
        return OK

    sender, _ = send(slow, rate=100.0, connections=64)
    assert sender.recorder.latency.shortest >= 0.049
    assert sender.recorder.due == sender.recorder.succeeded == 100


def test_statuses_and_cut_connections_are_counted_by_kind_and_the_rest_goes_on() -> None:
    async def bad(number: int) -> bytes | None:
        if number % 10 == 3:
            return FAILED
        return None if number % 25 == 9 else OK

    sender, seen = send(bad, rate=200.0, duration=1.0)
    recorder = sender.recorder
    assert_nothing_is_lost(recorder)
    assert recorder.errors == {"HTTP 500": 20, str(Failure.CUT): 8}
    assert recorder.succeeded == 172
    assert recorder.latency.count == 172, "a fast failure is no fast answer"
    assert len(seen.heads) == 200


def test_answers_that_never_come_count_with_the_time_waited() -> None:
    async def deaf(number: int) -> bytes:
        await asyncio.sleep(60)
        return OK

    sender, _ = send(deaf, rate=50.0, duration=1.0, connections=2, timeout=0.5)
    recorder = sender.recorder
    assert_nothing_is_lost(recorder)
    assert recorder.succeeded == 0
    assert set(recorder.errors) == {Failure.LATE, Failure.NOT_SENT}
    assert recorder.latency.count == recorder.due == 50
    assert recorder.latency.shortest >= 0.49


def test_an_answer_after_its_timeout_is_not_taken_for_the_next_requests_answer() -> None:
    async def late(number: int) -> bytes:
        if number == 0:
            await asyncio.sleep(0.6)
            return FAILED
        return OK

    sender, _ = send(late, rate=20.0, duration=1.0, connections=1, timeout=0.3)
    assert_nothing_is_lost(sender.recorder)
    assert "HTTP 500" not in sender.recorder.errors
    assert sender.recorder.succeeded > 5


def test_a_server_that_goes_away_is_refused_connections_counted_one_by_one() -> None:
    async def run() -> Sender:
        async with tiny_server() as seen:
            address = Address(host="127.0.0.1", port=seen.port, tls=None)
            sender = Sender(load=a_load(rate=100.0), address=address, request=lambda _: REQUEST)
            await sender.connect()
        await sender.run()
        return sender

    recorder = asyncio.run(run()).recorder
    assert_nothing_is_lost(recorder)
    assert recorder.succeeded == 0
    assert recorder.errors[Failure.REFUSED] >= 90
    assert set(recorder.errors) <= {Failure.REFUSED, Failure.CUT}


def test_nobody_listening_at_the_start_is_an_error() -> None:
    async def run() -> None:
        async with tiny_server() as seen:
            port = seen.port
        address = Address(host="127.0.0.1", port=port, tls=None)
        await Sender(load=a_load(), address=address, request=lambda _: REQUEST).connect()

    with pytest.raises(ConnectionRefusedError):
        asyncio.run(run())


CHUNKED = b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"pre\r\n7;a=b\r\ndiction\r\n0\r\n\r\n'
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + OK
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize("content", [OK, CHUNKED, CONTINUED, EMPTY], ids=["length", "chunked", "continue", "empty"])
def test_bodies_end_where_http_says_and_the_connection_stays(content: bytes) -> None:
    sender, seen = send(answers(content), rate=100.0, connections=4)
    assert_nothing_is_lost(sender.recorder)
    assert sender.recorder.succeeded == 100
    assert seen.connections == 4, "connections are kept alive"


@pytest.mark.parametrize(
    "content",
    [
        OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1),
        b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
        OK,
    ],
    ids=["announced", "until the end", "http 1.0", "unannounced"],
)
def test_a_server_that_closes_after_each_answer_is_no_error(content: bytes) -> None:
    sender, seen = send(answers(content), close_after_answer=True, rate=50.0, connections=16)
    assert_nothing_is_lost(sender.recorder)
    assert sender.recorder.succeeded == 50
    assert seen.connections >= 50


@pytest.mark.parametrize(
    "content",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ],
    ids=["no http", "no length", "upgrade"],
)
def test_what_is_not_http_is_named_so(content: bytes) -> None:
    sender, _ = send(answers(content), rate=20.0)
    assert_nothing_is_lost(sender.recorder)
    assert sender.recorder.errors == {str(Failure.NOT_HTTP): 20}


def test_a_body_that_is_cut_short_is_a_cut_connection() -> None:
    sender, _ = send(answers(OK[:-3]), close_after_answer=True, rate=20.0)
    assert sender.recorder.errors == {str(Failure.CUT): 20}


def test_connections_are_used_in_turn() -> None:
    """So that each replica behind a load balancer gets its share, however fast the first one answers."""
    _, seen = send(at_once, rate=80.0, connections=8)
    assert seen.connections == 8
    assert min(seen.requests_of_connections) >= 5, "of 80 requests over 8 connections"


def test_a_generator_that_is_held_up_says_so_and_counts_the_time() -> None:
    """Nobody may blame the server for this second, and nobody may overlook it."""

    def hold_up(sender: Sender, seen: Seen) -> None:
        time.sleep(0.5)

    recorder = send(rate=200.0, duration=1.0, meanwhile=hold_up)[0].recorder
    assert_nothing_is_lost(recorder)
    assert recorder.due == recorder.succeeded == 200
    assert recorder.lag.longest >= 0.45
    assert recorder.latency.longest >= 0.45
    assert sum(count for seconds, count in recorder.lag.pairs() if seconds >= 0.2) >= 40


def test_a_server_that_closes_at_once_is_told_apart_from_one_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> Sender:
        loop = asyncio.get_running_loop()
        connect: Any = loop.create_connection

        async def connect_and_pause(*arguments: Any, **options: Any) -> Any:
            made = await connect(*arguments, **options)
            await asyncio.sleep(0.1)  # so that the end comes before anybody has taken the connection
            return made

        monkeypatch.setattr(loop, "create_connection", connect_and_pause)

        async def turn_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        server = await asyncio.start_server(turn_away, "127.0.0.1", 0)
        address = Address(host="127.0.0.1", port=server.sockets[0].getsockname()[1], tls=None)
        sender = Sender(load=a_load(rate=20.0, timeout=8.0), address=address, request=lambda _: REQUEST)
        await sender.run()
        server.close()
        return sender

    sender = asyncio.run(run())
    assert_nothing_is_lost(sender.recorder)
    assert sender.recorder.errors == {str(Failure.CUT): 20}


def test_timers_are_not_rounded_up_to_whole_milliseconds() -> None:
    async def short_one() -> float:
        loop = asyncio.get_running_loop()
        found = []
        for _ in range(200):
            start = loop.time()
            await asyncio.sleep(0.0003)
            found.append(loop.time() - start)
        return min(found)

    with asyncio.Runner(loop_factory=precise_loop) as runner:
        assert 0.0003 <= runner.run(short_one()) < 0.0009


def test_stopping_ends_early_and_waits_for_the_answers_under_way() -> None:
    async def slow(number: int) -> bytes:
        await asyncio.sleep(0.2)
        return OK

    sender, _ = send(slow, rate=100.0, duration=4.0, connections=64, meanwhile=lambda sender, _: sender.stop())
    assert_nothing_is_lost(sender.recorder)
    assert sender.interrupted
    assert 0 < sender.recorder.due < 390
    assert sender.recorder.failed == 0
    assert 1.9 <= sender.span < 3.9


def test_stopping_twice_leaves_what_is_under_way_and_counts_it() -> None:
    async def deaf(number: int) -> bytes:
        await asyncio.sleep(60)
        return OK

    def stop_twice(sender: Sender, seen: Seen) -> None:
        sender.stop()
        sender.stop()

    sender, _ = send(deaf, rate=50.0, duration=1.0, connections=4, timeout=30.0, meanwhile=stop_twice)
    assert_nothing_is_lost(sender.recorder)
    assert sender.recorder.errors == {str(Failure.LEFT): sender.recorder.due}
    assert sender.elapsed < 20
