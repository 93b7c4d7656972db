"""The door to a real API server: it finds out who asks as EKS does, and asks in their name.

A real API server does not know tokens that are made of this AWS's credentials. What is asked with one is passed on by
an administrator who impersonates whom the token proves; what they may do is the API server's own decision.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import urllib3
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from rehearsal.cluster.access import User
from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.identity import Identity
from rehearsal.cluster.remote import Remote

_ASKED: Final = ("accept", "content-type")
_ANSWERED: Final = ("content-type", "retry-after", "warning")


class Front:
    """The application. ``logs`` returns what a pod of this node has written, by namespace and name."""

    def __init__(self, remote: Remote, identity: Identity, logs: Callable[[str, str], str]) -> None:
        self._remote, self._identity, self._logs = remote, identity, logs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request, await self._identity.of(request.headers))
        except ApiError as error:
            response = JSONResponse(error.body(), error.status)
        await response(scope, receive, send)

    async def _answer(self, request: Request, user: User) -> Response:
        match request.url.path.split("/"):
            # The API server would ask this node for them, by HTTPS.
            case ["", "api", "v1", "namespaces", namespace, "pods", name, "log"] if user.is_administrator:
                return PlainTextResponse(self._logs(namespace, name))
        watches = request.query_params.get("watch") in {"1", "true"}
        path = f"{request.url.path.lstrip('/')}?{request.url.query}"
        headers = urllib3.HTTPHeaderDict({name: request.headers[name] for name in _ASKED if name in request.headers})
        if not user.is_administrator:
            headers["Impersonate-User"] = user.name
            for group in user.groups:
                headers.add("Impersonate-Group", group)
        body = await request.body() or None
        try:
            answer = await asyncio.to_thread(self._remote.send, request.method, path, body, headers, whole=not watches)
        except ConnectionError as error:
            raise ApiError(503, str(error)) from error
        kept = {name: value for name in _ANSWERED if (value := answer.headers.get(name))}
        if watches:
            return StreamingResponse(_pieces(answer), answer.status, kept)
        return Response(answer.data, answer.status, kept)


def _pieces(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Yield what comes as it comes; a watch on which nothing happens for a while ends, as it may at any time."""
    try:
        while piece := answer.read1():
            yield piece
    except urllib3.exceptions.HTTPError:
        pass
    finally:
        answer.close()
