"""What this function calls."""

from typing import Final

from config.names import CAPTURED, SILVER, TRANSACTIONS
from lambdas.common.calls import Call
from lambdas.common.monitoring import LOOKS

CALLS: Final = (
    Call("s3:ListBucket", f"{CAPTURED}/*"),
    Call("s3:ListBucket", f"{SILVER}/{TRANSACTIONS}/*"),
    Call("s3:PutObject", f"{LOOKS}/*/captured.manifest"),
    Call("s3:PutObject", f"{LOOKS}/*/labels.manifest"),
)
