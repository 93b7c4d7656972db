"""What every function runs in: clients of AWS made when they are needed, and a frame with logs and traces."""

from collections.abc import Callable
from typing import Any, TypeVar

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.session import Session

from lambdas.common.events import Frozen, parse

# boto3's own limits are a minute each, which is longer than a function has.
_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
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
        except Exception:
            logger.exception("failed")
            raise
        logger.info("answered", extra={"answer": answer})
        return answer

    return handler
