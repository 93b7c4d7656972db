"""Each Guard rule catches the fault that it is there for: copies of real resources are broken one way each."""

import copy
import functools
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from stacks.assembly import guard_rules
from tests.stacks.assembly import FLAGS, ROOT, environment

GONE = object()
RULES = sorted(
    name
    for file in (ROOT / "stacks" / "rules").glob("*.guard")
    for name in re.findall(r"^rule (\w+)", file.read_text(), re.MULTILINE)
)
CLUSTER = "AWS::EKS::Cluster"
NODES = "AWS::EKS::Nodegroup"
TEMPLATE = "AWS::EC2::LaunchTemplate"
INSTANCE = "AWS::EC2::Instance"
VPC = "AWS::EC2::VPC"
SUBNET = "AWS::EC2::Subnet"
LOGS = "AWS::Logs::LogGroup"
SCHEDULE = "AWS::Scheduler::Schedule"
METADATA = "LaunchTemplateData.MetadataOptions"
PUBLIC = "ResourcesVpcConfig.EndpointPublicAccess"
CIDRS = "ResourcesVpcConfig.PublicAccessCidrs"

# Rule, type of the resource that is broken, and what is changed in it.
FAULTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("CLUSTER_ENDPOINT_IS_PRIVATE", CLUSTER, {"ResourcesVpcConfig.EndpointPrivateAccess": False}),
    ("CLUSTER_ENDPOINT_IS_PRIVATE", CLUSTER, {"ResourcesVpcConfig.EndpointPrivateAccess": GONE}),
    ("CLUSTER_ENDPOINT_IS_NOT_OPEN_TO_THE_WORLD", CLUSTER, {PUBLIC: GONE}),
    ("CLUSTER_ENDPOINT_IS_NOT_OPEN_TO_THE_WORLD", CLUSTER, {PUBLIC: True}),
    ("CLUSTER_ENDPOINT_IS_NOT_OPEN_TO_THE_WORLD", CLUSTER, {PUBLIC: True, CIDRS: []}),
    ("CLUSTER_ENDPOINT_IS_NOT_OPEN_TO_THE_WORLD", CLUSTER, {PUBLIC: True, CIDRS: ["10.1.0.0/16", "0.0.0.0/0"]}),
    *(
        ("CLUSTER_LOGS_ALL_FIVE_KINDS", CLUSTER, {f"Logging.ClusterLogging.EnabledTypes.{index}": {"Type": "api"}})
        for index in range(1, 5)
    ),
    ("CLUSTER_LOGS_ALL_FIVE_KINDS", CLUSTER, {"Logging.ClusterLogging.EnabledTypes.0": {"Type": "audit"}}),
    ("CLUSTER_LOGS_ALL_FIVE_KINDS", CLUSTER, {"Logging": GONE}),
    ("CLUSTER_SECRETS_ARE_ENCRYPTED", CLUSTER, {"EncryptionConfig": GONE}),
    ("CLUSTER_SECRETS_ARE_ENCRYPTED", CLUSTER, {"EncryptionConfig": []}),
    ("CLUSTER_SECRETS_ARE_ENCRYPTED", CLUSTER, {"EncryptionConfig.0.Resources": []}),
    ("CLUSTER_AUTHENTICATES_BY_API_ONLY", CLUSTER, {"AccessConfig.AuthenticationMode": "API_AND_CONFIG_MAP"}),
    ("CLUSTER_AUTHENTICATES_BY_API_ONLY", CLUSTER, {"AccessConfig": GONE}),
    ("CLUSTER_HAS_NO_HIDDEN_ADMINISTRATOR", CLUSTER, {"AccessConfig.BootstrapClusterCreatorAdminPermissions": GONE}),
    ("NODES_RUN_AMAZON_LINUX_2023", NODES, {"AmiType": "AL2_x86_64"}),
    ("NODES_RUN_AMAZON_LINUX_2023", NODES, {"AmiType": GONE}),
    ("NODES_START_FROM_A_LAUNCH_TEMPLATE", NODES, {"LaunchTemplate": GONE}),
    ("NODES_ALLOW_NO_SSH", NODES, {"RemoteAccess": {"Ec2SshKey": "key"}}),
    ("TEMPLATES_REQUIRE_IMDSV2", TEMPLATE, {f"{METADATA}.HttpTokens": "optional"}),
    ("TEMPLATES_REQUIRE_IMDSV2", TEMPLATE, {METADATA: GONE}),
    ("TEMPLATES_KEEP_METADATA_FROM_PODS", TEMPLATE, {f"{METADATA}.HttpPutResponseHopLimit": 2}),
    ("TEMPLATES_ENCRYPT_DISKS", TEMPLATE, {"LaunchTemplateData.BlockDeviceMappings.0.Ebs.Encrypted": False}),
    ("TEMPLATES_ENCRYPT_DISKS", TEMPLATE, {"LaunchTemplateData.BlockDeviceMappings": GONE}),
    (
        "TEMPLATES_GIVE_NO_PUBLIC_ADDRESS",
        TEMPLATE,
        {"LaunchTemplateData.NetworkInterfaces": [{"AssociatePublicIpAddress": True}]},
    ),
    ("INSTANCES_REQUIRE_IMDSV2", INSTANCE, {"MetadataOptions": GONE}),
    ("INSTANCES_REQUIRE_IMDSV2", INSTANCE, {"MetadataOptions.HttpTokens": "optional"}),
    ("INSTANCES_ENCRYPT_DISKS", INSTANCE, {"BlockDeviceMappings": GONE}),
    ("INSTANCES_ENCRYPT_DISKS", INSTANCE, {"BlockDeviceMappings.0.Ebs.Encrypted": False}),
    ("SUBNETS_GIVE_NO_PUBLIC_ADDRESS", SUBNET, {"MapPublicIpOnLaunch": True}),
    ("VPC_LOGS_ALL_TRAFFIC", VPC, {}),
    ("VPC_LOGS_ALL_TRAFFIC", "AWS::EC2::FlowLog", {"TrafficType": "REJECT"}),
    ("ENDPOINTS_ANSWER_FOR_THE_SERVICE_NAME", "AWS::EC2::VPCEndpoint", {"PrivateDnsEnabled": False}),
    ("ENDPOINTS_ANSWER_FOR_THE_SERVICE_NAME", "AWS::EC2::VPCEndpoint", {"SecurityGroupIds": GONE}),
    ("LOG_GROUPS_ARE_ENCRYPTED", LOGS, {"KmsKeyId": GONE}),
    ("LOG_GROUPS_HAVE_RETENTION", LOGS, {"RetentionInDays": GONE}),
    ("SCHEDULES_ARE_ENCRYPTED", SCHEDULE, {"KmsKeyArn": GONE}),
    ("SCHEDULES_BELONG_TO_A_GROUP", SCHEDULE, {"GroupName": GONE}),
    ("CALLED_ROLES_NAME_THEIR_ACCOUNT", "AWS::IAM::Role", {"AssumeRolePolicyDocument.Statement.0.Condition": GONE}),
)


