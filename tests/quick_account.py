"""Clients for tests that make thousands of calls: the answers of S3 and SageMaker that the functions look at.

``tests/unit/lambdas/test_quick_account.py`` asks these and moto the same things.
"""

import hashlib
import io
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError


class QuickClients:
    """Clients by name, as ``lambdas.common.runtime.Clients`` has them; each call passes ``step`` before and after."""

    def __init__(self, step: Callable[[str], None]) -> None:
        self._clients = {"s3": S3(), "sagemaker": SageMaker(), "eks": Others(), "secretsmanager": Others()}
        self._step = step

    def of(self, service: str) -> Any:
        """Return the client of a service."""
        client = self._clients[service]
        # The cluster is looked up while its connection is made, under a lock that must not be held at a stop.
        return client if isinstance(client, Others) else Stepping(client, self._step)


class Stepping:
    """A client whose calls pass ``step``."""

    def __init__(self, client: object, step: Callable[[str], None]) -> None:
        self._client = client
        self._step = step

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(word.capitalize() for word in name.split("_"))
        method = getattr(self._client, name)

        def call(**parameters: Any) -> Any:
            self._step(f"before {operation}")
            answer = method(**parameters)
            self._step(f"after {operation}")
            return answer

        return call


class S3:
    """Objects with ETags, and the conditions on writing them."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}

    def create_bucket(self, **_: Any) -> None:
        """Buckets are not told apart."""

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:
        """Return an object."""
        if Key not in self._bodies:
            raise _error("NoSuchKey", "GetObject")
        return {"Body": io.BytesIO(self._bodies[Key]), "ETag": _etag(self._bodies[Key])}

    def put_object(
        self, *, Key: str, Body: bytes, IfNoneMatch: str | None = None, IfMatch: str | None = None, **_: Any
    ) -> dict[str, Any]:
        """Write an object if the condition holds."""
        present = self._bodies.get(Key)
        if IfMatch is not None and present is None:
            raise _error("NoSuchKey", "PutObject")
        if (IfNoneMatch == "*" and present is not None) or (IfMatch is not None and IfMatch != _etag(present or b"")):
            raise _error("PreconditionFailed", "PutObject")
        self._bodies[Key] = Body
        return {"ETag": _etag(Body)}

    def list_objects_v2(self, **_: Any) -> dict[str, Any]:
        """Return all keys."""
        return {"Contents": [{"Key": key} for key in sorted(self._bodies)]}


class SageMaker:
    """Model packages and their approval."""

    def __init__(self) -> None:
        self._status: dict[str, str] = {}

    def create_model_package_group(self, **_: Any) -> None:
        """Groups are not told apart."""

    def create_model_package(self, *, ModelPackageGroupName: str, ModelApprovalStatus: str, **_: Any) -> dict[str, Any]:
        """Register a package."""
        number = len(self._status) + 1
        arn = f"arn:aws:sagemaker:ap-southeast-1:{'1' * 12}:model-package/{ModelPackageGroupName}/{number}"
        self._status[arn] = ModelApprovalStatus
        return {"ModelPackageArn": arn}

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        """Return a package."""
        return {"ModelApprovalStatus": self._status[ModelPackageName]}

    def update_model_package(
        self, *, ModelPackageArn: str, ModelApprovalStatus: str, ApprovalDescription: str = ""
    ) -> None:
        """Change the approval."""
        self._status[ModelPackageArn] = ModelApprovalStatus


class Others:
    """What else an account has to have."""

    def create_cluster(self, **_: Any) -> None:
        """There is one."""

    def describe_cluster(self, **_: Any) -> None:
        """Nothing is read of it."""

    def create_secret(self, **_: Any) -> None:
        """Nothing is read of it."""


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)
