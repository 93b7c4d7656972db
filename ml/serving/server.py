"""uvicorn as the service needs it: connections that never send a request are closed, and SIGTERM drains."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ml.serving.app import Service

# Above a load balancer's 60 seconds, so that it is the one to end an idle connection.
KEEP_ALIVE_SECONDS = 75
HEADER_SECONDS = 15.0


class ImpatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 that closes a connection whose first request's headers do not come in time."""

    _opened: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        self._opened = self.loop.call_later(HEADER_SECONDS, transport.close)

    def on_headers_complete(self) -> None:
        """Stop it: from here on the body has a limit of its own."""
        if self._opened is not None:
            self._opened.cancel()
            self._opened = None
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop it."""
        if self._opened is not None:
            self._opened.cancel()
        super().connection_lost(exc)


def serve(service: Service, *, host: str, port: int, drain_seconds: int = 30) -> None:
    """Serve until SIGTERM or SIGINT; what was accepted by then is answered."""
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
        h11_max_incomplete_event_size=None,
    )
    uvicorn.Server(config).run()
