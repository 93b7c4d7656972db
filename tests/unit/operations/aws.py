"""AWS as the commands meet it: real clients whose requests and responses botocore checks against its models."""

from typing import Any

import boto3
from botocore.stub import Stubber

ACCOUNT = "111122223333"
REGION = "ap-southeast-1"


class Aws:
    """Clients that answer what a test has prepared, in that order, and nothing else."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._stubbers: dict[str, Stubber] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            # Credentials of nobody: a request that is not stubbed fails before it leaves.
            self._clients[service] = boto3.client(
                service, region_name=REGION, aws_access_key_id="none", aws_secret_access_key="none"
            )
            self._stubbers[service] = Stubber(self._clients[service])
            self._stubbers[service].activate()
        return self._clients[service]

    def answers(self, service: str, operation: str, response: dict[str, Any], **expected: Any) -> None:
        self.client(service)
        self._stubbers[service].add_response(operation, response, expected or None)

    def refuses(self, service: str, operation: str, code: str) -> None:
        self.client(service)
        self._stubbers[service].add_client_error(operation, code, "as prepared")

    def assert_all_was_asked(self) -> None:
        for stubber in self._stubbers.values():
            stubber.assert_no_pending_responses()
