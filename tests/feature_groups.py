"""A Feature Store that answers BatchWriteRecord over HTTP, as badly as a test wants."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

MOST = 25


@dataclass
class Store:
    """What came, call by call; a group's name and its records.

    ``answers`` are what next calls get first: an HTTP status and an error's name. By a record's identifier, ``refused``
    has the codes that it is answered with, one a try, and ``unprocessed`` how often it is given back.
    """

    calls: list[list[tuple[str, dict[str, str]]]] = field(default_factory=list)
    kept: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    answers: list[tuple[int, str]] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)
    unprocessed: dict[str, int] = field(default_factory=dict)
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, entries: list[dict[str, Any]]) -> tuple[int, str, dict[str, Any]]:
        """Keep records, or say which are not; of one identifier and event time the last one is kept."""
        with self.lock:
            records = [{each["FeatureName"]: each["ValueAsString"] for each in entry["Record"]} for entry in entries]
            self.calls.append([(entry["FeatureGroupName"], of) for entry, of in zip(entries, records, strict=True)])
            if self.answers:
                return *self.answers.pop(0), {"Message": "because"}
            if not 0 < len(entries) <= MOST:
                return 400, "ValidationError", {"Message": f"{len(entries)} entries"}
            errors, unprocessed = [], []
            for entry, record in zip(entries, records, strict=True):
                identifier = record["basket_id"]
                if self.refused.get(identifier):
                    code = self.refused[identifier].pop(0)
                    errors.append({"Entry": entry, "ErrorCode": code, "ErrorMessage": "because"})
                elif self.unprocessed.get(identifier):
                    self.unprocessed[identifier] -= 1
                    unprocessed.append(entry)
                else:
                    self.kept[identifier, record["event_time"]] = record
            return 200, "", {"Errors": errors, "UnprocessedEntries": unprocessed}


@contextmanager
def feature_store() -> Iterator[Store]:
    """Run a store on a free port, where AWS clients made meanwhile find it."""
    store = Store()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with store.lock:
                store.at_once += 1
                store.most_at_once = max(store.most_at_once, store.at_once)
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/BatchWriteRecord"
            status, error, result = store.take(body["Entries"])
            answer = json.dumps(result).encode()
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
