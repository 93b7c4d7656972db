"""Many callers at once: idle, pipelining, trickling, large, and too lazy to read."""

import json
import socket
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from ml.serving.examples import EXAMPLE
from tests.proofs.slow_clients import BODY, HEAD
from tests.server_process import Server

REQUEST = HEAD + b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY)


@dataclass(frozen=True)
class Crowd:
    """How many honest requests were sent beside the crowd and answered with 200, and the slowest in milliseconds."""

    sent: int
    answered: int
    slowest_ms: float


def beside(server: Server, *, requests: int) -> Crowd:
    """Send honest requests, each on a connection of its own."""
    times, answered = [], 0
    for _ in range(requests):
        started = time.perf_counter()
        answered += server.ask("POST", "/predict", BODY)[0] == 200
        times.append((time.perf_counter() - started) * 1_000)
    return Crowd(requests, answered, max(times))


def idle(server: Server, *, connections: int, requests: int) -> Crowd:
    """Open ``connections`` that say nothing, then ask honestly."""
    with ExitStack() as stack:
        for _ in range(connections):
            stack.enter_context(server.connect())
        return beside(server, requests=requests)


def trickling(server: Server, *, connections: int, requests: int) -> Crowd:
    """Keep ``connections`` sending a body a byte at a time, while honest requests are sent."""
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(connections)]
        for client in clients:
            client.sendall(HEAD + b"content-length: 7000000\r\n\r\n" + b" " * 1_000)
        over = threading.Event()

        def trickle() -> None:
            while not over.wait(0.2):
                for client in clients:
                    with suppress(OSError):
                        client.send(b" ")

        trickler = threading.Thread(target=trickle)
        trickler.start()
        try:
            return beside(server, requests=requests)
        finally:
            over.set()
            trickler.join()


def pipelined(server: Server, *, requests: int) -> int:
    """Send requests at once on one connection; return how many were answered in order with 200."""
    bodies = [json.dumps({**EXAMPLE, "basket_id": number}).encode() for number in range(requests)]
    with server.connect() as client:
        client.sendall(b"".join(HEAD + b"content-length: %d\r\n\r\n%s" % (len(body), body) for body in bodies))
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while got := client.recv(65_536):
            answer += got
    answers = answer.split(b"HTTP/1.1 200 OK")[1:]
    ids = [json.loads(each.partition(b"\r\n\r\n")[2])["basket_id"] for each in answers]
    return len(ids) if ids == list(range(len(ids))) else -1


def flood_pipeline(server: Server, *, megabytes: int) -> int:
    """Pipeline requests without reading an answer; return how many megabytes went out until the connection ended."""
    block = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n" * 30_000
    with server.connect() as client:
        client.settimeout(2.0)
        sent = 0
        with suppress(OSError):
            while sent < megabytes * 1_000_000:
                sent += client.send(block)
    return sent // 1_000_000


def large_at_once(server: Server, *, requests: int) -> dict[int, int]:
    """Send bodies of nearly the greatest size at once; return how many got which status."""
    body = json.dumps([{**EXAMPLE, "lines": EXAMPLE["lines"] * 9}] * 3_000).encode()
    assert 5_000_000 < len(body) < 8_000_000
    statuses: dict[int, int] = {}
    lock = threading.Lock()

    def send() -> None:
        status, _ = server.ask("POST", "/predict", body)
        with lock:
            statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=send) for _ in range(requests)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return statuses


def never_reading(server: Server, *, connections: int, seconds: float) -> float | None:
    """Ask for large answers and read nothing; return the seconds until the server let go of all, or None."""
    line = {"prod_code": "A", "quantity": 1, "spend": 1}
    lines = [{**line, "prod_code": f"A{number}"} for number in range(900)]
    body = json.dumps([{**EXAMPLE, "lines": lines}] * 100).encode()
    head = HEAD.replace(b"/predict", b"/predict?explain=1") + b"connection: close\r\n"
    head += b"content-length: %d\r\n\r\n" % len(body)
    before = server.files()
    with ExitStack() as stack:
        for _ in range(connections):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect(("127.0.0.1", server.port))
            stack.enter_context(client).sendall(head + body)
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            time.sleep(0.5)
            if server.files() <= before:
                return time.monotonic() - started
    return None
