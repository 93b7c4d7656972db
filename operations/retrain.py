"""Start the training of an environment: its state machine, which the pipeline stack brings.

python -m operations.retrain stg
python -m operations.retrain stg --as-of 2026-03-02T10:00:00Z
"""

import argparse
import json
from datetime import datetime
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


def start_training(
    settings: EnvironmentSettings, machine: str, stepfunctions: Any, *, as_of: datetime | None = None
) -> str:
    """Start the state machine with the ARN ``machine``, and return the ARN of its execution.

    ``as_of``: it takes its features from the feature store, as they were known then.

    Raises:
        OperationError: there is no such state machine.

    """
    event = {} if as_of is None else {"trigger": "person", "as_of": as_of.isoformat()}
    try:
        execution: str = stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
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
    parser = environment_parser(__doc__, "retrain")
    parser.add_argument("--as-of", type=_instant, metavar="TIME", help="on what was known then: 2026-03-02T10:00:00Z")
    arguments = parser.parse_args()
    settings = settings_of(arguments)
    session = session_of(settings)
    account = account_of(session.client("sts"), settings)
    partition = session.get_partition_for_region(session.region_name)
    machine = f"arn:{partition}:states:{session.region_name}:{account}:stateMachine:{settings.name(TRAINING)}"
    stepfunctions = session.client("stepfunctions")
    print(f"started {start_training(settings, machine, stepfunctions, as_of=arguments.as_of)}")
    return 0


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no zone; for UTC end it with Z")
    return found


if __name__ == "__main__":
    finish(main)
