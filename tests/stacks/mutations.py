"""Named ways to break the templates, each of which the suite must catch: ``make mutations`` proves it.

    python -m tests.stacks.mutations                  # all of them
    python -m tests.stacks.mutations --only trail-unvalidated

A mutation is chosen by the variable MLOPS_MUTATION and applied to every resource of its type before an environment
is synthesized. (Stages of the delivery are synthesized when the pipeline takes them, and stay whole: what the tests
know of those alone does not count here.) Tests pass when it is not set.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from constructs import IConstruct

VARIABLE = "MLOPS_MUTATION"

_SLOW = ("test_catalogue.py", "test_cfn_lint.py", "test_delivery.py", "test_guard_rules.py")

Break = Callable[[cdk.CfnResource], None]


@dataclass(frozen=True)
class Mutation:
    """What is broken: resources of ``kind`` whose path ends with ``path``, by ``change``."""

    kind: str
    change: Break
    path: str = ""


def without(*properties: str) -> Break:
    """Return the change that takes properties away."""

    def change(resource: cdk.CfnResource) -> None:
        for each in properties:
            resource.add_property_deletion_override(each)

    return change


def having(**properties: Any) -> Break:
    """Return the change that sets properties; ``__`` stands for the dot of a path."""

    def change(resource: cdk.CfnResource) -> None:
        for each, value in properties.items():
            resource.add_property_override(each.replace("__", "."), value)

    return change


def allowing(action: str, resource: str = "*") -> Break:
    """Return the change that adds a statement to a policy."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}

    def change(policy: cdk.CfnResource) -> None:
        policy.add_property_override("PolicyDocument.Statement.0", statement)

    return change


def retained(policy: str) -> Break:
    """Return the change of what becomes of a resource on destroy."""

    def change(resource: cdk.CfnResource) -> None:
        resource.add_override("DeletionPolicy", policy)
        resource.add_override("UpdateReplacePolicy", policy)

    return change


def defined_otherwise(old: str, new: str) -> Break:
    """Return the change of a state machine's definition: ``old`` becomes ``new`` wherever it is."""

    def change(resource: cdk.CfnResource) -> None:
        definition = json.dumps(cdk.Stack.of(resource).resolve(resource.definition_string))  # type: ignore[attr-defined]
        assert old in definition, f"{old} is in the definition"
        resource.add_property_override("DefinitionString", json.loads(definition.replace(old, new)))

    return change


_WORLD = [{"CidrIp": "0.0.0.0/0", "IpProtocol": "-1", "Description": "all"}]
_ANYONE = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]

