"""The wildcards that CDK Pipelines writes into roles of its own, each kind with its reason.

The list is closed: a wildcard of another kind stays an open finding, and the tests fail.
"""

import re
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import IConstruct

from stacks.acknowledge import acknowledge
from stacks.constructs.wildcards import as_reported

# A region that is not known leaves `<AWS::Partition>` there.
_ARN = r"arn:[^/]+"
_REASONS = {
    r"Action::s3:(Abort|DeleteObject|GetBucket|GetObject|List)\*": (
        "CDK's grant on the artifacts bucket alone; the wildcard stands for the versions of the same action"
    ),
    r"Action::kms:(GenerateDataKey|ReEncrypt)\*": (
        "CDK's grant on the delivery key alone; the wildcard stands for the variants of the same action"
    ),
    r"Resource::<DeliveryArtifacts\.Arn>/\*": (
        "Artifacts have names that CodePipeline makes up; the one bucket holds nothing else"
    ),
    rf"Resource::{_ARN}:logs:.*:log-group:/aws/codebuild/.*\*": (
        "CDK lets each build write its own log streams, whose names CodeBuild makes up"
    ),
    rf"Resource::{_ARN}:codebuild:.*:report-group/.*\*": (
        "CDK lets each build write test reports, whose names CodeBuild makes up; none is written"
    ),
    r"Resource::arn:\*:iam::.*:role/\*": (
        "Self-update and assets go through CDK's bootstrap roles; a condition on their tag shuts out every other role"
    ),
    r"Resource::\*": (
        "CDK's self-update reads stacks and lists the bootstrap bucket; its publishing role manages builds, "
        "actions that CDK gives no narrower resource"
    ),
}


def acknowledge_pipeline(scope: IConstruct) -> None:
    """Say why, for each wildcard of a known kind in the policies below ``scope``."""
    for construct in scope.node.find_all():
        if isinstance(construct, iam.Policy):
            document = cdk.Stack.of(construct).resolve(construct.document)
            for finding in sorted(set(_findings(document))):
                reason = next((why for kind, why in _REASONS.items() if re.fullmatch(kind, finding)), None)
                if reason:
                    acknowledge(construct, f"AwsSolutions-IAM5[{finding}]", reason)


def _findings(document: dict[str, Any]) -> Iterator[str]:
    for statement in document["Statement"]:
        for kind in ("Action", "Resource"):
            values = statement[kind]
            for value in values if isinstance(values, list) else [values]:
                if "Fn::Sub" not in value and "*" in (reported := as_reported(value)):
                    yield f"{kind}::{reported}"
