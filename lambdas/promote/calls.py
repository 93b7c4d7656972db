"""What this function calls."""

from typing import Final

from lambdas.common.calls import CLUSTER, DESCRIPTORS, LEDGER, MANIFESTS, PACKAGES, Call, records

CALLS: Final = (
    Call("s3:GetObject", LEDGER),
    Call("s3:PutObject", LEDGER),
    Call("s3:GetObject", MANIFESTS),
    Call("s3:GetObject", DESCRIPTORS),
    Call("s3:PutObject", DESCRIPTORS),
    Call("s3:GetObject", records("released")),
    Call("s3:PutObject", records("released")),
    Call("sagemaker:DescribeModelPackage", PACKAGES),
    Call("eks:DescribeCluster", CLUSTER),
)
