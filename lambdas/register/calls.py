"""What this function calls."""

from typing import Final

from config.names import ARTIFACTS, MODELS, REGISTRY, RUNS
from lambdas.common.calls import PACKAGES, Call

_RECORD: Final = f"{ARTIFACTS}/{REGISTRY}/{{use_case}}/*.json"
CALLS: Final = (
    Call("s3:ListBucket", f"{ARTIFACTS}/{RUNS}/*/candidates/*"),
    Call("s3:GetObject", f"{ARTIFACTS}/{RUNS}/*/candidates/*/model.tar.gz"),
    Call("s3:GetObject", f"{ARTIFACTS}/{RUNS}/*/evaluation/*"),
    Call("s3:GetObject", f"{ARTIFACTS}/{MODELS}/*/manifest.json"),
    Call("s3:PutObject", f"{ARTIFACTS}/{MODELS}/*"),
    Call("s3:GetObject", _RECORD),
    Call("s3:PutObject", _RECORD),
    Call("sagemaker:ListModelPackages", PACKAGES),
    Call("sagemaker:CreateModelPackage", PACKAGES),
)
