"""The AWS services that private subnets call: who calls them, and whether models or data travel there.

Each is reached by an endpoint or by the environment's egress; which of the two is a setting, and a test proves
that none is missed. What carries models or data has an endpoint in production.
"""

from dataclasses import dataclass
from typing import Final, Literal

from config.settings import NetworkSettings

S3: Final = "s3"

Path = Literal["gateway", "interface", "egress"]


@dataclass(frozen=True, kw_only=True)
class ServiceCalled:
    """A service by the name of its endpoint, ``com.amazonaws.<region>.<name>``."""

    name: str
    callers: tuple[str, ...]
    carries_models_or_data: bool = False
    # All that the callers do there. Where given, the endpoint lets nothing else through.
    actions: tuple[str, ...] = ()

    def path(self, settings: NetworkSettings) -> Path:
        """Return how private subnets reach the service in an environment of these settings."""
        if self.name == S3:
            return "gateway"
        return "interface" if self.name in settings.interface_endpoints else "egress"


SERVICES_CALLED: Final = (
    ServiceCalled(
        name=S3, callers=("API pods", "ETL pods", "image layers", "deployer Lambdas"), carries_models_or_data=True
    ),
    ServiceCalled(
        name="ecr.api",
        callers=("kubelet",),
        carries_models_or_data=True,
        actions=(
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:DescribeImages",
            "ecr:DescribeRepositories",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
        ),
    ),
    ServiceCalled(
        name="ecr.dkr",
        callers=("container runtime",),
        carries_models_or_data=True,
        actions=("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
    ),
    ServiceCalled(
        name="kms",
        callers=("API pods", "ETL pods"),
        carries_models_or_data=True,
        actions=("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"),
    ),
    ServiceCalled(
        name="secretsmanager",
        callers=("API pods", "deployer Lambdas"),
        carries_models_or_data=True,
        actions=("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
    ),
    ServiceCalled(
        name="logs",
        callers=("log shipper",),
        carries_models_or_data=True,
        actions=(
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
            "logs:PutRetentionPolicy",
        ),
    ),
    ServiceCalled(
        name="monitoring",
        callers=("CloudWatch agent",),
        carries_models_or_data=True,
        actions=("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:PutMetricData"),
    ),
    # Jobs read and write S3 themselves, but the registry's descriptions of models pass here.
    ServiceCalled(name="sagemaker.api", callers=("deployer Lambdas",), carries_models_or_data=True),
    ServiceCalled(name="sts", callers=("nodes",)),
    ServiceCalled(name="eks", callers=("nodes", "cluster autoscaler", "deployer Lambdas")),
    ServiceCalled(name="eks-auth", callers=("pod identity agent",)),
    ServiceCalled(name="ec2", callers=("nodes", "VPC CNI", "load balancer controller", "cluster autoscaler")),
    ServiceCalled(name="elasticloadbalancing", callers=("load balancer controller",)),
    ServiceCalled(name="autoscaling", callers=("cluster autoscaler",)),
)
