"""Sessions of roles for AWS's own services: a job's, a state machine's, a schedule's, a pod's."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_SECONDS: Final = 12 * 3600


class AssumeRoleError(Exception):
    """A service may not have a role: it is missing, or does not trust the service."""


class DeniedError(Exception):
    """IAM says no; the message names the principal, the action and the resource."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A session of a role; ``arn`` is who it is."""

    arn: str
    access_key: str
    secret_key: str
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which an SDK takes them."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.token,
        }


def assume(
    role: str,
    *,
    service: str,
    session: str,
    source: str | None = None,
    action: str = "sts:AssumeRole",
    tags: Mapping[str, str] | None = None,
) -> Credentials:
    """Return a session of ``role``, an ARN, for an AWS service such as ``sagemaker.amazonaws.com``.

    ``source`` is the ARN of the resource it is for; trust policies may ask for it and its account, and for the
    session's ``tags``, which they have to allow. To be called inside of a request, or of
    ``ministack.core.responses.request_scope``.

    Raises:
        AssumeRoleError: there is no such role, or its trust policy does not let the service have it.

    """
    from ministack.services import iam, sts

    account, name = role.split(":")[4], role.rsplit("/", 1)[-1]
    kept = iam._roles.get(name)
    if kept is None:
        raise AssumeRoleError(f"{role}: there is no such role")
    for needed in (action, "sts:TagSession") if tags else (action,):
        if not _trusts(
            kept["AssumeRolePolicyDocument"], service, role=role, source=source, action=needed, tags=tags or {}
        ):
            raise AssumeRoleError(f"{role}: {service} is not authorized to perform: {needed} on resource: {role}")
    short = session[:64]
    credentials = Credentials(
        arn=f"arn:aws:sts::{account}:assumed-role/{name}/{short}",
        access_key=f"ASIA{secrets.token_hex(8).upper()}",
        secret_key=secrets.token_hex(20),
        token=secrets.token_hex(32),
    )
    sts.register_session(
        credentials.access_key,
        {
            "Arn": credentials.arn,
            "UserId": f"{kept.get('RoleId', name)}:{short}",
            "SecretAccessKey": credentials.secret_key,
            "SessionToken": credentials.token,
            "Expiration": time.time() + _SECONDS,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
            "SessionTags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        },
    )
    return credentials


def require(
    access_key: str, action: str, resource: str, *, service: str, region: str, context: dict[str, Any] | None = None
) -> None:
    """Return if the principal of ``access_key`` may do ``action``; for checks inside of its own request.

    Raises:
        DeniedError: it may not.

    """
    from ministack.core.iam_actions import identity_denial_message
    from ministack.core.iam_evaluator import AuthError, enforce

    denied = enforce(access_key, action, service, region, resource_arn=resource, service_context=context)
    if isinstance(denied, AuthError):
        raise DeniedError(denied.message)
    if denied is not None:
        explicit = denied.decision == "Deny"
        raise DeniedError(identity_denial_message(action, denied.principal_arn, resource, explicit))


def _trusts(
    document: Any, service: str, *, role: str, source: str | None, action: str, tags: Mapping[str, str]
) -> bool:
    """Say whether a trust policy lets ``service`` have the role: the emulator's own check knows no services."""
    from ministack.core.iam_evaluator import EvalContext, _action_matches, _conditions_met, _service_principal_matches

    account = role.split(":")[4]
    keys = {"aws:sourceaccount": account, "aws:principalservicename": service, "aws:principalisawsservice": "true"}
    if source is not None:
        keys["aws:sourcearn"] = source
    context = EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=account,
        action=action,
        resource_arn=role,
        region="",
        service_context=keys,
        request_tags=dict(tags),
        tag_keys=list(tags),
    )
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    trusted = False
    for each in [statements] if isinstance(statements, dict) else statements:
        actions = each.get("Action", [])
        if not _action_matches(action, [actions] if isinstance(actions, str) else actions, []):
            continue
        if not _service_principal_matches(each.get("Principal", {}), service):
            continue
        if not _conditions_met(each.get("Condition", {}), context):
            continue
        if each["Effect"] == "Deny":
            return False
        trusted = True
    return trusted
