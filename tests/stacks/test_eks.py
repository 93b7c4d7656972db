"""The cluster: who reaches it, what runs where, and what its controllers may do."""

import json
import re
from typing import Any

import pytest

from config import names
from config.document import ConfigError
from config.settings import load_environment
from stacks.constructs.control_plane import _kubectl_layer
from tests.stacks.assembly import ENVIRONMENTS, environment

environments = pytest.mark.parametrize("name", ENVIRONMENTS)


def eks(name: str, kind: str) -> dict[str, dict[str, Any]]:
    """Properties by logical id."""
    found = environment(name).resources(kind, component="eks")
    return {logical: resource["Properties"] for logical, resource in found.items()}


def cluster(name: str) -> dict[str, Any]:
    (found,) = eks(name, "AWS::EKS::Cluster").values()
    return found


def node_group(name: str, workload: str) -> dict[str, Any]:
    (found,) = (
        group
        for group in eks(name, "AWS::EKS::Nodegroup").values()
        if group["Labels"] == {names.WORKLOAD_LABEL: workload}
    )
    return found


def imported(value: dict[str, str]) -> str:
    """The logical id, in its own stack, of what an import stands for."""
    return re.sub(r"^.*ExportsOutputRef(.+)[0-9A-F]{8}$", r"\1", value["Fn::ImportValue"])


def statements(name: str, role: str) -> list[dict[str, Any]]:
    """All statements of the policies of the role whose logical id starts with ``role``."""
    found = []
    for logical, properties in eks(name, "AWS::IAM::Role").items():
        if logical.startswith(role):
            for policy in properties.get("Policies", []):
                found += policy["PolicyDocument"]["Statement"]
    for policy in eks(name, "AWS::IAM::Policy").values():
        if any(each["Ref"].startswith(role) for each in policy["Roles"]):
            found += policy["PolicyDocument"]["Statement"]
    return found


def actions(statement: dict[str, Any]) -> list[str]:
    found = statement["Action"]
    return found if isinstance(found, list) else [found]


@environments
def test_the_cluster_is_reached_from_inside_the_vpc_only(name: str) -> None:
    network = cluster(name)["ResourcesVpcConfig"]

    assert network["EndpointPrivateAccess"] is True
    assert network["EndpointPublicAccess"] is False
    assert "PublicAccessCidrs" not in network


@environments
def test_control_plane_and_nodes_live_in_private_subnets(name: str) -> None:
    subnets = environment(name).resources("AWS::EC2::Subnet", component="network")
    private = {
        logical
        for logical, subnet in subnets.items()
        if {"Key": "aws-cdk:subnet-type", "Value": "Private"} in subnet["Properties"]["Tags"]
    }
    used = {imported(each) for each in cluster(name)["ResourcesVpcConfig"]["SubnetIds"]}

    assert used == private
    for group in eks(name, "AWS::EKS::Nodegroup").values():
        assert {imported(each) for each in group["Subnets"]} == private
    for function in eks(name, "AWS::Lambda::Function").values():
        assert {imported(each) for each in function["VpcConfig"]["SubnetIds"]} == private


@environments
def test_secrets_are_encrypted_with_the_clusters_own_key(name: str) -> None:
    (encryption,) = cluster(name)["EncryptionConfig"]

    assert encryption["Resources"] == ["secrets"]
    assert "ClusterKey" in json.dumps(encryption["Provider"]["KeyArn"])


@environments
def test_nobody_is_an_administrator_but_by_an_access_entry(name: str) -> None:
    assert cluster(name)["AccessConfig"] == {
        "AuthenticationMode": "API",
        "BootstrapClusterCreatorAdminPermissions": False,
    }
    entries = eks(name, "AWS::EKS::AccessEntry").values()
    principals = [json.dumps(entry["PrincipalArn"]) for entry in entries]
    # The settings name no administrators: what remains is the function that installs charts.
    assert len(principals) == 1 + len(load_environment(name).eks.admin_role_arns)
    assert sum("KubectlRole" in principal for principal in principals) == 1


