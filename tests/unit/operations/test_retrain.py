from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from config.settings import load_environment
from operations.options import OperationError
from operations.retrain import main, start_training
from tests.unit.operations.aws import ACCOUNT, REGION, Aws

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:mlops-stg-training"
STG = load_environment("stg")


def test_the_training_of_the_environment_is_started(aws: Aws) -> None:
    execution = MACHINE.replace("stateMachine", "execution") + ":1"
    started = {"executionArn": execution, "startDate": "2026-11-23T02:00:00Z"}
    aws.answers("stepfunctions", "start_execution", started, stateMachineArn=MACHINE, input="{}")

    assert start_training(STG, MACHINE, aws.client("stepfunctions")) == execution


def test_it_can_be_told_to_train_as_of_a_time(aws: Aws) -> None:
    event = '{"trigger": "person", "as_of": "2026-03-02T10:00:00+00:00"}'
    started = {"executionArn": f"{MACHINE}:1", "startDate": "2026-11-23T02:00:00Z"}
    aws.answers("stepfunctions", "start_execution", started, stateMachineArn=MACHINE, input=event)

    start_training(STG, MACHINE, aws.client("stepfunctions"), as_of=datetime(2026, 3, 2, 10, tzinfo=UTC))


@pytest.mark.parametrize(("time", "reason"), [("2026-03-02T10:00:00", "has no zone"), ("Monday", "invalid")])
def test_a_time_that_is_none_is_refused_before_aws_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], time: str, reason: str
) -> None:
    monkeypatch.setattr("sys.argv", ["retrain", "stg", "--as-of", time])
    with pytest.raises(SystemExit):
        main()
    assert reason in capsys.readouterr().err


def test_an_environment_without_training_says_so(aws: Aws) -> None:
    aws.refuses("stepfunctions", "start_execution", "StateMachineDoesNotExist")

    with pytest.raises(OperationError, match="no state machine mlops-stg-training"):
        start_training(STG, MACHINE, aws.client("stepfunctions"))


def test_a_refusal_is_not_taken_for_an_absent_machine(aws: Aws) -> None:
    aws.refuses("stepfunctions", "start_execution", "AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDenied"):
        start_training(STG, MACHINE, aws.client("stepfunctions"))
