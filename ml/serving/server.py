"""uvicorn as the service needs it: enough connections, none that hold on for ever, and a SIGTERM that drains."""

import asyncio
import resource
import signal
import socket
from typing import Final

import uvicorn

from ml.serving.app import Service
from ml.serving.connections import KEEP_ALIVE_SECONDS, ImpatientProtocol

# How long connections that are open at SIGTERM are still served: a caller's next request is told to close.
LAST_CALL_SECONDS: Final = 1.0
_LAST_CALL_STEP: Final = 0.05
_MOST_FILES: Final = 65_536


class DrainingServer(uvicorn.Server):
    """A server that ends without an answer owed.

    uvicorn closes idle connections as soon as it is told to end, and with them requests that are on their way. Here
    callers are told first: for a last second everything is answered, with ``Connection: close``.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what comes within the last call, then end as uvicorn does: wait for what is at work."""
        state = self.server_state
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        left = LAST_CALL_SECONDS
        while left > 0 and state.connections:
            await asyncio.sleep(_LAST_CALL_STEP)
            left -= _LAST_CALL_STEP
        await super().shutdown(sockets)


def serve(service: Service, *, host: str, port: int, drain_seconds: int = 30) -> None:
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
    DrainingServer(config).run()


def _allow_connections() -> None:
    """Raise the soft limit of open files, often 1,024, as far as the hard one lets: every connection is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
