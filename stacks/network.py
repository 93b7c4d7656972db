"""The VPC: public subnets for the load balancer and the egress, private ones for everything that runs."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from config.settings import EnvironmentSettings
from stacks.acknowledge import TEMPLATE_CHECKS, acknowledge
from stacks.base import PlatformStack
from stacks.constructs.egress import Egress
from stacks.constructs.endpoints import Endpoints
from stacks.constructs.log_group import EncryptedLogGroup
from stacks.constructs.naming import pin

# Addresses are set aside for a third zone, so that adding one later moves no subnet.
_MOST_ZONES = 3
# A load balancer wants a /27 with 8 free addresses; the rest of the VPC is for pods.
_PUBLIC_MASK = 26
# CDK names things by their path, which differs between an app and a pipeline.
_ABOVE_CDKS_OWN = 200


class NetworkStack(PlatformStack):
    """A VPC over two or more zones, with its egress, endpoints and flow logs."""

    vpc: ec2.Vpc

    def __init__(self, scope: Construct, settings: EnvironmentSettings, *, logs_key: kms.IKey) -> None:
        super().__init__(scope, "network", settings=settings, description="VPC, egress, endpoints and flow logs")
        egress = Egress(settings.network)
        self.vpc = self._vpc(egress.provider)
        egress.secure()
        Endpoints(self, "Endpoints", vpc=self.vpc, settings=settings.network)
        self._keep_flow_logs(logs_key)

    def _vpc(self, egress: ec2.NatProvider) -> ec2.Vpc:
        network = self.settings.network
        vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=self.settings.name("network"),
            ip_addresses=ec2.IpAddresses.cidr(network.cidr),
            max_azs=len(network.zones),
            reserved_azs=_MOST_ZONES - len(network.zones),
            nat_gateway_provider=egress,
            nat_gateways=network.nat_count,
            # Closing the default group takes a Lambda, whose logs outlive the stack; nothing uses that group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public",
                    subnet_type=ec2.SubnetType.PUBLIC,
                    cidr_mask=_PUBLIC_MASK,
                    map_public_ip_on_launch=False,
                ),
                ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            ],
        )
        pin(vpc, "Vpc")
        if self.settings.region is not None:
            acknowledge(
                vpc,
                "W3010",
                "The settings name the zones: asking the account for them would need credentials at synthesis.",
                pack=TEMPLATE_CHECKS,
            )
        # Where the load balancer controller puts load balancers, for the world and for the VPC.
        self._tag("public", vpc.public_subnets, "kubernetes.io/role/elb")
        self._tag("private", vpc.private_subnets, "kubernetes.io/role/internal-elb")
        return vpc

    def _tag(self, kind: str, subnets: Sequence[ec2.ISubnet], role: str) -> None:
        for subnet, letter in zip(subnets, self.settings.network.zones, strict=True):
            tags = cdk.Tags.of(subnet)
            tags.add(role, "1", include_resource_types=[ec2.CfnSubnet.CFN_RESOURCE_TYPE_NAME])
            tags.add("Name", self.settings.name(f"{kind}-{letter}"), priority=_ABOVE_CDKS_OWN)

    def _keep_flow_logs(self, key: kms.IKey) -> None:
        group = EncryptedLogGroup(
            self,
            "FlowLogs",
            name=self.settings.name("flow-logs"),
            key=key,
            days=self.settings.network.flow_log_days,
            removal_policy=self.removal_policy,
        )
        writer = iam.Role(
            self,
            "FlowLogWriter",
            assumed_by=iam.ServicePrincipal(
                "vpc-flow-logs.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
        )
        self.vpc.add_flow_log(
            "AllTraffic",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, writer),
            traffic_type=ec2.FlowLogTrafficType.ALL,
        )
