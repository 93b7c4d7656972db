"""Tokens of pods: JSON web tokens that say which service account a pod has, signed by its cluster (ES256)."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_AUDIENCE: Final = "pods.eks.amazonaws.com"


class TokenError(ValueError):
    """A token that says what it must not."""


@dataclass(frozen=True)
class Claims:
    """Whose token it is."""

    namespace: str
    account: str
    pod: str
    uid: str


def claims_of(token: str, key: bytes) -> Claims:
    """Return what ``token`` says, if ``key`` (PEM) proves it.

    Raises:
        TokenError: it is for others than EKS, or too old.
        InvalidSignature: it was signed by another key.
        ValueError, KeyError: it is no such token.

    """
    head, body, signature = token.split(".")
    public = load_pem_public_key(key)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise TokenError("the cluster's key is of another kind")
    raw = _decoded(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public.verify(der, f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    said = json.loads(_decoded(body))
    if _AUDIENCE not in said["aud"]:
        raise TokenError(f"it is not for {_AUDIENCE}")
    if said["exp"] < time.time():
        raise TokenError("it has expired")
    about = said["kubernetes.io"]
    return Claims(
        namespace=about["namespace"],
        account=about["serviceaccount"]["name"],
        pod=about["pod"]["name"],
        uid=about["pod"]["uid"],
    )


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
