"""Ask before an environment is destroyed; the destruction itself is the CDK command line's.

    python -m operations.destroy dev          # asks
    python -m operations.destroy prod --force # prod: says what stays, and takes off the protection

Ends with 0 if it may go on, 2 if not.
"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from config.names import MODEL_GROUP, STACKS
from config.settings import EnvironmentSettings
from operations.options import (
    OperationError,
    account_of,
    changes,
    environment_parser,
    error_code,
    finish,
    session_of,
    settings_of,
)
from operations.retained import print_retained, retained


def confirm(settings: EnvironmentSettings, account: str, region: str, answer: Callable[[str], str]) -> None:
    """Let a person type the environment's name.

    Raises:
        OperationError: they typed something else.

    """
    question = f"Destroy {settings.prefix}-{settings.environment} in account {account}, {region}? Type its name: "
    try:
        typed = answer(question)
    except EOFError as error:
        raise OperationError("nobody is there to ask: say YES=1") from error
    if typed.strip() != f"{settings.prefix}-{settings.environment}":
        raise OperationError("nothing was destroyed")


def unprotect(settings: EnvironmentSettings, cloudformation: Any) -> None:
    """Take off the stacks' protection against deletion, where there is such a stack."""
    for component in STACKS:
        try:
            cloudformation.update_termination_protection(
                StackName=settings.name(component), EnableTerminationProtection=False
            )
        except ClientError as error:
            if error_code(error) != "ValidationError":
                raise


def empty_registry(settings: EnvironmentSettings, sagemaker: Any) -> int:
    """Delete the model versions of a registry that goes with its environment; return how many there were.

    SageMaker deletes no group that has a version, and CloudFormation deletes none.
    """
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=settings.name(MODEL_GROUP))
    try:
        found = [each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"]]
    except ClientError as error:
        # There is no such group: its stack was never deployed, or is gone.
        if error_code(error) != "ValidationException":
            raise
        return 0
    for package in found:
        sagemaker.delete_model_package(ModelPackageName=package)
    return len(found)


def main() -> int:
    """Check, ask, remove what CloudFormation would stumble over, and let the command line go on."""
    parser = environment_parser(__doc__, "destroy")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--force", action="store_true", help="also prod")
    arguments = parser.parse_args()
    settings = settings_of(arguments)
    protected = settings.on_destroy == "retain"
    if protected:
        from operations.synthesis import synthesize  # noqa: PLC0415  it starts CDK, which dev need not wait for

        print_retained(list(retained(synthesize(arguments.environment, **changes(arguments)))))
        print("Retained resources go on costing money, and a new deployment of the same name collides with them.")
        if not arguments.force:
            raise OperationError(f"{settings.environment} is not destroyed by accident: say FORCE=1 as well")
    session = session_of(settings)
    account = account_of(session.client("sts"), settings)
    if not arguments.yes:
        confirm(settings, account, session.region_name, input)
    if protected:
        unprotect(settings, session.client("cloudformation"))
    else:
        print(f"{empty_registry(settings, session.client('sagemaker'))} model versions are deleted from the registry")
    return 0


if __name__ == "__main__":
    finish(main)
