"""What this function calls."""

from typing import Final

from config.names import ARTIFACTS, BASKETS, GOLD, PRODUCTS, RUNS, SILVER, TRANSACTIONS, WEEK_PARTITION
from lambdas.common.calls import REFINED, Call

_WEEKS: Final = tuple(
    f"{table}/{WEEK_PARTITION}=*" for table in (f"{SILVER}/{TRANSACTIONS}", f"{GOLD}/{BASKETS}", f"{GOLD}/{PRODUCTS}")
)
CALLS: Final = (
    Call("s3:GetObject", f"{ARTIFACTS}/{RUNS}/*/identity/run.json"),
    Call("s3:GetObject", f"{ARTIFACTS}/{RUNS}/*/validation/etl.json"),
    *(Call("s3:ListBucket", week) for week in _WEEKS),
    *(Call("s3:DeleteObject", week) for week in _WEEKS),
    Call("s3:GetObject", REFINED),
    Call("s3:PutObject", REFINED),
)
