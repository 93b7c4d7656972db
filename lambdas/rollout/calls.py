"""What this function calls."""

from typing import Final

from lambdas.common.calls import CLUSTER, Call

CALLS: Final = (Call("eks:DescribeCluster", CLUSTER),)
