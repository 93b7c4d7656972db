"""The types that are made by the emulator's API."""

import base64
import time
from collections.abc import Mapping
from typing import Any, Final

from rehearsal.emulator.cloudformation.backed import Backed, Properties


def _tagged(kind: str, properties: Properties) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": properties.get("Tags", [])}]


def _arn(service: str, resource: str) -> str:
    return f"join(':', ['arn:aws:{service}', settings.region, settings.account, {resource}])"


def _flow_log(properties: Properties) -> dict[str, Any]:
    return {
        "ResourceIds": [properties["ResourceId"]],
        "TagSpecifications": _tagged("vpc-flow-log", properties),
    }


def _ingress(properties: Properties) -> dict[str, Any]:
    source = {
        "GroupId": properties.get("SourceSecurityGroupId"),
        "Description": properties.get("Description"),
    }
    permission = {
        "IpProtocol": properties["IpProtocol"],
        "FromPort": int(properties.get("FromPort", -1)),
        "ToPort": int(properties.get("ToPort", -1)),
    }
    if source["GroupId"]:
        permission["UserIdGroupPairs"] = [{key: value for key, value in source.items() if value}]
    if "CidrIp" in properties:
        permission["IpRanges"] = [{"CidrIp": properties["CidrIp"]}]
    return {"GroupId": properties["GroupId"], "IpPermissions": [permission]}


_OF_AN_INGRESS: Final = frozenset(
    {"IpProtocol", "FromPort", "ToPort", "SourceSecurityGroupId", "CidrIp", "Description"}
)


def _instance(properties: Properties) -> dict[str, Any]:
    # The emulator takes an instance's place in the network from the request itself, not from an interface.
    interface = (properties.get("NetworkInterfaces") or [{}])[0]
    profile = properties.get("IamInstanceProfile")
    return {
        "MinCount": 1,
        "MaxCount": 1,
        "NetworkInterfaces": [],
        "SubnetId": properties.get("SubnetId") or interface.get("SubnetId"),
        "SecurityGroupIds": properties.get("SecurityGroupIds") or interface.get("GroupSet", []),
        "IamInstanceProfile": {"Name": profile} if profile else None,
        "UserData": base64.b64decode(properties.get("UserData", "")).decode(),
        "TagSpecifications": _tagged("instance", properties),
    }


def _trail(properties: Properties) -> dict[str, Any]:
    return {"Name": properties["TrailName"], "TagsList": properties.get("Tags", [])}


def _start_trail(client: Any, properties: Properties) -> None:
    if selectors := properties.get("EventSelectors"):
        client.put_event_selectors(
            TrailName=properties["TrailName"],
            EventSelectors=[
                {**selector, "IncludeManagementEvents": str(selector["IncludeManagementEvents"]).lower() == "true"}
                for selector in selectors
            ],
        )
    client.start_logging(Name=properties["TrailName"])


def _allow_access(client: Any, properties: Properties) -> None:
    for policy in properties.get("AccessPolicies", []):
        scope = {name.lower(): value for name, value in policy["AccessScope"].items()}
        client.associate_access_policy(
            clusterName=properties["ClusterName"],
            principalArn=properties["PrincipalArn"],
            policyArn=policy["PolicyArn"],
            accessScope=scope,
        )


def _wait_for_group(client: Any, properties: Properties) -> None:
    name = properties["FeatureGroupName"]
    while (group := client.describe_feature_group(FeatureGroupName=name))["FeatureGroupStatus"] == "Creating":
        time.sleep(0.05)
    if group["FeatureGroupStatus"] != "Created":
        raise ValueError(group.get("FailureReason", group["FeatureGroupStatus"]))


def _association(physical_id: str, properties: Properties) -> dict[str, Any]:
    return {"clusterName": properties["ClusterName"], "associationId": physical_id}


