"""What this function calls."""

from typing import Final

from config.names import ARTIFACTS, RUNS
from lambdas.common.calls import Call, records

CALLS: Final = (
    Call("s3:GetObject", f"{ARTIFACTS}/{RUNS}/*/evaluation/evaluation.json"),
    Call("s3:GetObject", records("gate")),
    Call("s3:PutObject", records("gate")),
)
