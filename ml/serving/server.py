"""uvicorn as the service needs it: enough connections, none that hold on for ever, and a SIGTERM that drains."""

import asyncio
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from ml.serving.connections import KEEP_ALIVE_SECONDS, ImpatientProtocol

# Two seconds for requests that are on their way at SIGTERM.
LAST_CALL_STEPS: Final = 40
_STEP_SECONDS: Final = 0.05
_MOST_FILES: Final = 65_536


class DrainingServer(uvicorn.Server):
    """A server that ends without an answer owed.

    uvicorn closes idle connections as soon as it is told to end, and with them requests that are on their way. Here
    whoever is connected, if only as far as the system's queue, has a last call: all that comes is answered, with
    ``Connection: close``.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, answer what comes within the last call, then end as uvicorn does."""
        state = self.server_state
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        queued = [connection for listener in sockets or () for connection in _queued(listener)]
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for connection in queued:
            await loop.connect_accepted_socket(self._protocol, connection)
        # Steps, not time: sockets are read in each, however little of the processor is left to this process.
        for _ in range(LAST_CALL_STEPS):
            if not state.connections:
                break
            await asyncio.sleep(_STEP_SECONDS)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return ImpatientProtocol(self.config, self.server_state, self.lifespan.state)


def _queued(listener: socket.socket) -> Iterator[socket.socket]:
    """Yield the connections that the system holds ready; closing the listener would cut them off."""
    with suppress(BlockingIOError):
        while True:
            yield listener.accept()[0]


def serve(service: ASGIApp, *, host: str, port: int, drain_seconds: int = 30) -> None:
    """Serve until SIGTERM or SIGINT; what was accepted by then is answered."""
    _allow_connections()
    config = uvicorn.Config(
        service,
        host=host,
        port=port,
        loop="uvloop",
        http=ImpatientProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=drain_seconds,
        backlog=2_048,
    )
    # uvicorn raises the signal that ended it once more, for handlers it found: ended as asked is no failure.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: None)
    listener = config.bind_socket()
    listener.setblocking(False)
    DrainingServer(config).run([listener])


def _allow_connections() -> None:
    """Raise the soft limit of open files, often 1,024, as far as the hard one lets: every connection is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
