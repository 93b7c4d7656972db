"""What every function runs in: clients of AWS made when they are needed, and a frame with logs and traces."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.session import Session

from lambdas.common.errors import ServiceBusyError
from lambdas.common.events import Frozen, parse

# boto3's own limits are a minute each, which is longer than a function has.
_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
_SERVER_ERROR: Final = 500
# With a status below that; S3's SlowDown is a 503.
_THROTTLED: Final = ("Throttling", "Throttled", "TooManyRequests", "RequestLimitExceeded")
_Event = TypeVar("_Event", bound=Frozen)
_Tools = TypeVar("_Tools")
Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


class Clients:
    """Clients of AWS services, one each, made when first asked for."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._boto3 = boto3.Session(botocore_session=session)
        self._made: dict[str, Any] = {}

    def of(self, service: str) -> Any:
        """Return the client of a service, by boto3's name of it."""
        if service not in self._made:
            self._made[service] = self._boto3.client(service, config=_CONFIG)
        return self._made[service]


def handler_of(
    name: str, kind: type[_Event], act: Callable[[_Event, _Tools], Frozen], tools: Callable[[], _Tools]
) -> Handler:
    """Return the handler of function ``name``: it parses an event as ``kind``, and answers what ``act`` returns.

    ``tools`` is called by each invocation, inside of it: a mistake in the environment is then an error with a log.
    What AWS was too busy for, however often the client tried, has a name of its own: the state machine tries later.
    """
    logger = Logger(service=name)
    tracer = Tracer(service=name)

    @tracer.capture_lambda_handler
    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  the logger reads it
        try:
            asked = parse(kind, event)
            logger.info("asked", extra={"asked": asked.as_json()})
            answer = act(asked, tools()).as_json()
        except Exception as error:
            logger.exception("failed")
            if _is_busy(error):
                raise ServiceBusyError(f"{type(error).__name__}: {error}") from error
            raise
        logger.info("answered", extra={"answer": answer})
        return answer

    return handler


def _is_busy(error: Exception) -> bool:
    """Say whether a service of AWS could not answer, rather than would not."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(status >= _SERVER_ERROR) or error.response["Error"].get("Code", "").startswith(_THROTTLED)
    return isinstance(error, HTTPClientError | AwsConnectionError)
