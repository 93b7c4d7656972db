"""Background requests: every one is counted, by what became of it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from config.names import API_KEY_HEADER
from rehearsal.story.traffic import traffic


class _Service(BaseHTTPRequestHandler):
    """Answers the first body, refuses the second, and hangs up on the third."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"hang up" or self.headers[API_KEY_HEADER] != "key":
            self.connection.close()
            return
        self.send_response(200 if body == b"good" else 500)
        answer = json.dumps({"model_version": "v1"}).encode()
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_each_request_is_counted_by_what_became_of_it() -> None:
    waited = threading.Event()
    with _served() as service, traffic(service, key="key", bodies=[b"good", b"bad", b"hang up"], rate=200) as sent:
        while sent.total < 30 and not waited.wait(0.01):
            pass

    assert sent.total >= 30
    assert sent.failed == sent.total - sent.statuses["200"]
    assert set(sent.versions) == {"v1"}
    assert sent.versions["v1"] == sent.statuses["200"]
    assert abs(sent.statuses["200"] - sent.statuses["500"]) <= 1
    assert sent.statuses["ProtocolError"] >= sent.statuses["500"] - 1