@environments
def test_the_control_planes_log_group_is_ours_before_eks_would_make_it(name: str) -> None:
    group = eks(name, "AWS::Logs::LogGroup")["ControlPlaneLogs"]
    depends = environment(name).resources("AWS::EKS::Cluster")["Cluster"]["DependsOn"]

    assert group["LogGroupName"] == f"/aws/eks/{cluster(name)['Name']}/cluster"
    assert group["RetentionInDays"] == load_environment(name).eks.log_days
    assert "ControlPlaneLogs" in depends


@environments
def test_container_logs_find_their_encrypted_groups_in_place(name: str) -> None:
    groups = environment(name).resources("AWS::Logs::LogGroup", component="eks")
    kinds = {
        group["Properties"]["LogGroupName"].rsplit("/", 1)[1]: logical
        for logical, group in groups.items()
        if group["Properties"]["LogGroupName"].startswith(f"/aws/containerinsights/mlops-{name}-eks/")
    }
    (addon,) = (
        resource
        for resource in environment(name).resources("AWS::EKS::Addon").values()
        if resource["Properties"]["AddonName"] == "amazon-cloudwatch-observability"
    )
    insights = load_environment(name).eks.container_insights
    assert set(kinds) == {"application", "dataplane", "host", *(["performance"] if insights else [])}
    assert set(kinds.values()) <= set(addon["DependsOn"])
    assert ('"kubernetes"' in addon["Properties"]["ConfigurationValues"]) == insights, "what is measured, and paid for"


@environments
def test_no_function_writes_to_a_log_group_that_lambda_would_make(name: str) -> None:
    groups = eks(name, "AWS::Logs::LogGroup")

    for function in eks(name, "AWS::Lambda::Function").values():
        assert function["LoggingConfig"]["LogGroup"]["Ref"] in groups


@environments
def test_the_api_runs_on_demand_and_batch_on_spot_of_several_types(name: str) -> None:
    api, batch = node_group(name, names.API_WORKLOAD), node_group(name, names.BATCH_WORKLOAD)

    assert api["CapacityType"] == "ON_DEMAND"
    assert batch["CapacityType"] == "SPOT"
    assert len(batch["InstanceTypes"]) >= 3
    assert batch["ScalingConfig"]["MinSize"] == 0


@environments
def test_only_batch_work_lands_on_batch_nodes(name: str) -> None:
    taint = {"Key": names.WORKLOAD_LABEL, "Value": names.BATCH_WORKLOAD, "Effect": "NO_SCHEDULE"}

    assert node_group(name, names.BATCH_WORKLOAD)["Taints"] == [taint]
    assert "Taints" not in node_group(name, names.API_WORKLOAD)


@environments
def test_node_groups_have_the_sizes_of_the_settings(name: str) -> None:
    settings = load_environment(name).eks
    for workload, sizes in ((names.API_WORKLOAD, settings.api), (names.BATCH_WORKLOAD, settings.batch)):
        scaling = node_group(name, workload)["ScalingConfig"]
        assert (scaling["MinSize"], scaling["DesiredSize"], scaling["MaxSize"]) == (
            sizes.minimum,
            sizes.desired,
            sizes.maximum,
        )


