"""What is to be said of types that ministack has: some are descriptions only, some do less than AWS's."""

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

EMULATED: Final[Mapping[str, str]] = {
    "AWS::Athena::WorkGroup": "Queries are run by DuckDB.",
    "AWS::EKS::Cluster": "Its API server and nodes are processes of this machine.",
    "AWS::Glue::Table": "Described; Athena reads by it.",
    "AWS::KMS::Key": "It does not rotate; a deletion is planned, and not waited for.",
    "AWS::Logs::LogGroup": "Nothing expires.",
    "AWS::S3::Bucket": "Lifecycle and access log are described, and not carried out.",
    "AWS::SNS::Topic": "Nothing leaves this machine: no mail is sent.",
    "AWS::StepFunctions::StateMachine": "Traces are not written.",
}


def install() -> None:
    """Say so."""
    for name, but in EMULATED.items():
        fidelity.emulated(name, but)
    for name, why in ACCEPTED.items():
        fidelity.accepted(name, why)
