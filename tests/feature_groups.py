"""A Feature Store that answers PutRecord over HTTP, as badly as a test wants."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote


@dataclass
class Store:
    """What came, in order; ``answers`` are what next calls get first: an HTTP status and an error's name."""

    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    kept: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    answers: list[tuple[int, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, group: str, record: dict[str, str]) -> tuple[int, str]:
        """Keep a record, or say why not; of one identifier and event time the last one is kept."""
        with self.lock:
            self.calls.append((group, record))
            if self.answers:
                return self.answers.pop(0)
            if record["basket_id"] in self.refused:
                return 400, "ValidationError"
            self.kept[record["basket_id"], record["event_time"]] = record
            return 200, ""


@contextmanager
def feature_store() -> Iterator[Store]:
    """Run a store on a free port, where AWS clients made meanwhile find it."""
    store = Store()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            with store.lock:
                store.at_once += 1
                store.most_at_once = max(store.most_at_once, store.at_once)
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            record = {each["FeatureName"]: each["ValueAsString"] for each in body["Record"]}
            status, error = store.take(unquote(self.path.rpartition("/")[2]), record)
            answer = json.dumps({"Message": "because"} if error else {}).encode()
            with store.lock:
                store.at_once -= 1
            self.send_response(status)
            if error:
                self.send_header("x-amzn-errortype", error)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_REGION": "ap-southeast-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    try:
        with patch.dict(os.environ, environment):
            yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
