"""A training counts as killed where that came before its own end."""

import os
import subprocess
from typing import Any

import pytest

from rehearsal.story.faults import killed
from rehearsal.story.stage import Stage
from tests.rehearsal.story.stages import stage_of


class _SageMaker:
    """Describes a job that goes one step further each time that somebody looks."""

    def __init__(self, *steps: str) -> None:
        self._steps, self._looks = steps, 0

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        self._looks += 1
        went = self._steps[: self._looks]
        return {"TrainingJobName": TrainingJobName, "SecondaryStatusTransitions": [{"Status": each} for each in went]}


def stage(*steps: str) -> Stage:
    return stage_of(clients={"sagemaker": _SageMaker(*steps)})


def test_a_program_is_killed_with_its_group_and_seen_to_be_interrupted() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as program:
        was = killed(stage("Training", "Interrupted"), {"name": "one", "pid": program.pid})

    assert was
    assert program.returncode == -9


@pytest.mark.parametrize("gone", [True, False])
def test_a_program_that_has_ended_by_itself_was_not_killed(gone: bool) -> None:
    program = subprocess.Popen(["true"], start_new_session=True)
    # Either nobody has asked for its exit code yet, or the process is no more.
    os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
    if gone:
        program.wait()

    was = killed(stage("Training", "Uploading", "Completed"), {"name": "one", "pid": program.pid})

    assert not was
    assert program.wait() == 0
