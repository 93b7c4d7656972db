"""Start the training of an environment: its state machine, which the pipeline stack brings.

python -m operations.retrain stg
"""

import json
from typing import Any

from botocore.exceptions import ClientError

from config.names import TRAINING
from config.settings import EnvironmentSettings
from operations.options import (
    OperationError,
    account_of,
    environment_parser,
    error_code,
    finish,
    session_of,
    settings_of,
)


def start_training(settings: EnvironmentSettings, machine: str, stepfunctions: Any) -> str:
    """Start the state machine with the ARN ``machine``, and return the ARN of its execution.

    Raises:
        OperationError: there is no such state machine.

    """
    try:
        execution: str = stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps({}))["executionArn"]
    except ClientError as error:
        if error_code(error) != "StateMachineDoesNotExist":
            raise
        raise OperationError(
            f"there is no state machine {settings.name(TRAINING)} in {settings.environment}: deploy a version that "
            "brings the training, then run this again"
        ) from error
    return execution


def main() -> int:
    """Start it and print what to look at."""
    settings = settings_of(environment_parser(__doc__, "retrain").parse_args())
    session = session_of(settings)
    account = account_of(session.client("sts"), settings)
    partition = session.get_partition_for_region(session.region_name)
    machine = f"arn:{partition}:states:{session.region_name}:{account}:stateMachine:{settings.name(TRAINING)}"
    print(f"started {start_training(settings, machine, session.client('stepfunctions'))}")
    return 0


if __name__ == "__main__":
    finish(main)
