"""How private subnets reach what lies outside of the VPC."""

from typing import cast

from aws_cdk import aws_ec2 as ec2

from config.settings import NetworkSettings
from stacks.acknowledge import acknowledge

_DISK = "/dev/xvda"
# What Amazon Linux 2023 asks for.
_DISK_GB = 8


class Egress:
    """The provider that a VPC routes through: NAT gateways, or small NAT instances at a tenth of the price."""

    def __init__(self, settings: NetworkSettings) -> None:
        self._settings = settings
        self._instances: ec2.NatInstanceProviderV2 | None = None
        if settings.egress == "nat_gateway":
            self.provider: ec2.NatProvider = ec2.NatProvider.gateway()
        else:
            self._instances = ec2.NatProvider.instance_v2(
                instance_type=ec2.InstanceType(settings.nat_instance_type),
                default_allowed_traffic=ec2.NatTrafficDirection.OUTBOUND_ONLY,
                associate_public_ip_address=True,
                credit_specification=ec2.CpuCredits.STANDARD,
            )
            self.provider = self._instances

    def secure(self) -> None:
        """Close the instances to all but the VPC, once the VPC has made them: disk, metadata and inbound traffic."""
        if self._instances is None:
            return
        self._instances.security_group.add_ingress_rule(
            ec2.Peer.ipv4(self._settings.cidr), ec2.Port.all_traffic(), "What the VPC sends out"
        )
        for instance in self._instances.gateway_instances:
            resource = cast("ec2.CfnInstance", instance.node.default_child)
            resource.metadata_options = ec2.CfnInstance.MetadataOptionsProperty(
                http_tokens="required", http_put_response_hop_limit=1
            )
            resource.block_device_mappings = [
                ec2.CfnInstance.BlockDeviceMappingProperty(
                    device_name=_DISK,
                    ebs=ec2.CfnInstance.EbsProperty(
                        encrypted=True, volume_type="gp3", volume_size=_DISK_GB, delete_on_termination=True
                    ),
                )
            ]
            _name_exceptions(instance)


def _name_exceptions(instance: ec2.Instance) -> None:
    acknowledge(
        instance,
        "AwsSolutions-EC28",
        "Five-minute metrics do for a router that holds no state; one-minute ones cost two thirds of the instance.",
    )
    acknowledge(
        instance,
        "AwsSolutions-EC29",
        "It holds nothing, is replaced whenever its image is, and protection would stop `make destroy`.",
    )
