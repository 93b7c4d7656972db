"""Send hostile bodies and requests to a server, and look for answers that nobody should get."""

import http.client
import itertools
import json
import socket
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.proofs.hostile import CANARY, bodies, mutations, of_contract, requests
from tests.server_process import Server

_TYPES = ("application/json", "application/json; charset=utf-16", "text/csv", "text/plain", "")
# Answers are small, and a caller of this proof is on the same machine.
_PATIENCE = 30.0


@dataclass
class Found:
    """How many were sent, what came back, and what should not have."""

    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def saw(self, name: str, status: int | None, answer: bytes) -> None:
        """Count an answer. A refusal may repeat nothing; a prediction returns the basket's id and products."""
        self.sent += 1
        self.statuses[str(status or "closed")] += 1
        if status is not None and status >= 500:
            self.wrong.append(f"{status} for {name}")
        if status != 200 and CANARY.encode() in answer:
            self.wrong.append(f"an echo of {name}")


class Sender:
    """One connection that is opened anew where the server closed it."""

    def __init__(self, server: Server, found: Found) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_PATIENCE)
        self._found = found

    def send(self, name: str, path: str, body: bytes, *, content_type: str = "application/json") -> None:
        for last in (False, True):
            try:
                self._connection.request("POST", path, body, {"content-type": content_type} if content_type else {})
                response = self._connection.getresponse()
                self._found.saw(name, response.status, response.read())
            except (ConnectionError, http.client.BadStatusLine):
                self._connection.close()
                if last:
                    self._found.saw(name, None, b"")
            else:
                return

    def close(self) -> None:
        self._connection.close()


def post_paths(server: Server) -> list[str]:
    """Return every path that takes a body, as the service itself describes them."""
    _, described = server.ask("GET", "/openapi.json")
    paths = [path for path, operations in described["paths"].items() if "post" in operations]
    version = str(server.ask("GET", "/version")[1]["model_version"])
    return [path.replace("{name}", "price_sensitivity").replace("{version}", version) for path in paths]


def by_contract(server: Server, path: str, *, count: int, number: int) -> Found:
    """Send ``count`` bodies made by the contract's schema, half of them with wrong values."""
    found = Found()
    sender = Sender(server, found)

    for wrong in (False, True):
        # Hypothesis keeps a database of failures and shrinks them; here every example is sent, and that is all.
        @seed(number)
        @settings(
            max_examples=count // 2,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(of_contract(wrong=wrong))
        def send(body: bytes) -> None:
            sender.send(f"{body[:200]!r}", path, body)

        send()
    sender.close()
    return found


def mutated(server: Server, paths: Iterable[str], *, count: int, number: int) -> Found:
    """Send ``count`` damaged bodies, with content types of every kind, to each path in turn."""
    found = Found()
    sender = Sender(server, found)
    places = itertools.cycle(paths)
    for body, kind in zip(itertools.islice(mutations(number), count), itertools.cycle(_TYPES), strict=False):
        sender.send(f"{body[:200]!r}", next(places), body, content_type=kind)
    sender.close()
    return found


def hostile(server: Server, paths: Iterable[str]) -> Found:
    """Send the hostile bodies to each path, and explained; then the hostile requests."""
    found = Found()
    sender = Sender(server, found)
    for path in paths:
        for (name, body), kind in zip(bodies().items(), itertools.cycle(_TYPES), strict=False):
            sender.send(f"{name} on {path}", path, body)
            sender.send(f"{name} on {path} as {kind}", f"{path}?explain=1", body, content_type=kind)
        for name, request in requests(path).items():
            status, answer = exchange(server, request)
            found.saw(f"request {name} on {path}", status, answer)
    sender.close()
    return found


def exchange(server: Server, request: bytes) -> tuple[int | None, bytes]:
    """Send raw bytes, close our side and return the first status and all that came back."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=_PATIENCE) as client:
        try:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # closed while we were sending: what it said before may still be there
        try:
            while got := client.recv(65_536):
                answer += got
        except ConnectionError:
            pass
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    status = answer.removeprefix(b"HTTP/1.1 ")[:3]
    return (int(status) if answer.startswith(b"HTTP/1.1 ") and status.isdigit() else None), answer


def answers_still(server: Server, body: bytes) -> bool:
    """Return whether an honest request is answered."""
    status, answer = server.ask("POST", "/predict", body)
    return status == 200 and bool(json.dumps(answer))
