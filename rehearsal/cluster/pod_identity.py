"""EKS Pod Identity: pods prove their service account to an agent, which fetches their role's credentials from EKS."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import botocore.session
from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from rehearsal.cluster.kinds import Object
from rehearsal.cluster.tokens import Issuer
from rehearsal.world import World

_logger: Final = logging.getLogger(__name__)
_AGAIN_SECONDS: Final = 1.0
_METHOD: Final = "eks-pod-identity"
_PATH: Final = "/v1/credentials"


class PodIdentity:
    """The agent of the node, and what it tells pods when they start."""

    def __init__(self, world: World, cluster: str, issuer: Issuer, address: str) -> None:
        self._world, self._cluster, self._issuer, self._address = world, cluster, issuer, address
        self._eks, self._auth = world.client("eks"), world.client("eks-auth")

    async def variables(self, pod: Object, folder: Path) -> Mapping[str, str]:
        """Return what a pod needs to ask the agent, if its service account has a role; write its token.

        While EKS does not answer, the pod waits.
        """
        namespace, account = pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName", "default")
        if not await self._has_role(namespace, account):
            return {}
        file = folder / "eks-pod-identity-token"
        file.touch(mode=0o600)
        file.write_text(self._issuer.token(namespace, account, pod["metadata"]["name"], pod["metadata"]["uid"]))
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{self._address}{_PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
        }

    def client(self, service: str, namespace: str, account: str) -> Any:
        """Return botocore's client of a service for a program of this process that stands for a pod.

        Its role is asked for when it is first used, and before it expires.
        """

        def session() -> dict[str, str]:
            try:
                token = self._issuer.token(namespace, account, pod=account, uid=account)
                found = self._credentials_for(token)
            except ClientError as error:
                raise CredentialRetrievalError(provider=_METHOD, error_msg=str(error)) from error
            return {
                "access_key": found["AccessKeyId"],
                "secret_key": found["SecretAccessKey"],
                "token": found["Token"],
                "expiry_time": found["Expiration"],
            }

        own = botocore.session.Session()
        # What a provider would do, without the variables of this process.
        own._credentials = DeferredRefreshableCredentials(session, _METHOD)
        return own.create_client(
            service, self._world.region, endpoint_url=self._world.endpoint, verify=str(self._world.authority)
        )

    def application(self) -> Starlette:
        """Return the agent's service."""
        return Starlette(routes=[Route(_PATH, self._credentials)])

    async def _has_role(self, namespace: str, account: str) -> bool:
        wanted = {"clusterName": self._cluster, "namespace": namespace, "serviceAccount": account}
        while True:
            try:
                found = await asyncio.to_thread(self._eks.list_pod_identity_associations, **wanted)
            except self._eks.exceptions.ResourceNotFoundException:
                return False
            except (BotoCoreError, ClientError) as error:
                _logger.warning("%s/%s: its role is not known yet: %s", namespace, account, error)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return bool(found["associations"])

    async def _credentials(self, request: Request) -> Response:
        token = request.headers.get("authorization", "")
        if not token:
            return PlainTextResponse("the service account's token is missing", 401)
        try:
            return JSONResponse(await asyncio.to_thread(self._credentials_for, token))
        except ClientError as error:
            return PlainTextResponse(str(error), error.response["ResponseMetadata"]["HTTPStatusCode"])
        except BotoCoreError as error:
            return PlainTextResponse(str(error), 500)

    def _credentials_for(self, token: str) -> Mapping[str, str]:
        answer = self._auth.assume_role_for_pod_identity(clusterName=self._cluster, token=token)
        found = answer["credentials"]
        return {
            "AccessKeyId": found["accessKeyId"],
            "SecretAccessKey": found["secretAccessKey"],
            "Token": found["sessionToken"],
            "AccountId": answer["assumedRoleUser"]["arn"].split(":")[4],
            "Expiration": found["expiration"].isoformat(),
        }
