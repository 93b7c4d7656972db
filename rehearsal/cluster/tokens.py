"""Tokens of service accounts: JSON web tokens signed by the cluster, as EKS checks them."""

import base64
import json
import time
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from rehearsal.cluster.certificates import public_pem

AUDIENCE: Final = "pods.eks.amazonaws.com"
_SECONDS: Final = 86_400


class Issuer:
    """The cluster as the one that says which service account a pod has."""

    def __init__(self, url: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._url = url

    @property
    def public_key(self) -> str:
        """The key by which its tokens are checked, PEM."""
        return public_pem(self._key)

    def token(self, namespace: str, account: str, pod: str, uid: str) -> str:
        """Return a token for the service account ``account`` of a pod, good for a day."""
        begun = int(time.time())
        claims = {
            "iss": self._url,
            "aud": [AUDIENCE],
            "sub": f"system:serviceaccount:{namespace}:{account}",
            "iat": begun,
            "exp": begun + _SECONDS,
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": account},
                "pod": {"name": pod, "uid": uid},
            },
        }
        body = ".".join(_encoded(json.dumps(each).encode()) for each in ({"alg": "ES256", "typ": "JWT"}, claims))
        r, s = decode_dss_signature(self._key.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{body}.{_encoded(r.to_bytes(32) + s.to_bytes(32))}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