MUTATIONS: dict[str, Mutation] = {
    "bucket-unencrypted": Mutation("AWS::S3::Bucket", without("BucketEncryption")),
    "bucket-public": Mutation("AWS::S3::Bucket", having(PublicAccessBlockConfiguration__BlockPublicAcls=False)),
    "bucket-without-tls": Mutation("AWS::S3::BucketPolicy", having(PolicyDocument__Statement=[])),
    "lake-unversioned": Mutation("AWS::S3::Bucket", without("VersioningConfiguration"), "Lake/Resource"),
    "lake-lifecycle-gone": Mutation("AWS::S3::Bucket", without("LifecycleConfiguration"), "Lake/Resource"),
    "key-not-rotated": Mutation("AWS::KMS::Key", having(EnableKeyRotation=False)),
    "trail-unvalidated": Mutation("AWS::CloudTrail::Trail", having(EnableLogFileValidation=False)),
    "trail-blind-to-the-lake": Mutation("AWS::CloudTrail::Trail", without("EventSelectors", "AdvancedEventSelectors")),
    "flow-logs-partial": Mutation("AWS::EC2::FlowLog", having(TrafficType="ACCEPT")),
    "log-retention-gone": Mutation("AWS::Logs::LogGroup", without("RetentionInDays")),
    "logs-unencrypted": Mutation("AWS::Logs::LogGroup", without("KmsKeyId")),
    "cluster-endpoint-public": Mutation(
        "AWS::EKS::Cluster",
        having(ResourcesVpcConfig__EndpointPublicAccess=True, ResourcesVpcConfig__PublicAccessCidrs=["0.0.0.0/0"]),
    ),
    "cluster-secrets-plain": Mutation("AWS::EKS::Cluster", without("EncryptionConfig")),
    "cluster-logs-off": Mutation("AWS::EKS::Cluster", without("Logging")),
    "cluster-config-map-login": Mutation(
        "AWS::EKS::Cluster", having(AccessConfig__AuthenticationMode="API_AND_CONFIG_MAP")
    ),
    "nodes-of-an-old-image": Mutation("AWS::EKS::Nodegroup", having(AmiType="AL2_x86_64")),
    "batch-on-demand": Mutation("AWS::EKS::Nodegroup", having(CapacityType="ON_DEMAND")),
    "metadata-service-v1": Mutation(
        "AWS::EC2::LaunchTemplate", having(LaunchTemplateData__MetadataOptions__HttpTokens="optional")
    ),
    "world-let-in": Mutation("AWS::EC2::SecurityGroup", having(SecurityGroupIngress=_WORLD)),
    "image-tags-mutable": Mutation("AWS::ECR::Repository", having(ImageTagMutability="MUTABLE")),
    "images-not-scanned": Mutation("AWS::ECR::Repository", having(ImageScanningConfiguration__ScanOnPush=False)),
    "action-wildcard": Mutation("AWS::IAM::Policy", allowing("s3:*"), "InferenceRole/DefaultPolicy/Resource"),
    "resource-wildcard": Mutation("AWS::IAM::Policy", allowing("s3:GetObject"), "EtlRole/DefaultPolicy/Resource"),
    "unknown-action": Mutation(
        "AWS::IAM::Policy",
        allowing("s3:ReadObject", "arn:aws:s3:::a-bucket/key"),
        "EtlRole/DefaultPolicy/Resource",
    ),
    "administrator": Mutation(
        "AWS::IAM::Role",
        having(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
        "InferenceRole/Resource",
    ),
    "role-for-anyone": Mutation(
        "AWS::IAM::Role", having(AssumeRolePolicyDocument__Statement=_ANYONE), "InferenceRole/Resource"
    ),
    "alerts-unencrypted": Mutation("AWS::SNS::Topic", without("KmsMasterKeyId")),
    "queries-unencrypted": Mutation(
        "AWS::Athena::WorkGroup", without("WorkGroupConfiguration.ResultConfiguration.EncryptionConfiguration")
    ),
    "budget-silent": Mutation("AWS::Budgets::Budget", having(NotificationsWithSubscribers=[])),
    "nights-awake": Mutation("AWS::Scheduler::Schedule", having(State="DISABLED")),
    "failure-not-caught": Mutation(
        "AWS::StepFunctions::StateMachine", defined_otherwise("States.ALL", "States.Timeout"), "ReleaseMachine/Release"
    ),
    "alarm-not-watched": Mutation(
        "AWS::StepFunctions::StateMachine",
        defined_otherwise("$count($raised) > 0", "$count($raised) > 9"),
        "ReleaseMachine/Release",
    ),
    "flow-passes-any-role": Mutation(
        "AWS::IAM::Policy", allowing("iam:PassRole"), "ReleaseMachine/Role/DefaultPolicy/Resource"
    ),
    "rollout-may-deploy": Mutation(
        "AWS::IAM::Policy",
        allowing("s3:PutObject", "arn:aws:s3:::a-bucket/artifacts/registry/price_sensitivity/champion.json"),
        "RolloutRole/DefaultPolicy/Resource",
    ),
    "deployers-are-administrators": Mutation("AWS::EKS::AccessEntry", having(KubernetesGroups=["system:masters"])),
    "alarms-start-nothing": Mutation("AWS::Events::Rule", having(State="DISABLED"), "Alarmed/Rule"),
    "tags-gone": Mutation("AWS::S3::Bucket", without("Tags")),
    "data-deleted": Mutation("AWS::S3::Bucket", retained("Delete"), "Lake/Resource"),
    "leftovers": Mutation("AWS::KMS::Key", retained("Retain")),
}


@jsii.implements(cdk.IAspect)
class _Breaking:
    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation

    def visit(self, node: IConstruct) -> None:
        chosen = (
            isinstance(node, cdk.CfnResource)
            and node.cfn_resource_type == self._mutation.kind
            and node.node.path.endswith(self._mutation.path)
        )
        if chosen and isinstance(node, cdk.CfnResource):
            self._mutation.change(node)


def mutate(app: cdk.App) -> None:
    """Apply the mutation that MLOPS_MUTATION names, if any, to everything in ``app``."""
    name = os.environ.get(VARIABLE)
    if name:
        cdk.Aspects.of(app).add(_Breaking(MUTATIONS[name]))


def main() -> None:
    """Run the suite once per mutation; each must make a test fail. One that breaks nothing survives."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.stacks.mutations", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--only", choices=MUTATIONS, help="one mutation")
    chosen = [parser.parse_args().only] if parser.parse_args().only else list(MUTATIONS)
    survivors = []
    for number, name in enumerate(chosen, 1):
        started = time.monotonic()
        caught_by = _caught_by(name)
        print(
            f"[{number:2}/{len(chosen)}] {name:26} {time.monotonic() - started:5.1f} s  {caught_by or 'SURVIVED'}",
            flush=True,
        )
        if caught_by is None:
            survivors.append(name)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} caught")
    sys.exit(1 if survivors else 0)


def _files() -> list[str]:
    """Return the suite's files, those that take long last: the first failure ends a run."""
    files = sorted(Path(__file__).parent.glob("test_*.py"), key=lambda file: (file.name in _SLOW, file.name))
    return [str(file) for file in files]


def _caught_by(name: str) -> str | None:
    """Return the first test that fails under a mutation."""
    options = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "-rf"]
    command = [sys.executable, "-m", "pytest", *options, *_files()]
    done = subprocess.run(command, env={**os.environ, VARIABLE: name}, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    if done.returncode != 1 or not failed:
        raise SystemExit(f"{name}: the suite did not run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return failed[0].split("::")[-1]


if __name__ == "__main__":
    main()
