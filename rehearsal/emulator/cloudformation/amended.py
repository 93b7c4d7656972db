"""What native types leave undone of a template, and somebody would miss."""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import ec2, eks, secretsmanager, sns
from ministack.services.cloudformation import provisioners

Properties = Mapping[str, Any]
Made = tuple[str, dict[str, Any]]


def install() -> None:
    """Do it."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::EKS::Cluster"] = _cluster(handlers["AWS::EKS::Cluster"], handlers["AWS::EC2::SecurityGroup"])
    handlers["AWS::EKS::Nodegroup"] = _node_group(handlers["AWS::EKS::Nodegroup"])
    handlers["AWS::SNS::Topic"] = _topic(handlers["AWS::SNS::Topic"])
    handlers["AWS::SecretsManager::Secret"] = _secret(handlers["AWS::SecretsManager::Secret"])
    ec2._ACTION_MAP["TerminateInstances"] = _with_disks(ec2._ACTION_MAP["TerminateInstances"])


def _cluster(native: Mapping[str, Any], groups: Mapping[str, Any]) -> dict[str, Any]:
    """A cluster comes with a security group of its own, in its VPC, and says by which key its secrets are encrypted."""

    def create(logical_id: str, properties: Properties, stack_name: str) -> Made:
        name, attributes = native["create"](logical_id, properties, stack_name)
        cluster = eks._clusters[name]
        network = cluster["resourcesVpcConfig"]
        network["vpcId"] = ec2._subnets[properties["ResourcesVpcConfig"]["SubnetIds"][0]]["VpcId"]
        group = {
            "GroupName": f"eks-cluster-sg-{name}",
            "GroupDescription": "EKS created security group applied to ENI that is attached to EKS Control Plane",
            "VpcId": network["vpcId"],
            "Tags": [{"Key": "aws:eks:cluster-name", "Value": name}],
        }
        network["clusterSecurityGroupId"], _ = groups["create"](f"{logical_id}Group", group, stack_name)
        if encryption := properties.get("EncryptionConfig"):
            cluster["encryptionConfig"] = provisioners._pascal_to_camel(encryption)
        return name, {**attributes, "ClusterSecurityGroupId": network["clusterSecurityGroupId"]}

    def delete(physical_id: str, properties: Properties) -> None:
        group = eks._clusters[physical_id]["resourcesVpcConfig"]["clusterSecurityGroupId"]
        native["delete"](physical_id, properties)
        groups["delete"](group, {})

    return {**native, "create": create, "delete": delete}


def _node_group(native: Mapping[str, Any]) -> dict[str, Any]:
    """A node group says whether its machines are spot."""

    def create(logical_id: str, properties: Properties, stack_name: str) -> Made:
        name, attributes = native["create"](logical_id, properties, stack_name)
        eks._nodegroups[f"{properties['ClusterName']}/{name}"]["capacityType"] = properties.get(
            "CapacityType", "ON_DEMAND"
        )
        return name, attributes

    return {**native, "create": create}


def _topic(native: Mapping[str, Any]) -> dict[str, Any]:
    """A topic says by which key its messages are encrypted."""

    def create(logical_id: str, properties: Properties, stack_name: str) -> Made:
        arn, attributes = native["create"](logical_id, properties, stack_name)
        if key := properties.get("KmsMasterKeyId"):
            sns._topics[arn]["attributes"]["KmsMasterKeyId"] = key
        return arn, attributes

    return {**native, "create": create}


def _secret(native: Mapping[str, Any]) -> dict[str, Any]:
    """A reference to a secret is its ARN, which is what policies name."""

    def name_of(arn: str) -> str:
        return next((name for name, each in secretsmanager._secrets.items() if each["ARN"] == arn), arn)

    def create(logical_id: str, properties: Properties, stack_name: str) -> Made:
        _, attributes = native["create"](logical_id, properties, stack_name)
        return attributes["Arn"], attributes

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str) -> Made:
        _, attributes = native["update"](name_of(physical_id), old, new, stack_name, logical_id)
        return attributes["Arn"], attributes

    def delete(physical_id: str, properties: Properties) -> None:
        native["delete"](name_of(physical_id), properties)

    return {**native, "create": create, "update": update, "delete": delete}


def _with_disks(terminate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A machine's disk goes with it, unless it was asked to stay."""

    def terminate_with_disks(parameters: Any) -> Any:
        answer = terminate(parameters)
        gone = {each["InstanceId"] for each in ec2._instances.values() if each["State"]["Name"] == "terminated"}
        for volume in list(ec2._volumes.values()):
            if any(each["InstanceId"] in gone and each["DeleteOnTermination"] for each in volume["Attachments"]):
                del ec2._volumes[volume["VolumeId"]]
        return answer

    return terminate_with_disks
