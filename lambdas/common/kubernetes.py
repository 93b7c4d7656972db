"""The few requests that a release makes of the Kubernetes API: get an object, list some, patch one.

Every patch carries the resource version that it was made from. That makes it safe to send again: one whose answer was
lost is refused the second time (409), and who made it reads the object anew and finds the work done.
"""

import json
import random
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, Self

import urllib3

from lambdas.common.eks import Endpoint
from lambdas.common.errors import (
    ConflictError,
    ForbiddenError,
    KubernetesError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnreachableError,
)

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
_ATTEMPTS = 4
# All waiting inside one request; the state machine waits longer, by its own Retry.
_PATIENCE = 20.0
_FIRST_WAIT = 0.25
_STRATEGIC_MERGE: Final = "application/strategic-merge-patch+json"
_BY_STATUS: Final[Mapping[int, type[KubernetesError]]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    429: TooManyRequestsError,
}
Object = dict[str, Any]


class Response(Protocol):
    """What is read of an answer."""

    status: int

    @property
    def data(self) -> bytes:
        """The body."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""


class Http(Protocol):
    """What sends requests: urllib3's pool manager."""

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> Response:
        """Send one request.

        Raises:
            urllib3.exceptions.HTTPError: there was no answer.

        """


class Kubernetes:
    """The API of one cluster."""

    def __init__(
        self, url: str, token: Callable[[], str], http: Http, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._url = url.rstrip("/")
        self._new_token = token
        self._token: str | None = None
        self._http = http
        self._sleep = sleep

    @classmethod
    def at(cls, endpoint: Endpoint, token: Callable[[], str]) -> Self:
        """Return the API at ``endpoint``, which must prove that it is the cluster's own."""
        trust = ssl.create_default_context(cadata=endpoint.authority)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        return cls(endpoint.url, token, urllib3.PoolManager(ssl_context=trust, timeout=timeout, retries=False))

    def get(self, path: str) -> Object:
        """Return the object or list at ``path``.

        Raises:
            KubernetesError: its subclass says what went wrong.

        """
        return self._ask("GET", path)

    def patch(self, path: str, changes: Mapping[str, Any], *, resource_version: str) -> Object:
        """Merge ``changes`` into the object at ``path``, if it is still at ``resource_version``; return the object.

        Raises:
            ConflictError: it is not, or the patch was sent twice because no answer came.
            KubernetesError: its subclass says what else went wrong.

        """
        metadata = {**changes.get("metadata", {}), "resourceVersion": resource_version}
        return self._ask("PATCH", path, json.dumps({**changes, "metadata": metadata}).encode())

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Object:
        """Send a request until it is answered for good; wait between tries, the longer the later."""
        waited = 0.0
        renewed = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._send(method, path, body)
            except UnauthorizedError:
                if renewed or attempt == _ATTEMPTS:
                    raise
                renewed, self._token = True, None
            except (TooManyRequestsError, ServerError, UnreachableError) as error:
                # Jitter, so that those who were refused together do not come back together.
                jitter = random.uniform(0.5, 1.0) * _FIRST_WAIT * 4 ** (attempt - 1)  # noqa: S311
                wait = max(error.retry_after or 0.0, jitter)
                waited += wait
                if attempt == _ATTEMPTS or waited > _PATIENCE:
                    raise
                self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _send(self, method: str, path: str, body: bytes | None) -> Object:
        if self._token is None:
            self._token = self._new_token()
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = _STRATEGIC_MERGE
        try:
            response = self._http.request(method, f"{self._url}/{path}", body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(f"{method} {path}: {type(error).__name__}: {error}") from error
        if response.status >= 400:
            raise _refusal(method, path, response)
        try:
            found: Object = json.loads(response.data)
        except ValueError as error:
            raise ServerError(f"{method} {path}: the answer is not JSON", status=response.status) from error
        return found


def _refusal(method: str, path: str, response: Response) -> KubernetesError:
    """Return the error that the answer stands for, with the API server's own words."""
    try:
        words = str(json.loads(response.data)["message"])
    except (ValueError, KeyError, TypeError):
        words = "no message"
    kind = _BY_STATUS.get(response.status, ServerError if response.status >= 500 else KubernetesError)
    after = response.headers.get("Retry-After", "")
    return kind(
        f"{method} {path}: {response.status}: {words}",
        status=response.status,
        retry_after=float(after) if after.isdecimal() else None,
    )
