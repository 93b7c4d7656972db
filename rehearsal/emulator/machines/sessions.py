"""Who an execution is: a session of its machine's role, and clients as it."""

import secrets
import threading
from typing import Any, Final

from rehearsal.emulator.front import Front
from rehearsal.emulator.roles import Credentials, assume

SERVICE: Final = "states.amazonaws.com"
# Step Functions' own SDK tries again what a service answers in between.
_ATTEMPTS: Final = 3


class Session:
    """A session of a role, with a client of each service that it has called."""

    def __init__(self, front: Front, credentials: Credentials) -> None:
        self._front = front
        self.credentials = credentials
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """Return a client of a service, by botocore's name of it."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._front.client(service, self.credentials, attempts=_ATTEMPTS)
            return self._clients[service]


class Sessions:
    """A session for each execution, made when its first Task begins."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def of(self, execution: dict[str, Any]) -> Session:
        """Return the session of an execution.

        Raises:
            AssumeRoleError: the machine's role is missing, or does not trust Step Functions.

        """
        arn = execution["executionArn"]
        with self._lock:
            if arn not in self._sessions:
                role = execution["events"][0]["executionStartedEventDetails"]["roleArn"]
                machine = execution["stateMachineArn"]
                credentials = assume(role, service=SERVICE, session=secrets.token_hex(16), source=machine)
                self._sessions[arn] = Session(self._front, credentials)
            return self._sessions[arn]

    def forget(self, execution: dict[str, Any]) -> None:
        """Forget the session of an execution that has ended."""
        with self._lock:
            self._sessions.pop(execution["executionArn"], None)
