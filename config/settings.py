"""Settings of one environment, parsed once from ``config/<environment>.yaml`` into frozen types."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from config.document import Frozen, read_document

FOLDER = Path(__file__).parent
ENVIRONMENTS = ("dev", "stg", "prod")

Environment = Literal["dev", "stg", "prod"]
# What CloudWatch Logs accepts.
LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
Days = Annotated[int, Field(ge=1, le=3653)]
Percent = Annotated[int, Field(ge=1, le=1000)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Prefix = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,14}[a-z0-9]$")]
Account = Annotated[str, Field(pattern=r"^\d{12}$")]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Endpoint = Literal[
    "autoscaling",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "events",
    "kms",
    "logs",
    "monitoring",
    "sagemaker.api",
    "sagemaker.runtime",
    "secretsmanager",
    "sns",
    "ssm",
    "states",
    "sts",
]


class NetworkSettings(Frozen):
    """The VPC: addresses, zones, how private subnets reach what is outside, and what stays inside."""

    cidr: str
    zones: tuple[Annotated[str, Field(pattern="^[a-f]$")], ...] = Field(min_length=2, max_length=3)
    egress: Literal["nat_instance", "nat_gateway"]
    nat_count: int = Field(ge=1, le=3)
    nat_instance_type: str = "t4g.nano"
    interface_endpoints: tuple[Endpoint, ...]
    flow_log_days: LogDays

    @field_validator("cidr")
    @classmethod
    def _private_and_wide(cls, cidr: str) -> str:
        network = ipaddress.IPv4Network(cidr)
        if not network.is_private or not 16 <= network.prefixlen <= 20:
            raise ValueError(f"{cidr} is not a private network of /16 to /20")
        return cidr

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.nat_count > len(self.zones):
            raise ValueError(f"nat_count {self.nat_count} is above the {len(self.zones)} zones")
        if len(set(self.interface_endpoints)) < len(self.interface_endpoints):
            raise ValueError("interface_endpoints names a service twice")
        return self


class SecuritySettings(Frozen):
    """Keys, audit trail and the limits that all roles are given."""

    permissions_boundary: Annotated[str, Field(pattern=r"^[\w+=,.@-]{1,128}$")] | None = None
    key_deletion_days: int = Field(ge=7, le=30)
    trail_days: Days
    trail_glacier_days: Days

    @model_validator(mode="after")
    def _archived_before_it_expires(self) -> Self:
        if self.trail_glacier_days >= self.trail_days:
            raise ValueError(f"trail_glacier_days {self.trail_glacier_days} is not below trail_days {self.trail_days}")
        return self


class LakeSettings(Frozen):
    """How long the lake keeps what, and what a query may scan."""

    raw_intelligent_tiering_days: int = Field(ge=0, le=365)
    artifacts_glacier_days: Days
    old_versions_days: Days
    access_log_days: Days
    query_results_days: Days
    query_scan_limit_gb: int = Field(ge=1)
    # How long the feature store answers for a basket online; offline it is kept with the lake.
    online_feature_days: Days
    # Uploads from far away enter AWS's network at the nearest edge; paid per gigabyte when it is used.
    transfer_acceleration: bool


TaggedImage = Annotated[str, Field(pattern=r"^\S+:[\w.-]+$")]


class RegistrySettings(Frozen):
    """How many images a repository keeps, and where images of others come from."""

    images_kept: int = Field(ge=2)
    untagged_days: int = Field(ge=1)
    build_log_days: LogDays
    # The registry of EKS's own images in a region; `{region}` is filled in. See the EKS user guide, "View
    # Amazon container image registries".
    eks_images: str
    # The registry of the Kubernetes project's own images.
    kubernetes_images: str = "registry.k8s.io"
    # Images for the jobs and the API, ready with their tags. None: built in CodeBuild from this repository.
    jobs_image: TaggedImage | None = None
    api_image: TaggedImage | None = None


class NodeGroupSettings(Frozen):
    """A managed node group: sizes are nodes over all zones."""

    instance_types: tuple[str, ...] = Field(min_length=1)
    minimum: int = Field(ge=0)
    desired: int = Field(ge=0)
    maximum: int = Field(ge=1)
    disk_gb: int = Field(ge=20)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.minimum <= self.desired <= self.maximum:
            raise ValueError(f"minimum {self.minimum} ≤ desired {self.desired} ≤ maximum {self.maximum} does not hold")
        return self


class EksSettings(Frozen):
    """The cluster and its two node groups: on demand for the API, spot for batch."""

    version: Annotated[str, Field(pattern=r"^1\.\d\d$")]
    # Addresses that reach the API from outside the VPC; none: from inside only.
    public_access_cidrs: tuple[str, ...] = ()
    admin_role_arns: tuple[Annotated[str, Field(pattern=r"^arn:[\w-]+:iam::\d{12}:role/.+$")], ...] = ()
    log_days: LogDays
    # Metrics of nodes and pods in CloudWatch; the API's own metrics and `kubectl top` are there without.
    container_insights: bool
    api: NodeGroupSettings
    batch: NodeGroupSettings

    @field_validator("public_access_cidrs")
    @classmethod
    def _not_the_world(cls, cidrs: tuple[str, ...]) -> tuple[str, ...]:
        for cidr in cidrs:
            if ipaddress.IPv4Network(cidr).prefixlen < 16:
                raise ValueError(f"{cidr} opens the cluster's API to more than a /16")
        return cidrs


class OffHoursSettings(Frozen):
    """When node groups go to zero and come back: EventBridge Scheduler's cron fields, local to ``timezone``."""

    timezone: str
    stop: Annotated[str, Field(pattern=r"^cron\(.+\)$")]
    start: Annotated[str, Field(pattern=r"^cron\(.+\)$")]
    # Between stop and start, for the estimate.
    hours_off_per_week: int = Field(ge=1, le=167)


