"""A permission that a role has, taken away for a while; and what is said when it is missing."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rehearsal.story.act import UnmetExpectationError

_POLICY: Final = "rehearsal-denied"
# What every role has besides what it is for, and may go without: logs, traces, network interfaces, images, keys.
_BESIDE: Final = ("logs:", "xray:", "ec2:", "ecr:", "kms:")
# Without it what is not there looks like what may not be read: only where a role has no other.
_LAST: Final = "s3:ListBucket"


@contextmanager
def denied(iam: Any, role: str, action: str) -> Iterator[None]:
    """Deny a role exactly one action, on everything, while the block runs."""
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName=_POLICY, PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName=_POLICY)


def candidates(used: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Return what can be taken away, in the order of trying: what was ``used`` last, in its order.

    Of a role that was not used these are the actions that its policies ``allow``.
    """
    known = list(dict.fromkeys(used or allowed))
    own = [each for each in known if not each.startswith(_BESIDE)] or known
    return sorted(own, key=lambda each: each == _LAST)


def refusal(said: str, action: str) -> str | None:
    """Return the part of ``said`` in which AWS says that ``action`` is not allowed, None where it does not."""
    words = rf"(User: \S+ is )?not authorized to perform: {re.escape(action)}\b[^\n]*?(\bpolicy\b|(?=\\n|\n|$))"
    found = re.search(words, said)
    return found[0].replace('\\"', '"') if found else None


def policy_actions(iam: Any, role: str) -> list[str]:
    """Return the actions that a role's own policies allow, and those that are attached to it."""
    named = iam.get_paginator("list_role_policies").paginate(RoleName=role)
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for page in named
        for name in page["PolicyNames"]
    ]
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for each in page["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=each["PolicyArn"])["Policy"]["DefaultVersionId"]
            found = iam.get_policy_version(PolicyArn=each["PolicyArn"], VersionId=version)["PolicyVersion"]
            documents.append(found["Document"])
    return [action for each in documents for action in actions_of(each)]


def actions_of(document: Any) -> list[str]:
    """Return the actions that a policy's document allows."""
    statements = document["Statement"]
    found: list[str] = []
    for each in [statements] if isinstance(statements, dict) else statements:
        if each["Effect"] == "Allow":
            actions = each.get("Action", [])
            found += [actions] if isinstance(actions, str) else actions
    return found


def judged(action: str, *, said: str | None, refused: Iterable[str]) -> str | None:
    """Return the words of a refusal of ``action``, None where it was not needed this time.

    ``said`` is how it failed, None where it went well; ``refused`` are the actions that IAM refused meanwhile.

    Raises:
        UnmetExpectationError: it was refused and nobody says so, or something else went wrong.

    """
    words = refusal(said or "", action)
    if words:
        return words
    if said is not None:
        raise UnmetExpectationError(f"without {action} it failed, and does not say so: {said[:500]}")
    if action in set(refused):
        raise UnmetExpectationError(f"{action} was refused, and yet it is said to have gone well")
    return None


def kinds_of(trust: Mapping[str, Any]) -> set[str]:
    """Return the AWS services that a trust policy lets have the role."""
    statements = trust["Statement"]
    found: set[str] = set()
    for each in [statements] if isinstance(statements, dict) else statements:
        services = each.get("Principal", {}).get("Service", [])
        found |= {services} if isinstance(services, str) else set(services)
    return found
