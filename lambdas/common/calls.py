"""What a function calls in AWS, so that its role allows this and no more. Each function says it in its ``calls.py``."""

from dataclasses import dataclass
from typing import Final

from config.names import ARTIFACTS, AUDIT, CHAMPION, DEPLOYMENTS, LATEST, MANIFEST, MODELS, REGISTRY

# Resources that are no objects of the lake.
CLUSTER: Final = "the cluster"
API_KEY: Final = "the API's key"
PACKAGES: Final = "packages of the model group"
EXECUTIONS: Final = "executions of the training"
# Objects of the lake; `{use_case}` is filled in by the stack, and `*` is IAM's.
LEDGER: Final = f"{ARTIFACTS}/{REGISTRY}/{{use_case}}/{CHAMPION}"
DESCRIPTORS: Final = f"{ARTIFACTS}/{REGISTRY}/{{use_case}}/{DEPLOYMENTS}/*.json"
LATEST_DESCRIPTOR: Final = f"{ARTIFACTS}/{REGISTRY}/{{use_case}}/{DEPLOYMENTS}/{LATEST}"
REFINED: Final = f"{ARTIFACTS}/refined.json"
MANIFESTS: Final = f"{ARTIFACTS}/{MODELS}/*/{MANIFEST}"


def records(what: str) -> str:
    """Return the pattern of the audit records named ``what``."""
    return f"{ARTIFACTS}/{AUDIT}/*/{what}-*.json"


@dataclass(frozen=True)
class Call:
    """An action of IAM on a resource: one of the above, the key of an object in the lake, or a namespace of metrics.

    To read an object that may be missing takes ``s3:ListBucket``, too: without it S3 answers that it is forbidden.
    """

    action: str
    resource: str
