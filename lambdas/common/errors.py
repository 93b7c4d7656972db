"""What can go wrong in a Lambda, by the names that a state machine's Retry and Catch see.

This module imports nothing, so that the stacks can read names from it.
"""

from typing import Final


class FlowError(Exception):
    """Something that the flow cannot do; the message says what, and what to do about it."""


class EventError(FlowError):
    """An event that is not what the function is called with; the message names the field."""


class SettingsError(FlowError):
    """A variable of the function's environment that is missing or wrong."""


class ContendedError(FlowError):
    """Others changed the same object again and again; nothing was written. Trying later helps."""


class ReleaseUnderWayError(FlowError):
    """Another release has not ended yet. Trying later helps."""


class ServiceBusyError(FlowError):
    """A service of AWS was too busy or not to be reached, each time that it was asked. Trying later helps."""


class KubernetesError(FlowError):
    """The cluster's API refused a request; ``status`` is its HTTP status, 0 where there was none."""

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class UnauthorizedError(KubernetesError):
    """401, with a fresh token too: the role has no access entry, or the clock is wrong."""


class ForbiddenError(KubernetesError):
    """403: the role's group may not do this."""


class NotFoundError(KubernetesError):
    """404: there is no such object."""


class ConflictError(KubernetesError):
    """409: somebody changed the object since it was read."""


class TooManyRequestsError(KubernetesError):
    """429: the API server is busy. Trying later helps."""


class ServerError(KubernetesError):
    """5xx. Trying later helps."""


class UnreachableError(KubernetesError):
    """No answer in time, or none at all. Trying later helps."""


# Worth another try by the state machine, when those inside the function have been used up.
TRANSIENT: Final = tuple(
    each.__name__
    for each in (
        ContendedError,
        ReleaseUnderWayError,
        # An API server that has just started refuses everybody until it has read who may do what.
        UnauthorizedError,
        ForbiddenError,
        ConflictError,
        TooManyRequestsError,
        ServerError,
        UnreachableError,
    )
)