@environments
def test_nodes_may_join_and_pull_images_and_no_more(name: str) -> None:
    role = eks(name, "AWS::IAM::Role")[node_group(name, "api")["NodeRole"]["Fn::GetAtt"][0]]
    policies = {json.dumps(arn).rsplit("/", 1)[1].rstrip('"]}') for arn in role["ManagedPolicyArns"]}

    assert policies == {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"}
    assert statements(name, "NodeRole") == []


@environments
def test_nodes_wait_for_the_network_and_controllers_for_nodes(name: str) -> None:
    addons = {
        resource["Properties"]["AddonName"]: (logical, resource)
        for logical, resource in environment(name).resources("AWS::EKS::Addon").items()
    }
    groups = environment(name).resources("AWS::EKS::Nodegroup")
    for early in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent"):
        logical, addon = addons[early]
        assert all(logical in group["DependsOn"] for group in groups.values())
        assert not set(groups) & set(addon.get("DependsOn", []))
    for late in ("coredns", "metrics-server", "amazon-cloudwatch-observability"):
        assert set(groups) <= set(addons[late][1]["DependsOn"])


@environments
def test_network_policies_are_enforced(name: str) -> None:
    (cni,) = (each for each in eks(name, "AWS::EKS::Addon").values() if each["AddonName"] == "vpc-cni")

    assert json.loads(cni["ConfigurationValues"])["enableNetworkPolicy"] == "true"


@pytest.mark.parametrize(
    ("role", "service_account"),
    [("InferenceRole", names.INFERENCE_SERVICE_ACCOUNT), ("EtlRole", names.ETL_SERVICE_ACCOUNT)],
)
@environments
def test_a_workloads_role_is_for_its_service_account_alone(name: str, role: str, service_account: str) -> None:
    (logical,) = (each for each in eks(name, "AWS::IAM::Role") if each.startswith(role))
    (trust,) = eks(name, "AWS::IAM::Role")[logical]["AssumeRolePolicyDocument"]["Statement"]
    (association,) = (
        each
        for each in eks(name, "AWS::EKS::PodIdentityAssociation").values()
        if each["RoleArn"] == {"Fn::GetAtt": [logical, "Arn"]}
    )

    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert sorted(trust["Action"]) == ["sts:AssumeRole", "sts:TagSession"]
    assert trust["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": {"Ref": "AWS::AccountId"},
            "aws:RequestTag/eks-cluster-name": f"mlops-{name}-eks",
            "aws:RequestTag/kubernetes-namespace": names.NAMESPACE,
            "aws:RequestTag/kubernetes-service-account": service_account,
        }
    }
    assert (association["Namespace"], association["ServiceAccount"]) == (names.NAMESPACE, service_account)


@environments
def test_controllers_change_only_what_carries_this_clusters_tag(name: str) -> None:
    """Whatever is allowed on more than one resource either reads, or is bound to the cluster by a tag or a name."""
    changes = 0
    for role in ("ClusterAutoscaler", "LoadBalancerController"):
        for statement in statements(name, role):
            verbs = [action.split(":")[1] for action in actions(statement)]
            if all(verb.startswith(("Describe", "List", "Get")) for verb in verbs):
                continue
            text = json.dumps([statement["Resource"], statement.get("Condition")])
            assert statement["Resource"] != "*", verbs
            if "*" in json.dumps(statement["Resource"]):
                assert f"mlops-{name}-eks" in text, verbs
                changes += 1
    assert changes >= 8


@environments
def test_the_load_balancer_controller_touches_no_firewall_certificate_or_login(name: str) -> None:
    allowed = {action for statement in statements(name, "LoadBalancerController") for action in actions(statement)}

    assert not [action for action in allowed if action.startswith(("waf", "shield:", "cognito"))]
    assert {action for action in allowed if action.startswith("acm:")} == {
        "acm:DescribeCertificate",
        "acm:ListCertificates",
    }
    assert "*" not in "".join(allowed)


@environments
def test_few_things_are_installed_through_kubectl(name: str) -> None:
    kinds = [resource["Type"] for resource in environment(name).template("eks")["Resources"].values()]

    assert [kind for kind in kinds if kind.startswith("Custom::")] == ["Custom::AWSCDK-EKS-HelmChart"] * 2


@environments
def test_charts_take_their_images_from_the_registries_of_the_settings(name: str) -> None:
    registry = load_environment(name).registry
    for chart in eks(name, "Custom::AWSCDK-EKS-HelmChart").values():
        (values,) = re.findall(r'\\*"repository\\*":\\*"([^"\\]+)', json.dumps(chart["Values"]))
        assert values.startswith((registry.kubernetes_images, registry.eks_images.format(region="ap-southeast-1")))


def test_a_version_without_kubectl_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"eks\.version: there is no kubectl for 1\.99 here, only for 1\.36"):
        _kubectl_layer("1.99")


@environments
def test_the_settings_version_is_the_clusters(name: str) -> None:
    assert cluster(name)["Version"] == load_environment(name).eks.version
