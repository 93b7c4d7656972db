"""What is encrypted takes the key, too: objects in S3, messages of topics, secrets.

Whoever reads or writes them needs the key's permission as well as the resource's own. Data is not really encrypted.
"""

import contextvars
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rehearsal.emulator.settings import Settings

_READ: Final[tuple[str, ...]] = ("kms:Decrypt",)
_WRITE: Final[tuple[str, ...]] = ("kms:GenerateDataKey",)
# What a request needs of the key, by its own action.
_OBJECTS: Final = {
    "s3:GetObject": _READ,
    "s3:GetObjectVersion": _READ,
    "s3:PutObject": _WRITE,
}
_KEY_HEADER: Final = "x-amz-server-side-encryption-aws-kms-key-id"


@dataclass(frozen=True)
class _Use:
    """An action on a key, for a service's resource."""

    action: str
    key: str


# The denial that the request under way has met, for the words of its answer.
_denied: Final[contextvars.ContextVar[_Use | None]] = contextvars.ContextVar("denied_use", default=None)


def install(settings: Settings) -> None:
    """Check the key with each request that needs one, and name it in a refusal."""
    from ministack.core import iam_actions, iam_evaluator

    enforce, refuse = iam_evaluator.enforce, iam_actions.access_denied_response

    def enforce_with_keys(  # noqa: PLR0917  the emulator's own signature
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        _denied.set(None)
        denied = enforce(
            access_key_id, iam_action, service, region, resource_arn=resource_arn, service_context=service_context
        )
        if denied:
            return denied
        via = {"kms:ViaService": f"{service}.{region}.amazonaws.com", "kms:CallerAccount": settings.account}
        for use in _uses(iam_action, resource_arn, service_context or {}):
            denied = enforce(access_key_id, use.action, "kms", region, resource_arn=use.key, service_context=via)
            if denied:
                _denied.set(use)
                return denied
        return None

    def refuse_by_name(service: str, action: str, principal_arn: str, request_id: str, **more: Any) -> Any:
        use = _denied.get()
        if use is not None:
            explicit = bool(more.get("explicit_deny"))
            message = iam_actions.identity_denial_message(use.action, principal_arn, use.key, explicit)
            more = {**more, "message": message, "resource_arn": use.key}
            action = use.action
        return refuse(service, action, principal_arn, request_id, **more)

    _tell_keys_of_requests()
    iam_evaluator.enforce = enforce_with_keys
    iam_actions.access_denied_response = refuse_by_name


def _tell_keys_of_requests() -> None:
    """Add the key that a write names to what policies are asked about."""
    from ministack.core import iam_actions

    known = iam_actions.s3_service_context

    def s3_context(action: str, query: dict[str, Any] | None, path: str = "", headers: Any = None) -> dict[str, Any]:
        context: dict[str, Any] = known(action, query, path, headers)
        if action == "s3:PutObject" and (headers or {}).get(_KEY_HEADER):
            context[f"s3:{_KEY_HEADER}"] = headers[_KEY_HEADER]
        return context

    iam_actions.s3_service_context = s3_context


def _uses(action: str, resource: str, context: dict[str, Any]) -> Iterator[_Use]:
    """Yield what a request needs of keys."""
    if action in _OBJECTS:
        key = _key_of_object(resource, action, context)
        actions = _OBJECTS[action]
    elif action == "sns:Publish":
        key, actions = _key_of_topic(resource), ("kms:GenerateDataKey", "kms:Decrypt")
    elif action == "secretsmanager:GetSecretValue":
        key, actions = _key_of_secret(resource), _READ
    else:
        return
    found = _arn(key)
    if found is not None:
        yield from (_Use(each, found) for each in actions)


def _key_of_object(resource: str, action: str, context: dict[str, Any]) -> str | None:
    """Return the key of an object that is there, or that of one that is being written."""
    from ministack.services import s3

    bucket, _, name = resource.removeprefix("arn:aws:s3:::").partition("/")
    found = s3._buckets.get(bucket)
    if found is None:
        return None
    default = s3._bucket_default_sse_headers(bucket)
    if action == "s3:PutObject":
        key: str | None = context.get(f"s3:{_KEY_HEADER}") or default.get(_KEY_HEADER)
        return key
    record = found["objects"].get(name)
    if record is None:
        return None
    # One that was written without a word about it has the bucket's.
    stored: dict[str, str] = s3._stored_sse_headers(record) or default
    return stored.get(_KEY_HEADER)


def _key_of_topic(topic: str) -> str | None:
    from ministack.services import sns

    found = sns._topic_by_arn_any_scope(topic)
    return found.get("attributes", {}).get("KmsMasterKeyId") if found else None


def _key_of_secret(secret: str) -> str | None:
    from ministack.services import secretsmanager

    _, found = secretsmanager._resolve(secret)
    return found.get("KmsKeyId") if found else None


def _arn(key: str | None) -> str | None:
    """Return the ARN of a key that is the account's own; AWS's keys of a service let all of its users use them."""
    from ministack.services import kms

    found = kms._resolve_key(key) if key else None
    return str(found["Arn"]) if found and found.get("KeyManager", "CUSTOMER") == "CUSTOMER" else None
