"""kill -9 in every stage: running again completes the run, and nobody ever saw half a file."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.runs import command, mlops, results, whole

# The run that completes the killed one is compared by its figures, not by its drawings.
pytestmark = pytest.mark.usefixtures("without_charts")

STAGES = ("land", "validate, silver, gold", "encode products", "train candidates", "evaluate", "gate and register")


def _kill_in(stage: str, arguments: list[str], *, after: float, with_children: bool) -> int:
    process = subprocess.Popen(
        command(*arguments),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # What is killed writes no coverage, so measuring it would only cost time.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"▸ {stage}"):
            break
    else:
        pytest.fail(f"the run ended before stage {stage}")
    time.sleep(after)
    if with_children:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.stderr.close()
    process.wait()
    return process.pid


def test_a_run_killed_in_each_stage_is_completed_by_running_it_again(
    lake: Path, weekly: list[Path], use_case_file: Path, tmp_path: Path
) -> None:
    workdir = tmp_path / "work"
    arguments = ["run", "--input", *map(str, weekly), "--workdir", str(workdir), "--use-case", str(use_case_file)]
    for number, stage in enumerate(STAGES):
        _kill_in(stage, arguments, after=0.2 * (number % 3), with_children=True)
        whole([path for path in workdir.rglob("*") if path.is_file()])
    done = mlops(*arguments)
    assert done.returncode == 0, done.stderr
    assert results(workdir) == results(lake)
    assert not list(workdir.rglob(".tmp-*"))


def test_training_jobs_end_with_their_killed_run_and_the_next_run_completes_it(
    lake: Path, weekly: list[Path], use_case_file: Path, tmp_path: Path
) -> None:
    workdir = tmp_path / "work"
    arguments = ["run", "--input", *map(str, weekly), "--workdir", str(workdir), "--use-case", str(use_case_file)]
    group = _kill_in("train candidates", arguments, after=1.0, with_children=False)
    deadline = time.monotonic() + 30
    while _alive(group):
        assert time.monotonic() < deadline, "training processes outlive their run"
        time.sleep(0.2)
    done = mlops(*arguments)
    assert done.returncode == 0, done.stderr
    assert results(workdir) == results(lake)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
