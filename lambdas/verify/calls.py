"""What this function calls."""

from typing import Final

from lambdas.common.calls import API_KEY, CLUSTER, Call

CALLS: Final = (
    Call("eks:DescribeCluster", CLUSTER),
    Call("secretsmanager:GetSecretValue", API_KEY),
)
