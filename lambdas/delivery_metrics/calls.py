"""What this function calls."""

from typing import Final

from config.names import ARTIFACTS, AUDIT, CAPTURED, DELIVERY_METRICS, REGISTRY, RELEASED, ROLLED_BACK, RUNS
from lambdas.common.calls import MANIFESTS, REFINED, Call, records

CALLS: Final = (
    *(Call("s3:ListBucket", f"{ARTIFACTS}/{AUDIT}/*/{what}-*") for what in (RELEASED, ROLLED_BACK)),
    *(Call("s3:GetObject", records(what)) for what in (RELEASED, ROLLED_BACK)),
    # Where a laptop's lake was brought here, its registry came along.
    Call("s3:ListBucket", f"{ARTIFACTS}/{REGISTRY}/{{use_case}}/"),
    Call("s3:GetObject", f"{ARTIFACTS}/{REGISTRY}/{{use_case}}/*.json"),
    Call("s3:GetObject", MANIFESTS),
    Call("s3:GetObject", f"{ARTIFACTS}/{RUNS}/*/claim.json"),
    Call("s3:ListBucket", REFINED),
    Call("s3:ListBucket", f"{CAPTURED}/*"),
    Call("cloudwatch:PutMetricData", DELIVERY_METRICS),
)
