"""Who asks: an administrator's token, or a token as ``aws eks get-token`` makes it, proven by AWS.

Such a token is a presigned request for STS's GetCallerIdentity that names the cluster in a signed header. It is sent;
the role that answers is looked up among the cluster's access entries.
"""

import asyncio
import base64
import binascii
import hmac
import re
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from xml.etree import ElementTree

import urllib3
from starlette.datastructures import Headers

from rehearsal.cluster.access import ADMINISTRATORS, User
from rehearsal.cluster.errors import ApiError
from rehearsal.world import World

_PREFIX: Final = "k8s-aws-v1."
CLUSTER_HEADER: Final = "x-k8s-aws-id"
_LONGEST: Final = 900
# As long as the API server of a real cluster may remember a token's answer, and less.
_REMEMBERED: Final = 10.0
_SESSION: Final = re.compile(r"arn:(aws[\w-]*):sts::(\d+):assumed-role/([^/]+)/.+")
_ADMINISTRATORS_POLICY: Final = "AmazonEKSClusterAdminPolicy"

Proof = Callable[[str], Awaitable[User | None]]


class Identity:
    """Finds out who a request comes from. ``proof`` answers for tokens that are not the administrator's."""

    def __init__(self, admin_token: str, proof: Proof) -> None:
        self._admin_token = admin_token
        self._proof = proof
        self._known: dict[str, tuple[float, User]] = {}

    async def of(self, headers: Headers) -> User:
        """Return who sent ``headers``.

        Raises:
            ApiError: 401, or 403 for impersonation by anybody but an administrator.

        """
        kind, _, token = headers.get("authorization", "").partition(" ")
        user = await self._bearer(token.strip()) if kind.lower() == "bearer" else None
        if user is None:
            raise ApiError(401, "Unauthorized")
        other = headers.get("impersonate-user")
        if other is None:
            return user
        if not user.is_administrator:
            raise ApiError(403, f'users "{other}" is forbidden: User "{user.name}" cannot impersonate')
        return User(other, tuple(headers.getlist("impersonate-group")))

    async def _bearer(self, token: str) -> User | None:
        if hmac.compare_digest(token.encode(), self._admin_token.encode()):
            return User("administrator", (ADMINISTRATORS,))
        since, known = self._known.get(token, (0.0, None))
        if known is not None and time.monotonic() - since < _REMEMBERED:
            return known
        found = await self._proof(token)
        self._known = {key: kept for key, kept in self._known.items() if time.monotonic() - kept[0] < _REMEMBERED}
        if found is not None:
            self._known[token] = (time.monotonic(), found)
        return found


class EksProof:
    """Asks AWS who made a token, and EKS which groups that principal is in."""

    def __init__(self, world: World, cluster: str) -> None:
        self._world = world
        self._cluster = cluster
        self._http = urllib3.PoolManager(ca_certs=str(world.authority), retries=False, timeout=urllib3.Timeout(10))
        self._eks = world.client("eks")

    async def __call__(self, token: str) -> User | None:
        """Return who made the token and is let in, or None."""
        return await asyncio.to_thread(self._of, token)

    def _of(self, token: str) -> User | None:
        url = presigned_of(token)
        arn = None if url is None else self._caller(url)
        try:
            return None if arn is None else self._let_in(arn)
        except self._eks.exceptions.ResourceNotFoundException:
            # There is no such cluster in EKS yet, or any more.
            return None

    def _caller(self, url: urllib.parse.SplitResult) -> str | None:
        """Send the request to this world's AWS, with the host that it was signed for and this cluster's name."""
        headers = {"host": url.netloc, CLUSTER_HEADER: self._cluster}
        answer = self._http.request("GET", f"{self._world.endpoint}/?{url.query}", headers=headers)
        if answer.status != 200:
            return None
        found = ElementTree.fromstring(answer.data).findtext(".//{*}Arn")  # noqa: S314  our own emulator's answer
        return found or None

    def _let_in(self, arn: str) -> User | None:
        for page in self._eks.get_paginator("list_access_entries").paginate(clusterName=self._cluster):
            for principal in page["accessEntries"]:
                if is_principal(arn, principal):
                    return self._user(arn, principal)
        return None

    def _user(self, arn: str, principal: str) -> User:
        named = {"clusterName": self._cluster, "principalArn": principal}
        entry: Mapping[str, Any] = self._eks.describe_access_entry(**named)["accessEntry"]
        policies = self._eks.list_associated_access_policies(**named)["associatedAccessPolicies"]
        groups = list(entry.get("kubernetesGroups", []))
        if any(each["policyArn"].endswith(f"/{_ADMINISTRATORS_POLICY}") for each in policies):
            groups.append(ADMINISTRATORS)
        return User(entry.get("username") or arn, tuple(groups))


def presigned_of(token: str) -> urllib.parse.SplitResult | None:
    """Return the presigned request that ``token`` is made of, or None if it is not one that EKS takes."""
    if not token.startswith(_PREFIX):
        return None
    raw = token.removeprefix(_PREFIX)
    try:
        url = urllib.parse.urlsplit(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode())
        query = dict(urllib.parse.parse_qsl(url.query, strict_parsing=True))
        signed = query["X-Amz-SignedHeaders"].lower().split(";")
        good = (
            url.scheme == "https"
            and query["Action"] == "GetCallerIdentity"
            and CLUSTER_HEADER in signed
            and "host" in signed
            and 0 < int(query["X-Amz-Expires"]) <= _LONGEST
        )
    except (ValueError, KeyError, binascii.Error):
        return None
    return url if good else None


def is_principal(caller: str, principal: str) -> bool:
    """Whether ``caller``, a user or a role's session, is the ``principal`` of an access entry."""
    session = _SESSION.fullmatch(caller)
    if session is None:
        return caller == principal
    partition, account, role = session.groups()
    return principal.startswith(f"arn:{partition}:iam::{account}:role/") and principal.rsplit("/", 1)[-1] == role
