"""The platform of one environment: its stacks, and the grants between them."""

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from config.settings import EnvironmentSettings
from stacks.data_lake import DataLakeStack
from stacks.eks import EksStack
from stacks.monitoring import MonitoringStack
from stacks.network import NetworkStack
from stacks.pipeline import PipelineStack
from stacks.registry import RegistryStack
from stacks.security import SecurityStack


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The stacks of one environment."""

    security: SecurityStack
    network: NetworkStack
    data_lake: DataLakeStack
    registry: RegistryStack
    eks: EksStack
    monitoring: MonitoringStack
    pipeline: PipelineStack


def build_platform(scope: Construct, settings: EnvironmentSettings) -> Platform:
    """Wire one environment's stacks below ``scope``, an app or a stage."""
    security = SecurityStack(scope, settings)
    network = NetworkStack(scope, settings, logs_key=security.operations_key)
    data_lake = DataLakeStack(scope, settings, key=security.data_key, access_logs=security.access_logs)
    registry = RegistryStack(scope, settings, key=security.data_key, logs_key=security.operations_key)
    eks = EksStack(scope, settings, vpc=network.vpc, secrets_key=security.cluster_key, logs_key=security.operations_key)
    monitoring = MonitoringStack(scope, settings, key=security.operations_key, builds=registry.builds)
    pipeline = PipelineStack(
        scope,
        settings,
        security=security,
        network=network,
        data_lake=data_lake,
        registry=registry,
        eks=eks,
        alerts=monitoring.alerts,
    )

    data_lake.grant_model_reading(eks.inference_role)
    data_lake.grant_capture(eks.inference_role)
    data_lake.grant_etl(eks.etl_role)
    security.grant_api_key(eks.inference_role)
    return Platform(
        security=security,
        network=network,
        data_lake=data_lake,
        registry=registry,
        eks=eks,
        monitoring=monitoring,
        pipeline=pipeline,
    )


class PlatformStage(cdk.Stage):
    """One environment as a stage of the delivery pipeline."""

    def __init__(self, scope: Construct, settings: EnvironmentSettings, **options: Any) -> None:
        super().__init__(scope, f"{settings.prefix}-{settings.environment}", **options)
        self.settings = settings
        self.platform = build_platform(self, settings)
