"""Whether a resource lets one of AWS's services use it, as its own policy says, and its key's."""

from collections.abc import Mapping
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, lambda_svc, sns, sqs


def topic_refusal(topic: str, *, service: str, source: str) -> str | None:
    """Return why ``service`` may not publish to a topic for ``source``, the ARN of what it acts for."""
    found = sns._topic_by_arn_any_scope(topic)
    if found is None:
        return "Topic does not exist"
    if not sns.topic_policy_allows(topic, service, source, get_account_id()):
        return f"Resource: {topic} does not allow {service} to call SNS:Publish"
    return key_refusal(found.get("attributes", {}).get("KmsMasterKeyId"), service=service, source=source)


def queue_refusal(queue: str, *, service: str, source: str) -> str | None:
    """Return why ``service`` may not send to a queue."""
    found = sqs._queue_by_arn(queue)
    if found is None:
        return "Queue does not exist"
    if not sqs.queue_policy_allows(queue, service, source, get_account_id()):
        return f"Resource: {queue} does not allow {service} to call SQS:SendMessage"
    return key_refusal(found.get("attributes", {}).get("KmsMasterKeyId"), service=service, source=source)


def function_refusal(function: str, *, service: str, source: str) -> str | None:
    """Return why ``service`` may not invoke a function."""
    found = lambda_svc.function_policy_for_arn(function)
    if found is None:
        return "Function does not exist"
    if not _allows(found[0], "lambda:InvokeFunction", function, service=service, source=source):
        return f"Resource: {function} does not allow {service} to call lambda:InvokeFunction"
    return None


def key_refusal(key: str | None, *, service: str, source: str) -> str | None:
    """Return why ``service`` may not encrypt with a key, None if there is none to encrypt with."""
    if not key:
        return None
    found = kms._resolve_key(key)
    if found is None:
        return f"Key {key} does not exist"
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        if not _allows(found.get("Policy"), action, found["Arn"], service=service, source=source):
            return f"The policy of key {found['Arn']} does not allow {service} to call {action}"
    return None


def _allows(policy: str | Mapping[str, Any] | None, action: str, resource: str, *, service: str, source: str) -> bool:
    context = EvalContext(
        # The caller is the service itself: what a statement grants to an account is not for it.
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={
            "aws:sourcearn": source,
            "aws:sourceaccount": get_account_id(),
            "aws:principalservicename": service,
            "aws:principalisawsservice": "true",
        },
    )
    allowed: bool = evaluate_resource_policy(policy, context, service=service).decision == "Allow"
    return allowed
