"""Exceptions from the security rules: each bound to one construct, with its reason, and listed."""

import aws_cdk as cdk
from constructs import IConstruct

# Kept on the construct, so that a test can find the exceptions that no rule asked for.
METADATA = "acknowledged"
NAG = "AwsSolutions"
# CDK's own checks of CloudFormation templates, which the Guard rules run beside.
TEMPLATE_CHECKS = "CloudFormation-Validate"


def acknowledge(construct: IConstruct, rule: str, reason: str, *, pack: str = NAG) -> None:
    """Accept that ``construct`` breaks a rule, one of cdk-nag's unless ``pack`` names another source.

    ``rule`` is ``AwsSolutions-S1``, or with the finding where a rule has several: ``AwsSolutions-IAM5[Resource::*]``.
    An exception that matches nothing fails ``tests/stacks/test_security_rules.py``.
    """
    identity = f"{pack}::{rule}"
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=identity, reason=reason))
    construct.node.add_metadata(METADATA, {"id": identity, "reason": reason})
