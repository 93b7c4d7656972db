"""Names shared by the lake, the jobs, the stacks and the Lambdas. Each is written here only."""

from enum import StrEnum
from typing import Final

# Layers of the lake: prefixes of the bucket, folders of the local work directory.
RAW: Final = "raw"
SILVER: Final = "silver"
GOLD: Final = "gold"
ARTIFACTS: Final = "artifacts"
FEATURES: Final = "features"

# Tables and folders below a layer.
TRANSACTIONS: Final = "transactions"
BASKETS: Final = "baskets"
PRODUCTS: Final = "products"
RUNS: Final = "runs"
VALIDATION: Final = "validation"
MODELS: Final = "models"
REGISTRY: Final = "registry"
# Predictions as the service made them, by day.
CAPTURED: Final = "captured"
AUDIT: Final = "audit"
# Looks at the models that serve, by day; and the machine that looks.
MONITORING: Final = "monitoring"

# The file of a bundle that says what it is.
MANIFEST: Final = "manifest.json"

# What audit records are called that say how a release ended.
RELEASED: Final = "released"
ROLLED_BACK: Final = "rolled-back"

# Files of the registry: the ledger of what serves, and the descriptors of releases.
CHAMPION: Final = "champion.json"
DEPLOYMENTS: Final = "deployments"
LATEST: Final = "latest.json"

# Partition columns of silver and gold, in lower case as Glue and Athena want them.
WEEK_PARTITION: Final = "shop_week"
REGION_PARTITION: Final = "store_region"

# When a basket's features became known, beside gold's own columns in the feature store.
EVENT_TIME: Final = "event_time"


class ModelStatus(StrEnum):
    """Approval states of a model version; the words are SageMaker's own."""

    PENDING = "PendingManualApproval"
    APPROVED = "Approved"
    REJECTED = "Rejected"


class Tag(StrEnum):
    """Tags of every resource; leftovers and costs are found by them."""

    PROJECT = "Project"
    ENVIRONMENT = "Environment"
    COMPONENT = "Component"
    OWNER = "Owner"
    COST_CENTER = "CostCenter"


PROJECT: Final = "PriceSensitivityMLOps"
OWNER: Final = "DataTeam"
COST_CENTER: Final = "ML-Platform"


def tags_of(environment: str, component: str) -> dict[str, str]:
    """Return the tags of a component's resources."""
    return {
        Tag.PROJECT: PROJECT,
        Tag.ENVIRONMENT: environment,
        Tag.COMPONENT: component,
        Tag.OWNER: OWNER,
        Tag.COST_CENTER: COST_CENTER,
    }


# Kubernetes: where the workloads run and as whom. The cluster's pod identities and the manifests agree on these.
NAMESPACE: Final = "mlops"
INFERENCE_SERVICE_ACCOUNT: Final = "inference"
ETL_SERVICE_ACCOUNT: Final = "etl"
# The label of a node says what it is for; batch nodes are tainted with it, so that only batch work lands there.
WORKLOAD_LABEL: Final = "workload"
API_WORKLOAD: Final = "api"
BATCH_WORKLOAD: Final = "batch"

# Stacks of an environment, in the order of deployment, and the parts of them that operators ask about by name.
STACKS: Final = ("security", "network", "data-lake", "registry", "eks", "monitoring", "pipeline")
CLUSTER: Final = "eks"
LAKE: Final = "lake"
MODEL_GROUP: Final = "models"
TRAINING: Final = "training"
RELEASE: Final = "release"
APPROVAL: Final = "approval"

# Composite alarms that take a version back: the service answers badly, the model is wrong.
ALARM_SERVICE: Final = "service-degraded"
ALARM_MODEL: Final = "model-degraded"
# The longest window of an alarm on the service: so long it goes on measuring a version that was taken back.
ALARM_SETTLE_SECONDS: Final = 900

# The header that carries the API's key.
API_KEY_HEADER: Final = "x-api-key"

# What a release patches: this variable of this container, and the same as a label of the pod template, as this group.
INFERENCE_DEPLOYMENT: Final = "inference"
INFERENCE_CONTAINER: Final = "api"
SERVING_PORT: Final = 8080
MODEL_VERSION_VARIABLE: Final = "MODEL_VERSION"
# Its value before anything is released.
NO_VERSION: Final = "none"
MODEL_VERSION_LABEL: Final = "model-version"
# The annotation of the Deployment that says by which revision of the ledger it was changed last.
LEDGER_REVISION: Final = "mlops/ledger-revision"
DEPLOYERS_GROUP: Final = "mlops-deployers"


class MonitoringMetric(StrEnum):
    """What the monitoring job finds, as CloudWatch metrics. The two last are 1 for worse and 0 for ok.

    Where there is not enough data, there is no value: an alarm treats it as not breaching.
    """

    PREDICTIONS = "Predictions"
    LABELLED_BASKETS = "LabelledBaskets"
    LABEL_COVERAGE = "LabelCoverage"
    LABEL_DELAY_WEEKS = "LabelDelayWeeks"
    ACCURACY = "Accuracy"
    MACRO_F1 = "MacroF1"
    INPUT_DRIFT = "InputDrift"
    PREDICTION_DRIFT = "PredictionDrift"
    UNSEEN_PRODUCTS = "UnseenProductShare"
    QUALITY_WORSE = "QualityWorse"
    DRIFT_WORSE = "DriftWorse"


class ServiceMetric(StrEnum):
    """What the service counts and alarms or the dashboard look at."""

    REQUESTS = "Requests"
    ERRORS = "Errors"
    LATENCY = "Latency"
    CAPTURE_DROPS = "CaptureDrops"
    KEY_FAILURES = "KeyFailures"


class DeliveryMetric(StrEnum):
    """How releases go and how fresh the data is, over the last ``DELIVERY_DAYS``: figures, not events.

    Each is computed anew from the records every time, so that publishing one twice changes nothing.
    """

    DEPLOYMENTS = "Deployments"
    FAILED_DEPLOYMENTS = "FailedDeployments"
    LEAD_TIME = "LeadTime"
    DATA_AGE = "DataAge"
    # 1 where the day before has captured predictions, else 0; published under that day.
    CAPTURED = "Captured"


DELIVERY_DAYS: Final = 30

# Namespaces of these metrics, and the dimension that all of them have.
SERVICE_METRICS: Final = "MLOps/Inference"
MODEL_METRICS: Final = "MLOps/Model"
DELIVERY_METRICS: Final = "MLOps/Delivery"
ENVIRONMENT_DIMENSION: Final = "Environment"

# Dimensions of the monitoring job's metrics, beside the environment.
MODEL_VERSION_DIMENSION: Final = "ModelVersion"
FEATURE_DIMENSION: Final = "Feature"
