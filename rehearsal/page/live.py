"""The page while a rehearsal runs: served on a loopback port, its document read anew every few seconds."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from rehearsal.page.build import DOCUMENT, PAGE, render
from rehearsal.page.document import Document

_SECONDS: Final = 2.0
_HOST: Final = "127.0.0.1"
# Only names of this host: a page elsewhere that gives its own name this address is not answered.
_NAMES: Final = frozenset({_HOST, "localhost"})
_JSON: Final = "application/json"
_HTML: Final = "text/html; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'"
)


@contextmanager
def watching(folder: Path, read: Callable[[], Document], *, port: int = 0, seconds: float = _SECONDS) -> Iterator[str]:
    """Serve the page of what ``read`` returns inside the block, read anew every ``seconds``; yield its address.

    ``folder`` holds the reports that the page links to; nothing else of it is served. ``port`` 0 is a free one.
    """
    server = _Server(folder, read(), port)
    over = threading.Event()

    def follow() -> None:
        while not over.wait(seconds):
            server.take(read())

    threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=follow)]
    for each in threads:
        each.daemon = True
        each.start()
    try:
        yield f"http://{_HOST}:{server.server_port}/"
    finally:
        over.set()
        server.shutdown()
        for each in threads:
            each.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Holds the newest document, and as bytes with their ETag."""

    daemon_threads = True

    def __init__(self, folder: Path, document: Document, port: int) -> None:
        super().__init__((_HOST, port), _Handler)
        self.folder = folder
        self.take(document)

    def take(self, document: Document) -> None:
        """Replace the document."""
        body = json.dumps(document.as_json(), allow_nan=False, separators=(",", ":")).encode()
        self.newest = document, body, f'"{hashlib.sha256(body).hexdigest()[:16]}"'


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer with the page, its document or a report."""
        document, body, etag = self.server.newest
        path = self.path.partition("?")[0].lstrip("/")
        if (self.headers.get("host") or "").rpartition(":")[0] not in _NAMES:
            self._answer(HTTPStatus.FORBIDDEN, b"", "text/plain")
        elif path in {"", PAGE}:
            self._answer(HTTPStatus.OK, render(document, live=True).encode(), _HTML)
        elif path != DOCUMENT:
            self._report(path, document)
        elif self.headers.get("if-none-match") == etag:
            self._answer(HTTPStatus.NOT_MODIFIED, b"", _JSON, {"ETag": etag})
        else:
            self._answer(HTTPStatus.OK, body, _JSON, {"ETag": etag})

    def _report(self, path: str, document: Document) -> None:
        file = self.server.folder / path
        if path in {each.href for each in document.reports} and file.is_file():
            self._answer(HTTPStatus.OK, file.read_bytes(), _HTML)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"there is no such file", "text/plain")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in {**headers, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Say nothing: the command's output is the story's."""