def sound(kind: str) -> dict[str, Any]:
    """The properties of a resource of this type as an environment has it."""
    for name in ("dev", "prod"):
        for resource in environment(name).resources(kind).values():
            properties: dict[str, Any] = resource["Properties"]
            of_interest = {
                "AWS::EC2::VPCEndpoint": properties.get("VpcEndpointType") == "Interface",
                "AWS::IAM::Role": "scheduler.amazonaws.com" in json.dumps(properties),
            }
            if of_interest.get(kind, True):
                return copy.deepcopy(properties)
    raise AssertionError(f"no environment has a {kind}")


def broken(kind: str, changes: dict[str, Any]) -> dict[str, Any]:
    properties = sound(kind)
    for path, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        inner: Any = properties
        for part in parents:
            inner = inner[part]
        if value is GONE:
            del inner[last]
        else:
            inner[last] = value
    return properties


@functools.cache
def found() -> dict[str, set[str]]:
    """Rules by the id of the construct that broke them, each fault's copy among sound ones."""
    with tempfile.TemporaryDirectory() as folder:
        return reported(Path(folder))


def reported(folder: Path) -> dict[str, set[str]]:
    app = cdk.App(
        context=FLAGS, outdir=str(folder), analytics_reporting=False, builtin_cloud_formation_validation=False
    )
    stack = cdk.Stack(app, "Logged")
    for index, kind in enumerate(sorted({kind for _, kind, _ in FAULTS})):
        cdk.CfnResource(stack, f"Sound{index}", type=kind, properties=sound(kind))
    for index, (_, kind, changes) in enumerate(FAULTS):
        # A VPC is at fault for what is missing beside it.
        scope = cdk.Stack(app, f"Fault{index}") if kind == VPC else stack
        cdk.CfnResource(scope, f"Fault{index}", type=kind, properties=broken(kind, changes))
    cdk.Validations.of(app).add_plugins(guard_rules())
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((folder / "validation-report.json").read_text())
    rules: dict[str, set[str]] = {}
    for plugin in report["pluginReports"]:
        for violation in plugin["violations"]:
            for where in violation["violatingConstructs"]:
                rules.setdefault(where["constructPath"].split("/")[-1], set()).add(violation["ruleName"])
    return rules


@pytest.mark.parametrize("index", range(len(FAULTS)), ids=[f"{rule}-{i}" for i, (rule, _, _) in enumerate(FAULTS)])
def test_a_fault_breaks_its_rule(index: int) -> None:
    assert FAULTS[index][0] in found().get(f"Fault{index}", set())


def test_every_rule_has_a_fault_that_proves_it() -> None:
    assert sorted({rule for rule, _, _ in FAULTS}) == RULES


def test_resources_as_we_have_them_break_no_rule() -> None:
    assert {name: rules & set(RULES) for name, rules in found().items() if name.startswith("Sound")} == {
        name: set() for name in found() if name.startswith("Sound")
    }
