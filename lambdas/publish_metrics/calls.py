"""What this function calls."""

from typing import Final

from config.monitoring import MONITORING
from config.names import MODEL_METRICS
from lambdas.common.calls import LEDGER, Call
from lambdas.common.monitoring import LOOKS

CALLS: Final = (
    Call("s3:GetObject", f"{LOOKS}/*/{MONITORING}"),
    Call("s3:GetObject", LEDGER),
    Call("cloudwatch:PutMetricData", MODEL_METRICS),
)
