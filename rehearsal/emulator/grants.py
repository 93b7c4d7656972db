"""Whether one of AWS's services may do what it is about to: by a role's policies, or a resource's and its key's.

Each answer is why not, or None. A service calls over TLS, and as itself, whoever's request made it do so.
"""

import contextvars
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy, pin_request_origin
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import kms, lambda_svc, sns, sqs

from rehearsal.emulator.roles import AssumeRoleError, DeniedError, assume, require

_EVENTS = "events.amazonaws.com"
_Refusal = str | None


def role_refusal(role: str, action: str, resource: str, *, service: str, source: str, session: str) -> _Refusal:
    """Return why ``service`` may not do ``action`` on ``resource`` as ``role`` for ``source``, an ARN."""

    def check() -> _Refusal:
        try:
            credentials = assume(role, service=service, session=session, source=source)
            require(credentials.access_key, action, resource, service=resource.split(":")[2], region=get_region())
        except (AssumeRoleError, DeniedError) as error:
            return str(error)
        return None

    return _as_a_service(check)


def topic_refusal(topic: str, *, service: str, source: str) -> _Refusal:
    """Return why ``service`` may not publish to a topic for ``source``."""

    def check() -> _Refusal:
        found = sns._topic_by_arn_any_scope(topic)
        if found is None:
            return "Topic does not exist"
        if not sns.topic_policy_allows(topic, service, source, get_account_id()):
            return f"Resource: {topic} does not allow {service} to call SNS:Publish"
        context = {"kms:encryptioncontext:aws:sns:topicarn": topic}
        return _key_refusal(found.get("attributes", {}).get("KmsMasterKeyId"), context, service=service, source=source)

    return _as_a_service(check)


def queue_refusal(queue: str, *, service: str, source: str) -> _Refusal:
    """Return why ``service`` may not send to a queue."""

    def check() -> _Refusal:
        found = sqs._queue_by_arn(queue)
        if found is None:
            return "Queue does not exist"
        if not sqs.queue_policy_allows(queue, service, source, get_account_id()):
            return f"Resource: {queue} does not allow {service} to call SQS:SendMessage"
        context = {"kms:encryptioncontext:aws:sqs:arn": queue}
        return _key_refusal(found.get("attributes", {}).get("KmsMasterKeyId"), context, service=service, source=source)

    return _as_a_service(check)


def function_refusal(function: str, *, service: str, source: str) -> _Refusal:
    """Return why ``service`` may not invoke a function."""

    def check() -> _Refusal:
        found = lambda_svc.function_policy_for_arn(function)
        if found is None:
            return "Function does not exist"
        if not _allows(found[0], "lambda:InvokeFunction", function, _about(service, source), service=service):
            return f"Resource: {function} does not allow {service} to call lambda:InvokeFunction"
        return None

    return _as_a_service(check)


def _key_refusal(key: str | None, context: Mapping[str, str], *, service: str, source: str) -> _Refusal:
    """Return why ``service`` may not encrypt with a key, None if there is none to encrypt with."""
    if not key:
        return None
    found = kms._resolve_key(key)
    if found is None:
        return f"Key {key} does not exist"
    # EventBridge does not tell KMS on whose behalf it calls.
    about = {} if service == _EVENTS else _about(service, source)
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        if not _allows(found.get("Policy"), action, found["Arn"], {**about, **context}, service=service):
            return f"The policy of key {found['Arn']} does not allow {service} to call {action}"
    return None


def _about(service: str, source: str) -> dict[str, str]:
    return {
        "aws:sourcearn": source,
        "aws:sourceaccount": get_account_id(),
        "aws:principalservicename": service,
        "aws:principalisawsservice": "true",
    }


def _allows(
    policy: str | Mapping[str, Any] | None,
    action: str,
    resource: str,
    about: Mapping[str, str],
    *,
    service: str,
) -> bool:
    context = EvalContext(
        # The caller is the service itself: what a statement grants to an account is not for it.
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context=dict(about),
    )
    allowed: bool = evaluate_resource_policy(policy, context, service=service).decision == "Allow"
    return allowed


def _as_a_service(check: Callable[[], _Refusal]) -> _Refusal:
    account, region = get_account_id(), get_region()

    def run() -> _Refusal:
        pin_request_origin("127.0.0.1", secure_transport=True)
        with request_scope(account, region):
            return check()

    return contextvars.Context().run(run)
