"""What this function calls."""

from typing import Final

from lambdas.common.calls import CLUSTER, LEDGER, PACKAGES, Call, records

CALLS: Final = (
    Call("s3:GetObject", LEDGER),
    Call("s3:PutObject", LEDGER),
    Call("s3:GetObject", records("release")),
    Call("s3:PutObject", records("release")),
    Call("s3:GetObject", records("released")),
    Call("s3:PutObject", records("released")),
    Call("sagemaker:DescribeModelPackage", PACKAGES),
    Call("eks:DescribeCluster", CLUSTER),
)
