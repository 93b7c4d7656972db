"""Which resource types the picture shows, in which order, and how people call them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from operations.synthesis import plain_id


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A resource type: the word for one, for several, and whether each is told by its name."""

    one: str
    many: str
    named: bool = False


SHOWN: dict[str, Shown] = {
    "AWS::EC2::VPC": Shown(one="VPC", many="VPCs"),
    "AWS::EC2::Subnet": Shown(one="subnet", many="subnets"),
    "AWS::EC2::NatGateway": Shown(one="NAT gateway", many="NAT gateways"),
    "AWS::EC2::Instance": Shown(one="NAT instance", many="NAT instances"),
    "AWS::EC2::VPCEndpoint Gateway": Shown(one="gateway endpoint", many="gateway endpoints"),
    "AWS::EC2::VPCEndpoint Interface": Shown(one="interface endpoint", many="interface endpoints"),
    "AWS::EC2::FlowLog": Shown(one="flow log", many="flow logs"),
    "AWS::EKS::Cluster": Shown(one="EKS cluster", many="EKS clusters"),
    "AWS::EKS::Nodegroup ON_DEMAND": Shown(one="node group on demand", many="node groups on demand"),
    "AWS::EKS::Nodegroup SPOT": Shown(one="node group on spot capacity", many="node groups on spot capacity"),
    "AWS::EKS::Addon": Shown(one="add-on", many="add-ons"),
    "AWS::EKS::AccessEntry": Shown(one="access entry", many="access entries"),
    "AWS::EKS::PodIdentityAssociation": Shown(one="pod identity", many="pod identities"),
    "AWS::KMS::Key": Shown(one="key", many="keys", named=True),
    "AWS::SecretsManager::Secret": Shown(one="secret", many="secrets", named=True),
    "AWS::CloudTrail::Trail": Shown(one="CloudTrail trail", many="CloudTrail trails"),
    "AWS::S3::Bucket": Shown(one="bucket", many="buckets", named=True),
    "AWS::Glue::Database": Shown(one="Glue database", many="Glue databases"),
    "AWS::Glue::Table": Shown(one="Glue table", many="Glue tables"),
    "AWS::Athena::WorkGroup": Shown(one="Athena workgroup", many="Athena workgroups"),
    "AWS::Athena::NamedQuery": Shown(one="saved query", many="saved queries"),
    "AWS::SageMaker::FeatureGroup": Shown(one="feature group", many="feature groups"),
    "AWS::SageMaker::ModelPackageGroup": Shown(one="model package group", many="model package groups"),
    "AWS::ECR::Repository": Shown(one="image repository", many="image repositories"),
    "AWS::CodeBuild::Project": Shown(one="image build", many="image builds"),
    "AWS::StepFunctions::StateMachine": Shown(one="state machine", many="state machines"),
    "AWS::SNS::Topic": Shown(one="topic", many="topics", named=True),
    "AWS::Budgets::Budget": Shown(one="budget", many="budgets"),
    "AWS::CloudWatch::Alarm": Shown(one="alarm", many="alarms"),
    "AWS::CloudWatch::CompositeAlarm": Shown(one="composite alarm", many="composite alarms"),
    "AWS::CloudWatch::Dashboard": Shown(one="dashboard", many="dashboards"),
    "AWS::Scheduler::Schedule": Shown(one="schedule", many="schedules"),
    "AWS::EC2::SecurityGroup": Shown(one="security group", many="security groups"),
    "AWS::Logs::LogGroup": Shown(one="log group", many="log groups"),
    "AWS::IAM::Role": Shown(one="role", many="roles"),
}
# Types of which two kinds are told apart, by a property and its value where it is absent.
_VARIANTS = {
    "AWS::EC2::VPCEndpoint": ("VpcEndpointType", "Gateway"),
    "AWS::EKS::Nodegroup": ("CapacityType", "ON_DEMAND"),
}


def variant(resource: Mapping[str, Any]) -> str:
    """Return the key of a resource in ``SHOWN``: its type, and its variant where there are two."""
    kind = str(resource["Type"])
    if kind in _VARIANTS:
        name, default = _VARIANTS[kind]
        return f"{kind} {resource.get('Properties', {}).get(name, default)}"
    return kind


def words(found: Mapping[str, Iterable[str]]) -> list[str]:
    """Return what people call the resources: logical ids by ``SHOWN`` key, in the order of ``SHOWN``."""
    told = []
    for kind, shown in SHOWN.items():
        names = sorted({plain_id(each) for each in found.get(kind, ())})
        count = len(set(found.get(kind, ())))
        if not count:
            continue
        if shown.named:
            told.append(f"{shown.one if count == 1 else shown.many} ({', '.join(names)})")
        else:
            told.append(f"{count} {shown.many}" if count > 1 else shown.one)
    return told
