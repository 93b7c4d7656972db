"""Names shared by the lake, the jobs and, later, the stacks and Lambdas. Each is written here only."""

from enum import StrEnum
from typing import Final

# Layers of the lake: prefixes of the bucket, folders of the local work directory.
RAW: Final = "raw"
SILVER: Final = "silver"
GOLD: Final = "gold"
ARTIFACTS: Final = "artifacts"

# Tables and folders below a layer.
TRANSACTIONS: Final = "transactions"
BASKETS: Final = "baskets"
PRODUCTS: Final = "products"
RUNS: Final = "runs"
MODELS: Final = "models"
REGISTRY: Final = "registry"

# Partition columns of silver and gold, in lower case as Glue and Athena want them.
WEEK_PARTITION: Final = "shop_week"
REGION_PARTITION: Final = "store_region"


class ModelStatus(StrEnum):
    """Approval states of a model version; the words are SageMaker's own."""

    PENDING = "PendingManualApproval"
    APPROVED = "Approved"
    REJECTED = "Rejected"
