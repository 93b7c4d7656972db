"""What every command of an operator takes, and how it ends: 0 done, 1 something was found, 2 it could not be done."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from config.document import ConfigError
from config.settings import ENVIRONMENTS, EnvironmentSettings, load_environment

_CHANGES = ("prefix", "account", "region")


class OperationError(Exception):
    """Something is not as the command needs it; the message says what to do."""


def changes_parser(description: str | None, prog: str) -> argparse.ArgumentParser:
    """Return a parser of ``--prefix``, ``--account`` and ``--region``; the first line of the text describes it."""
    parser = argparse.ArgumentParser(
        prog=f"python -m operations.{prog}", description=(description or "").splitlines()[0]
    )
    for key in _CHANGES:
        parser.add_argument(f"--{key}", help=f"instead of the settings' own {key}")
    return parser


def environment_parser(description: str | None, prog: str) -> argparse.ArgumentParser:
    """Return a parser of an environment, and of what replaces its settings."""
    parser = changes_parser(description, prog)
    parser.add_argument("environment", choices=ENVIRONMENTS)
    return parser


def changes(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the settings that the command line replaces."""
    return {key: value for key in _CHANGES if (value := getattr(arguments, key)) is not None}


def settings_of(arguments: argparse.Namespace) -> EnvironmentSettings:
    """Return the settings of the environment that the command line names."""
    return load_environment(arguments.environment, **changes(arguments))


def session_of(settings: EnvironmentSettings) -> Any:
    """Return a boto3 session in the environment's region.

    Raises:
        OperationError: neither the settings nor the credentials name a region.

    """
    session = boto3.Session(region_name=settings.region)
    if session.region_name is None:
        raise OperationError(f"no region: set it in config/{settings.environment}.yaml, or AWS_REGION")
    return session


def reading_session_of(settings: EnvironmentSettings) -> Any:
    """Return a session that may look at the environment, through CDK's lookup role where that is in another account."""
    session = session_of(settings)
    credentials = lookup_credentials(settings, session.region_name, session.client("sts"))
    if credentials is None:
        return session
    return boto3.Session(
        region_name=session.region_name,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def lookup_credentials(settings: EnvironmentSettings, region: str, sts: Any) -> dict[str, Any] | None:
    """Return credentials of CDK's lookup role in the settings' account; none where we are in it already."""
    identity = sts.get_caller_identity()
    if settings.account in (None, identity["Account"]):
        return None
    partition = identity["Arn"].split(":")[1]
    role = f"arn:{partition}:iam::{settings.account}:role/cdk-hnb659fds-lookup-role-{settings.account}-{region}"
    credentials: dict[str, Any] = sts.assume_role(RoleArn=role, RoleSessionName="smoke-test")["Credentials"]
    return credentials


def account_of(sts: Any, settings: EnvironmentSettings) -> str:
    """Return the account of the credentials.

    Raises:
        OperationError: it is not the one of the settings.

    """
    account: str = sts.get_caller_identity()["Account"]
    if settings.account not in (None, account):
        raise OperationError(
            f"these credentials are of account {account}, {settings.environment} is {settings.account}"
        )
    return account


def finish(command: Callable[[], int]) -> None:
    """Run ``command`` and leave with its exit code; what stands in its way is one line, and code 2."""
    try:
        code = command()
    except (ConfigError, OperationError) as error:
        code = _fail(str(error))
    except NoCredentialsError:
        code = _fail("no AWS credentials: run 'aws sso login', or set AWS_PROFILE; 'make doctor' checks the rest")
    except (BotoCoreError, ClientError) as error:
        code = _fail(f"AWS: {error}")
    sys.exit(code)


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def error_code(error: ClientError) -> str:
    """Return AWS's word for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))
