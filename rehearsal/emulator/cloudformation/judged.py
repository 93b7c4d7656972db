"""What is to be said of types that the emulator has: some of them are descriptions only."""

from collections.abc import Mapping
from typing import Final

from rehearsal.emulator import fidelity

_NETWORK: Final = "Described; no packet is routed or filtered by it."

ACCEPTED: Final[Mapping[str, str]] = {
    "AWS::CDK::Metadata": "Says by which version of CDK the template was made.",
    "AWS::CloudWatch::Dashboard": "Kept; nobody draws it.",
    "AWS::EC2::InternetGateway": _NETWORK,
    "AWS::EC2::LaunchTemplate": "Described; no machine is started by it.",
    "AWS::EC2::Route": _NETWORK,
    "AWS::EC2::RouteTable": _NETWORK,
    "AWS::EC2::SecurityGroup": _NETWORK,
    "AWS::EC2::Subnet": _NETWORK,
    "AWS::EC2::SubnetRouteTableAssociation": _NETWORK,
    "AWS::EC2::VPC": _NETWORK,
    "AWS::EC2::VPCEndpoint": _NETWORK,
    "AWS::EC2::VPCGatewayAttachment": _NETWORK,
    "AWS::ECR::Repository": "Described; images are commands of this environment.",
    "AWS::EKS::Nodegroup": "Described; no machine is started for it.",
    "AWS::IAM::InstanceProfile": "Described; no machine gets its credentials.",
}


def install() -> None:
    """Say so."""
    for name, why in ACCEPTED.items():
        fidelity.accepted(name, why)
