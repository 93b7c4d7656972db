"""What the pods of these tests run: a server that behaves as its version's name says.

``idle-…`` never gets ready, ``bad-…`` ends after a second with code 3; any stops to answer when asked for /deafen.
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

options = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=False))
version = options.get("--version") or options["--model"].rpartition("/")[2]
deaf = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if deaf.is_set():
            time.sleep(60)
        if self.path == "/deafen":
            deaf.set()
        if self.path == "/slow":
            time.sleep(0.5)
        self.answer(503 if self.path == "/ready" and version.startswith("idle") else 200)

    def do_POST(self) -> None:
        self.answer(200, self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def answer(self, status: int, said: str = "") -> None:
        told = {"version": version, "args": sys.argv[1:], "env": dict(os.environ), "pid": os.getpid(), "said": said}
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def end(*_: object) -> None:
    sys.stdout.write("ending\n")
    sys.stdout.flush()
    os._exit(0)


sys.stdout.write(f"version {version}\n")
sys.stdout.flush()
if version.startswith("bad"):
    time.sleep(1)
    sys.exit(3)
signal.signal(signal.SIGTERM, end)
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer((options["--host"], int(options["--port"])), Handler).serve_forever()
