"""The way to a cluster's API: its address and certificate authority, and the token that EKS takes for a role's own.

The token is what ``aws eks get-token`` makes: a presigned call of STS's GetCallerIdentity that names the cluster. The
cluster makes the call and so learns which role it is; an access entry says what that role may do.
"""

import base64
from dataclasses import dataclass
from typing import Any, Final

from botocore.session import Session
from botocore.signers import RequestSigner

CLUSTER_HEADER: Final = "x-k8s-aws-id"
_SECONDS = 60


@dataclass(frozen=True)
class Endpoint:
    """Where a cluster's API is, and the PEM certificates that it is known by."""

    url: str
    authority: str


def endpoint_of(eks: Any, cluster: str) -> Endpoint:
    """Return the API's endpoint of ``cluster``."""
    found = eks.describe_cluster(name=cluster)["cluster"]
    return Endpoint(found["endpoint"], base64.b64decode(found["certificateAuthority"]["data"]).decode())


def token_for(session: Session, cluster: str) -> str:
    """Return a bearer token for ``cluster`` by the session's own role. It is good for 15 minutes at most."""
    region = session.get_config_variable("region")
    sts = session.create_client("sts", region_name=region)
    signer = RequestSigner(
        sts.meta.service_model.service_id,
        region,
        "sts",
        "v4",
        session.get_credentials(),
        session.get_component("event_emitter"),
    )
    request = {
        "method": "GET",
        "url": f"{sts.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {CLUSTER_HEADER: cluster},
        "context": {},
    }
    url = signer.generate_presigned_url(request, region_name=region, expires_in=_SECONDS, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
