"""The roles that `cdk bootstrap` makes in an account and region."""

import aws_cdk as cdk

from config.settings import EnvironmentSettings


def bootstrap_role(stack: cdk.Stack, kind: str, environment: EnvironmentSettings) -> str:
    """Return the ARN of the ``deploy``, ``file-publishing`` or ``lookup`` role where ``environment`` is deployed."""
    account = environment.account or stack.account
    region = environment.region or stack.region
    qualifier = cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER
    return f"arn:{stack.partition}:iam::{account}:role/cdk-{qualifier}-{kind}-role-{account}-{region}"
