"""What this function calls."""

from typing import Final

from config.names import ARTIFACTS, RAW, RUNS
from lambdas.common.calls import EXECUTIONS, LEDGER, REFINED, Call

CALLS: Final = (
    Call("s3:ListBucketVersions", f"{RAW}/"),
    Call("s3:GetObject", REFINED),
    Call("s3:GetObject", LEDGER),
    Call("s3:GetObject", f"{ARTIFACTS}/{RUNS}/*/claim.json"),
    Call("s3:PutObject", f"{ARTIFACTS}/{RUNS}/*/claim.json"),
    Call("s3:PutObject", f"{ARTIFACTS}/{RUNS}/*/identity/run.json"),
    Call("s3:PutObject", f"{ARTIFACTS}/{RUNS}/*/raw.manifest"),
    Call("states:DescribeExecution", EXECUTIONS),
)