TYPES: Final[Mapping[str, Backed]] = {
    "AWS::Athena::NamedQuery": Backed(
        service="athena",
        create="CreateNamedQuery",
        delete="DeleteNamedQuery",
        delete_by=lambda physical_id, _: {"NamedQueryId": physical_id},
        ref="answer.NamedQueryId",
        attributes={"NamedQueryId": "answer.NamedQueryId"},
    ),
    "AWS::Budgets::Budget": Backed(
        service="budgets",
        create="CreateBudget",
        identity=("Budget",),
        delete="DeleteBudget",
        delete_by=lambda physical_id, _: {"BudgetName": physical_id},
        ref="properties.Budget.BudgetName",
        does_nothing="Kept; nothing here costs anything.",
    ),
    "AWS::CloudTrail::Trail": Backed(
        service="cloudtrail",
        create="CreateTrail",
        update="UpdateTrail",
        identity=("TrailName",),
        delete="DeleteTrail",
        delete_by=lambda physical_id, _: {"Name": physical_id},
        ref="properties.TrailName",
        attributes={"Arn": "answer.TrailARN"},
        parameters=_trail,
        reads=frozenset({"TrailName", "EventSelectors", "IsLogging", "Tags"}),
        afterwards=_start_trail,
        does_nothing="Described; no call is written into its bucket.",
    ),
    "AWS::CloudWatch::CompositeAlarm": Backed(
        service="cloudwatch",
        create="PutCompositeAlarm",
        update="PutCompositeAlarm",
        identity=("AlarmName",),
        delete="DeleteAlarms",
        delete_by=lambda physical_id, _: {"AlarmNames": [physical_id]},
        ref="properties.AlarmName",
        attributes={"Arn": _arn("cloudwatch", "join(':', ['alarm', properties.AlarmName])")},
    ),
    "AWS::EC2::FlowLog": Backed(
        service="ec2",
        create="CreateFlowLogs",
        delete="DeleteFlowLogs",
        delete_by=lambda physical_id, _: {"FlowLogIds": [physical_id]},
        ref="answer.FlowLogIds[0]",
        attributes={"Id": "answer.FlowLogIds[0]"},
        parameters=_flow_log,
        reads=frozenset({"ResourceId", "Tags"}),
        does_nothing="Described; no packet flows.",
    ),
    "AWS::EC2::Instance": Backed(
        service="ec2",
        create="RunInstances",
        delete="TerminateInstances",
        delete_by=lambda physical_id, _: {"InstanceIds": [physical_id]},
        ref="answer.Instances[0].InstanceId",
        attributes={
            "InstanceId": "answer.Instances[0].InstanceId",
            "PrivateIp": "answer.Instances[0].PrivateIpAddress",
            "PublicIp": "answer.Instances[0].PublicIpAddress",
            "AvailabilityZone": "answer.Instances[0].Placement.AvailabilityZone",
        },
        parameters=_instance,
        reads=frozenset({"Tags"}),
        does_nothing="Described; no machine runs.",
    ),
    "AWS::EC2::SecurityGroupIngress": Backed(
        service="ec2",
        create="AuthorizeSecurityGroupIngress",
        delete="RevokeSecurityGroupIngress",
        delete_by=lambda _, properties: _ingress(properties),
        ref="answer.SecurityGroupRules[0].SecurityGroupRuleId",
        attributes={"Id": "answer.SecurityGroupRules[0].SecurityGroupRuleId"},
        parameters=_ingress,
        reads=_OF_AN_INGRESS,
        does_nothing="Described; no packet is filtered by it.",
    ),
    "AWS::EKS::AccessEntry": Backed(
        service="eks",
        create="CreateAccessEntry",
        update="UpdateAccessEntry",
        identity=("ClusterName", "PrincipalArn", "Type"),
        delete="DeleteAccessEntry",
        delete_by=lambda _, properties: {
            "clusterName": properties["ClusterName"],
            "principalArn": properties["PrincipalArn"],
        },
        ref="join('|', [properties.PrincipalArn, properties.ClusterName])",
        attributes={"AccessEntryArn": "answer.accessEntry.accessEntryArn"},
        reads=frozenset({"AccessPolicies"}),
        afterwards=_allow_access,
    ),
    "AWS::EKS::Addon": Backed(
        service="eks",
        create="CreateAddon",
        update="UpdateAddon",
        identity=("ClusterName", "AddonName"),
        delete="DeleteAddon",
        delete_by=lambda _, properties: {
            "clusterName": properties["ClusterName"],
            "addonName": properties["AddonName"],
        },
        ref="join('|', [properties.ClusterName, properties.AddonName])",
        attributes={"Arn": "answer.addon.addonArn"},
        does_nothing="Described; the cluster runs no add-ons.",
    ),
    "AWS::EKS::PodIdentityAssociation": Backed(
        service="eks",
        create="CreatePodIdentityAssociation",
        identity=("ClusterName", "Namespace", "ServiceAccount"),
        delete="DeletePodIdentityAssociation",
        delete_by=_association,
        ref="answer.association.associationId",
        attributes={
            "AssociationId": "answer.association.associationId",
            "AssociationArn": "answer.association.associationArn",
        },
    ),
    "AWS::SageMaker::FeatureGroup": Backed(
        service="sagemaker",
        create="CreateFeatureGroup",
        delete="DeleteFeatureGroup",
        delete_by=lambda physical_id, _: {"FeatureGroupName": physical_id},
        ref="properties.FeatureGroupName",
        afterwards=_wait_for_group,
    ),
    "AWS::SageMaker::ModelPackageGroup": Backed(
        service="sagemaker",
        create="CreateModelPackageGroup",
        delete="DeleteModelPackageGroup",
        delete_by=lambda _, properties: {"ModelPackageGroupName": properties["ModelPackageGroupName"]},
        ref="answer.ModelPackageGroupArn",
        attributes={"ModelPackageGroupArn": "answer.ModelPackageGroupArn"},
    ),
}
