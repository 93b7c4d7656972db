"""EKS as the cluster's process needs it: where the cluster is, and the roles of pods.

The emulator keeps clusters, access entries and pod identity associations, and checks the signature of the presigned
``GetCallerIdentity`` by which a cluster knows its callers. Added are: the address of the cluster that runs here, the
associations that an add-on makes, and EKS's ``AssumeRoleForPodIdentity``.
"""

import base64
import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from rehearsal.emulator.pod_tokens import Claims, TokenError, claims_of
from rehearsal.emulator.roles import AssumeRoleError, assume
from rehearsal.emulator.settings import Settings

Answer = tuple[int, dict[str, str], bytes]
_SERVICE: Final = "eks-auth"
_PODS: Final = "pods.eks.amazonaws.com"
_PATH: Final = re.compile(r"/clusters/([\w-]+)/assume-role-for-pod-identity")
# Where an add-on's service accounts are, unless it is kube-system.
_NAMESPACES: Final = {"amazon-cloudwatch-observability": "amazon-cloudwatch"}


def install(settings: Settings) -> None:
    """Add what is missing."""
    from ministack import app
    from ministack.core import iam_actions, router

    router.SERVICE_PATTERNS[_SERVICE] = {"host_patterns": [r"eks-auth\."], "credential_scope": _SERVICE}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[_SERVICE] = _SERVICE
    iam_actions._BOTOCORE_SERVICE_MAP[_SERVICE] = [_SERVICE]
    app.SERVICE_HANDLERS[_SERVICE] = _PodIdentity(settings).handle
    _place_clusters(settings)
    _associate_addons()


def _place_clusters(settings: Settings) -> None:
    """Let every cluster be described with the address and the authority of the one that runs here."""
    from ministack.services import eks

    described = eks._sanitize

    def placed(cluster: dict[str, Any]) -> Any:
        if settings.cluster.exists():
            found = json.loads(settings.cluster.read_text(encoding="utf-8"))
            authority = base64.b64encode(found["authority"].encode()).decode()
            cluster.update(endpoint=found["url"], certificateAuthority={"data": authority})
        return described(cluster)

    eks._sanitize = placed


def _associate_addons() -> None:
    """Let an add-on come and go with the pod identity associations that it was given."""
    from ministack.services import eks

    create, delete = eks._create_addon, eks._delete_addon

    def created(cluster: str, body: dict[str, Any]) -> Any:
        answer = create(cluster, body)
        if answer[0] < 400:
            for each in body.get("podIdentityAssociations") or []:
                namespace = _NAMESPACES.get(body["addonName"], "kube-system")
                eks._create_pod_identity_association(cluster, {**each, "namespace": namespace})
        return answer

    def deleted(cluster: str, name: str) -> Any:
        kept = eks._addons.get(f"{cluster}/{name}", {})
        accounts = {each["serviceAccount"] for each in kept.get("podIdentityAssociations") or []}
        namespace = _NAMESPACES.get(name, "kube-system")
        for key, found in list(eks._pod_identity_associations.items()):
            if (found["clusterName"], found["namespace"]) == (cluster, namespace) and found[
                "serviceAccount"
            ] in accounts:
                eks._pod_identity_associations.pop(key)
        return delete(cluster, name)

    eks._create_addon, eks._delete_addon = created, deleted


class _PodIdentity:
    """EKS Auth: a pod's token for a session of the role that its service account is associated with."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],  # noqa: ARG002  every handler's signature
        body: bytes,
        query: Mapping[str, Any],  # noqa: ARG002
    ) -> Answer:
        found = _PATH.fullmatch(path)
        if method != "POST" or found is None:
            return _refusal(404, "ResourceNotFoundException", f"there is no operation {method} {path}")
        try:
            claims = claims_of(json.loads(body)["token"], self._key())
        except (ValueError, KeyError, TokenError, InvalidSignature) as error:
            return _refusal(400, "InvalidTokenException", f"the token is not one of this cluster's: {error}")
        return self._session(found.group(1), claims)

    def _key(self) -> bytes:
        found = json.loads(self._settings.cluster.read_text(encoding="utf-8"))
        return str(found["issuer"]).encode()

    def _session(self, cluster: str, claims: Claims) -> Answer:
        from ministack.services import eks

        associations = [
            each
            for each in eks._pod_identity_associations.values()
            if (each["clusterName"], each["namespace"], each["serviceAccount"])
            == (cluster, claims.namespace, claims.account)
        ]
        if not associations:
            who = f"{claims.namespace}/{claims.account}"
            return _refusal(404, "ResourceNotFoundException", f"{who} has no pod identity association in {cluster}")
        association = associations[0]
        tags = {
            "eks-cluster-arn": eks._clusters[cluster]["arn"],
            "eks-cluster-name": cluster,
            "kubernetes-namespace": claims.namespace,
            "kubernetes-service-account": claims.account,
            "kubernetes-pod-name": claims.pod,
            "kubernetes-pod-uid": claims.uid,
        }
        try:
            session = assume(
                association["roleArn"],
                service=_PODS,
                session=f"eks-{cluster}-{claims.pod}",
                source=eks._clusters[cluster]["arn"],
                tags={} if association["disableSessionTags"] else tags,
            )
        except AssumeRoleError as error:
            return _refusal(403, "AccessDeniedException", str(error))
        until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=6)
        return _answer(
            200,
            {
                "subject": {"namespace": claims.namespace, "serviceAccount": claims.account},
                "audience": _PODS,
                "podIdentityAssociation": {key: association[key] for key in ("associationArn", "associationId")},
                "assumedRoleUser": {"arn": session.arn, "assumeRoleId": session.arn.rsplit("/", 1)[-1]},
                "credentials": {
                    "accessKeyId": session.access_key,
                    "secretAccessKey": session.secret_key,
                    "sessionToken": session.token,
                    "expiration": until.timestamp(),
                },
            },
        )


def _answer(status: int, body: Mapping[str, Any], **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


def _refusal(status: int, code: str, message: str) -> Answer:
    return _answer(status, {"__type": code, "message": message}, **{"x-amzn-errortype": code})
