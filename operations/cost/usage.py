"""What is assumed about use: hours, gigabytes, requests, per environment and month."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from config.document import Frozen, read_document
from config.settings import Environment

FILE = Path(__file__).with_name("usage.yaml")

Amount = Annotated[float, Field(ge=0.0)]


class BucketUsage(Frozen):
    """A bucket: what is read often, what hardly, what is old, and what a month writes over."""

    standard_gb: Amount
    rarely_read_gb: Amount
    # Past the age at which a lifecycle rule archives or deletes, where there is one.
    old_gb: Amount
    # Its old versions stay until they expire.
    replaced_gb: Amount
    puts_thousand: Amount
    gets_thousand: Amount


class BucketsUsage(Frozen):
    """The lake's bucket, and each of the others: access logs, trail, query results."""

    lake: BucketUsage
    other: BucketUsage


class LogsUsage(Frozen):
    """Gigabytes that each log group takes in: flow logs, the control plane's, Container Insights' four, any other."""

    flow: Amount
    cluster: Amount
    application: Amount
    performance: Amount
    # Host and data plane, each.
    nodes: Amount
    other: Amount


class Usage(Frozen):
    """The assumptions for one environment, per month; ``usage.yaml`` says what each is."""

    api_requests_million: Amount
    load_balancer_units: Amount
    internet_out_gb: Amount
    zone_gb: Amount
    s3_gb: Amount
    internet_gb: Amount
    service_gb: dict[str, Amount]
    batch_node_hours: Amount
    runs: Amount
    training_hours_per_run: Amount
    looks: Amount
    processing_hours_per_look: Amount
    processing_hours_per_run: Amount
    build_minutes: Amount
    function_invocations: Amount
    state_transitions: Amount
    function_seconds: Amount
    emails: Amount
    kms_requests: Amount
    secret_requests: Amount
    data_events: Amount
    athena_tb: Amount
    image_gb: Amount
    image_gb_added: Amount
    feature_writes_million: Amount
    feature_reads_million: Amount
    feature_gb: Amount
    custom_metrics: Amount
    insights_metrics: Amount
    observations_million: Amount
    buckets: BucketsUsage
    logs_gb: LogsUsage


class Assumptions(Frozen):
    """The assumptions for all environments."""

    hours: float = Field(gt=0, le=744)
    months_without_expiry: int = Field(ge=1)
    dev: Usage
    stg: Usage
    prod: Usage

    def of(self, environment: Environment) -> Usage:
        """Return the assumptions for ``environment``."""
        found: Usage = getattr(self, environment)
        return found


def load_assumptions(file: Path = FILE) -> Assumptions:
    """Return the assumptions.

    Raises:
        ConfigError: a wrong key or value in ``file``.

    """
    return read_document(Assumptions, file)
