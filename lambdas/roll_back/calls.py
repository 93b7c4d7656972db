"""What this function calls."""

from typing import Final

from lambdas.common.calls import CLUSTER, DESCRIPTORS, LATEST_DESCRIPTOR, LEDGER, PACKAGES, Call, records

CALLS: Final = (
    Call("s3:GetObject", LEDGER),
    Call("s3:PutObject", LEDGER),
    Call("s3:GetObject", DESCRIPTORS),
    Call("s3:GetObject", LATEST_DESCRIPTOR),
    Call("s3:PutObject", LATEST_DESCRIPTOR),
    Call("s3:GetObject", records("release")),
    Call("s3:GetObject", records("roll-back")),
    Call("s3:PutObject", records("roll-back")),
    Call("s3:GetObject", records("rolled-back")),
    Call("s3:PutObject", records("rolled-back")),
    Call("sagemaker:DescribeModelPackage", PACKAGES),
    Call("sagemaker:UpdateModelPackage", PACKAGES),
    Call("eks:DescribeCluster", CLUSTER),
)
