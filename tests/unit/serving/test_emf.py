"""Metric lines to the CloudWatch agent: they arrive, survive its absence, and never pile up."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ml.errors import SettingsError
from ml.serving.emf import EmfAgent


class Agent:
    """A CloudWatch agent that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.some = asyncio.Event()

    async def listen(self, port: int = 0) -> asyncio.Server:
        return await asyncio.start_server(self._hear, "127.0.0.1", port)

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.heard.append(line)
            self.some.set()
        writer.close()


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def within_a_minute() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(within_a_minute())


def to(port: int, drops: list[int], said: list[str] | None = None, *, most_lines: int = 10) -> EmfAgent:
    return EmfAgent(
        f"tcp://127.0.0.1:{port}",
        dropped=drops.append,
        log=(said if said is not None else []).append,
        most_lines=most_lines,
        shortest_pause=0.01,
    )


def test_lines_arrive_whole_and_in_order_and_what_waits_at_the_end_too() -> None:
    async def scenario() -> None:
        heard = Agent()
        async with await heard.listen() as server:
            agent = to(port_of(server), [])
            sending = asyncio.create_task(agent.run())
            agent.write('{"a": 1}')
            await heard.some.wait()
            agent.write('{"a": 2}')
            agent.write('{"a": 3}')
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            while len(heard.heard) < 3:
                await asyncio.sleep(0)
        assert heard.heard == [b'{"a": 1}\n', b'{"a": 2}\n', b'{"a": 3}\n']

    run(scenario)


def test_lines_wait_for_an_agent_that_is_away_and_those_beyond_are_counted() -> None:
    async def scenario() -> None:
        heard, drops, said = Agent(), list[int](), list[str]()
        async with await heard.listen() as server:
            port = port_of(server)
        agent = to(port, drops, said, most_lines=2)
        sending = asyncio.create_task(agent.run())
        for number in range(5):
            agent.write(str(number))
        while not said:
            await asyncio.sleep(0.01)
        async with await heard.listen(port):
            while len(heard.heard) < 2:
                await asyncio.sleep(0.01)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

        assert heard.heard == [b"0\n", b"1\n"]
        assert sum(drops) == 3
        assert len(said) == 1
        assert "cannot be reached" in said[0]

    run(scenario)


@pytest.mark.parametrize(
    "endpoint", ["udp://agent:25888", "agent:25888", "tcp://agent", "tcp://agent:port", "tcp://:1"]
)
def test_an_endpoint_of_another_kind_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="is not tcp://host:port"):
        EmfAgent(endpoint, dropped=lambda _: None, log=lambda _: None)