class BudgetSettings(Frozen):
    """The monthly limit in US dollars and the shares of it that raise an alarm."""

    monthly_usd: int = Field(ge=1)
    actual_percent: tuple[Percent, ...] = Field(min_length=1)
    forecast_percent: tuple[Percent, ...] = ()


class JobSettings(Frozen):
    """SageMaker jobs: sizes, and the longest a training may run and wait for spot capacity."""

    processing_instance: Annotated[str, Field(pattern=r"^ml\.")]
    training_instance: Annotated[str, Field(pattern=r"^ml\.")]
    spot: bool
    run_hours: int = Field(ge=1, le=24)
    wait_hours: int = Field(ge=1, le=48)
    volume_gb: int = Field(ge=10)

    @model_validator(mode="after")
    def _waits_longer(self) -> Self:
        if self.wait_hours < self.run_hours:
            raise ValueError(f"wait_hours {self.wait_hours} is below run_hours {self.run_hours}")
        return self


class FlowSettings(Frozen):
    """The state machines: when a training starts, what it holds out, who approves, how a release is watched."""

    # How long no file may have come before a training takes what is there.
    settle_seconds: int = Field(ge=0, le=86_400)
    # EventBridge Scheduler's cron fields, UTC. None: only data and people start a training.
    schedule: Annotated[str, Field(pattern=r"^cron\(.+\)$")] | None
    # When the models that serve are looked at, once a day.
    monitoring_schedule: Annotated[str, Field(pattern=r"^cron\(.+\)$")]
    holdout_weeks: int = Field(ge=1)
    # gate: what the gate accepts is approved. person: it waits until somebody approves it.
    approval: Literal["gate", "person"]
    approval_days: int = Field(ge=1, le=90)
    # How long a new version may take to get ready, and how long alarms are then watched before it is the champion.
    rollout_seconds: int = Field(ge=60, le=3600)
    bake_seconds: int = Field(ge=0, le=86_400)
    log_days: LogDays


class ThresholdSettings(Frozen):
    """What raises an alarm on the service and on the model in production."""

    latency_p95_ms: int = Field(ge=1)
    error_rate: Share
    accuracy: Share
    macro_f1: Share
    # How long no new week may have been refined.
    data_age_days: int = Field(ge=1)


class EnvironmentSettings(Frozen):
    """All that differs between environments."""

    environment: Environment
    prefix: Prefix
    account: Account | None = None
    region: Region | None = None
    # What becomes of data, keys and logs when a stack is destroyed.
    on_destroy: Literal["delete", "retain"]
    alert_emails: tuple[Email, ...] = ()
    network: NetworkSettings
    security: SecuritySettings
    lake: LakeSettings
    registry: RegistrySettings
    eks: EksSettings
    off_hours: OffHoursSettings | None = None
    budget: BudgetSettings
    jobs: JobSettings
    flow: FlowSettings
    thresholds: ThresholdSettings

    @model_validator(mode="after")
    def _production_keeps_its_data(self) -> Self:
        if self.environment == "prod" and self.on_destroy != "retain":
            raise ValueError("on_destroy: prod retains its data")
        if self.account is not None and self.region is None:
            raise ValueError("region: an account needs a region beside it")
        return self

    def name(self, component: str) -> str:
        """Return the physical name of a component: ``{prefix}-{environment}-{component}``."""
        return f"{self.prefix}-{self.environment}-{component}"


def load_environment(environment: str, **changes: Any) -> EnvironmentSettings:
    """Return the settings of ``environment``; ``changes`` replace top-level keys (prefix, account, region).

    Raises:
        ConfigError: there is no such file, or a wrong key or value in it or among ``changes``.

    """
    return read_document(EnvironmentSettings, FOLDER / f"{environment}.yaml", **changes)
