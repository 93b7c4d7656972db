"""A proxy in front of a real API server that answers some requests itself: with an error, late, or not at all."""

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.control_plane import ControlPlane

Fault = Callable[[BaseHTTPRequestHandler], bool]


@dataclass
class FaultProxy:
    """Requests pass, but for the next ones of ``faults``. A fault returns whether the request is still to pass."""

    url: str
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    def next(self, method: str, *faults: Fault) -> None:
        """Let the next requests of ``method`` meet ``faults``, one each."""
        self.faults += [(method, each) for each in faults]


def answers(status: int, **headers: str) -> Fault:
    """Answer with an error, as the API server words it."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        _send(handler, status, json.dumps({"kind": "Status", "message": "by the test"}).encode(), headers)
        return False

    return answer


def hangs(seconds: float) -> Fault:
    """Say nothing for so long, then close."""

    def hang(handler: BaseHTTPRequestHandler) -> bool:
        time.sleep(seconds)
        handler.close_connection = True
        return False

    return hang


def loses_the_answer(handler: BaseHTTPRequestHandler) -> bool:
    """Let the request pass and drop what the server says."""
    handler.lost = True  # type: ignore[attr-defined]
    return True


def does(what: Callable[[], object]) -> Fault:
    """Do something first, then let the request pass."""

    def first(_: BaseHTTPRequestHandler) -> bool:
        what()
        return True

    return first


@contextmanager
def proxy(plane: ControlPlane) -> Iterator[FaultProxy]:
    """Run a proxy with the API server's own certificate."""
    pki: Path = plane.folder / "pki"
    upstream = ssl.create_default_context(cafile=str(pki / "ca.crt"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass()

        def do_PATCH(self) -> None:
            self._pass()

        def _pass(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length) if length else None
            fault = next((each for each in state.faults if each[0] == self.command), None)
            if fault is not None:
                state.faults.remove(fault)
                if not fault[1](self):
                    return
            headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
            request = urllib.request.Request(plane.url + self.path, method=self.command, data=body, headers=headers)
            try:
                with urllib.request.urlopen(request, context=upstream, timeout=30) as response:
                    status, answer = response.status, response.read()
            except urllib.error.HTTPError as error:
                status, answer = error.code, error.read()
            except OSError:
                # The API server is not there: nor is this connection.
                self.close_connection = True
                return
            state.passed.append(self.command)
            if getattr(self, "lost", False):
                self.lost = False
                self.close_connection = True
                return
            _send(self, status, answer, {})

        def log_message(self, *_: object) -> None:
            """Tests say what went wrong themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    state = FaultProxy(f"https://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    # Who asked may have lost patience.
    with suppress(OSError):
        handler.end_headers()
        handler.wfile.write(body)
