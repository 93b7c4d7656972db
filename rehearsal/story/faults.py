"""The act in which all that AWS does to a training in a bad hour comes at once, and it ends as if nothing had been."""

import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from config.names import ARTIFACTS, AUDIT, TRAINING
from rehearsal.control import ask
from rehearsal.story.act import Act, UnmetExpectationError
from rehearsal.story.arrivals import BROKEN
from rehearsal.story.stage import Stage

_RATE: Final = 5.0
_HOUR: Final = 3600
# Deliveries that come within so many seconds come twice, and the latest of them first.
_HOLD_SECONDS: Final = 2.0
# Less than what a state tries again for: its waits are shortened, this is not.
_DOWN_SECONDS: Final = 4.0
_KILLED_FUNCTION: Final = "resolve-run"
# Where a job's own folder has what a training keeps.
_CHECKPOINTS: Final = "opt/ml/checkpoints"
# What a training does after its program has ended.
_AFTER_TRAINING: Final = {"Interrupted", "Uploading", "Completed", "Failed", "Stopped"}
# What a function whose process was killed ends with.
_KILLED: Final = "Runtime.ExitError"


def _faults(stage: Stage) -> None:
    before, packages = stage.champion, len(stage.packages())
    week = next((file for file in stage.weeks.files if not stage.lake.has(file)), None)
    if week is None:
        raise UnmetExpectationError("all weeks of the story have come before")
    with stage.traffic("in a bad hour", bodies=stage.sample(50), rate=_RATE) as sent:
        ask(stage.world, "faults/events", seconds=_HOUR, hold=_HOLD_SECONDS)
        try:
            since = stage.uploaded(week, stage.weeks.files[0])
            killed = ask(
                stage.world, "faults/kill-function", function=stage.settings.name(_KILLED_FUNCTION), seconds=50
            )
            stage.noted(f"{_KILLED_FUNCTION} is killed while it runs: process {killed['killed']}")
            _s3_is_down(stage)
            name, kept = _kill_a_training(stage, since=since)
            _s3_is_down(stage)
            outcome = stage.trained(since=since)
            if outcome["outcome"] == "registered":
                stage.released(since=since, version=outcome["version"])
            executions = stage.executions(TRAINING, since=since)
            _fails_once(stage)
        finally:
            twice = ask(stage.world, "faults/events", seconds=0)["twice"]
    _came_twice(stage, twice, executions, outcome=outcome)
    _was_killed(stage, since=since)
    _went_on(stage, name, kept)
    stage.expect(sent.failed == 0, f"callers noticed nothing: {sent}")
    new = 1 if outcome["outcome"] == "registered" else 0
    stage.expect(len(stage.packages()) == packages + new, f"{new} version was registered: {outcome['reason']}")
    stage.expect(stage.champion == (outcome["version"] if new else before), f"{stage.champion} serves")
    if new:
        released = [each for each in stage.lake.records("released") if each["to_version"] == outcome["version"]]
        stage.expect(len(released) == 1, "and was released once")


def _fails_once(stage: Stage) -> None:
    """Upload a file that breaks a rule: its event comes twice, it stops one training, and people are told once."""
    file, told = stage.weeks.broken(BROKEN), list[str]()
    since = stage.uploaded(file)
    executions = stage.ended(TRAINING, since=since)
    stage.lake.withdraw(file)
    failed = [each for each in executions if each["status"] == "FAILED"]

    def hear() -> list[str]:
        told.extend(words for each in stage.messages() if "training failed" in (words := each.get("Subject", "")))
        return told

    stage.until("people are told that it failed", hear, seconds=30)
    stage.expect(
        len(executions) > 1 and len(failed) == 1 and len(hear()) == 1,
        f"of {len(executions)} trainings that {file.name} began one failed, and people were told once",
    )


def _s3_is_down(stage: Stage) -> None:
    """Let S3 be too busy for the lake, until something that runs has met that."""

    def refused() -> dict[str, int]:
        ask(stage.world, "faults/slow-down", prefix=f"{stage.lake.bucket}/", seconds=_DOWN_SECONDS)
        # Nothing of this process asks S3 meanwhile.
        time.sleep(_DOWN_SECONDS)
        found: dict[str, int] = ask(stage.world, "faults/slow-down", seconds=0)["refused"]
        return found

    found = stage.until("S3 refuses something", refused)
    stage.noted(f"S3 answered 503 SlowDown for the lake: {', '.join(f'{n} x {how}' for how, n in found.items())}")


def _kill_a_training(stage: Stage, *, since: datetime) -> tuple[str, dict[str, datetime]]:
    """Kill a training's program when it has kept something; return the job and what was kept, with its times."""
    aws = stage.world.folder / "aws"

    def look() -> tuple[str, dict[str, datetime]] | None:
        for job in running(aws / "jobs.jsonl", kind="Training", since=since):
            # Not by pathlib: the folder may go while one looks.
            found = [name for _, _, names in os.walk(aws / "jobs" / job["name"] / _CHECKPOINTS) for name in names]
            if not any(name.endswith(".json") for name in found):
                continue
            # It may be quick: it is halted while what it has found goes to S3.
            _signal(job, signal.SIGSTOP)
            kept = stage.until("what it has found is kept", partial(_kept, stage, job["name"]), seconds=30)
            if killed(stage, job):
                return job["name"], kept
        failed = [each for each in stage.executions(TRAINING, since=since) if each["status"] == "FAILED"]
        if failed:
            raise UnmetExpectationError(f"a training failed: {stage.why(failed[0])}")
        return None

    name, kept = stage.until("a training has kept something", look, seconds=300)
    stage.noted(f"the program of {name} is killed; {len(kept)} results were kept by then")
    return name, kept


def killed(stage: Stage, job: Mapping[str, Any]) -> bool:
    """Kill the program of a training; return whether that came before its own end."""
    _signal(job, signal.SIGKILL)
    return "Interrupted" in stage.until(
        f"{job['name']} goes on", lambda: [each for each in _went(stage, job["name"]) if each in _AFTER_TRAINING]
    )


def _signal(job: Mapping[str, Any], how: signal.Signals) -> None:
    """Tell a job's processes, if they are still there."""
    with suppress(ProcessLookupError):
        os.killpg(job["pid"], how)


def running(journal: Path, *, kind: str, since: datetime) -> list[dict[str, Any]]:
    """Return the jobs of a kind, begun after ``since``, whose programs run: by the last line of each in ``journal``."""
    last = {}
    for line in journal.read_text(encoding="utf-8").splitlines():
        job = json.loads(line)
        last[job["name"]] = job
    return [
        each
        for each in last.values()
        if each["kind"] == kind and each["created"] >= since.timestamp() and each["pid"] is not None
    ]


def _kept(stage: Stage, job: str) -> dict[str, datetime]:
    """Return the checkpoints of a training, and when each was written."""
    described = stage.client("sagemaker").describe_training_job(TrainingJobName=job)
    prefix = described["CheckpointConfig"]["S3Uri"].split("/", 3)[3]
    pages = stage.client("s3").get_paginator("list_objects_v2").paginate(Bucket=stage.lake.bucket, Prefix=f"{prefix}/")
    return {each["Key"]: each["LastModified"] for page in pages for each in page.get("Contents", [])}


def _went_on(stage: Stage, name: str, kept: dict[str, datetime]) -> None:
    went = _went(stage, name)
    stage.expect("Interrupted" in went and went[-1] == "Completed", f"{name} was {', '.join(went)}")
    now = _kept(stage, name)
    stage.expect(
        kept.items() <= now.items(), f"what it had kept was not computed again: {len(kept)} of {len(now)} results"
    )


def _went(stage: Stage, name: str) -> list[str]:
    """Return what a training went through so far."""
    described = stage.client("sagemaker").describe_training_job(TrainingJobName=name)
    return [str(each["Status"]) for each in described["SecondaryStatusTransitions"]]


def _was_killed(stage: Stage, *, since: datetime) -> None:
    failed = [
        each["taskFailedEventDetails"]["error"]
        for execution in stage.executions(TRAINING, since=since)
        for each in stage.history(execution)
        if "taskFailedEventDetails" in each
    ]
    stage.expect(_KILLED in failed, f"the killed function's call failed, and was made again: {', '.join(failed)}")


def _came_twice(stage: Stage, twice: int, executions: list[dict[str, Any]], *, outcome: dict[str, Any]) -> None:
    stage.expect(
        twice > 0 and len(executions) > 2,
        f"{twice} events were delivered twice, the latest first; {len(executions)} trainings began of 2 files",
    )
    names = {each["name"] for each in executions}
    ended = {
        key.rsplit("/training-", 1)[-1].removesuffix(".json"): stage.lake.read_json(key)["outcome"]
        for key in stage.lake.keys(f"{ARTIFACTS}/{AUDIT}/")
        if "/training-" in key
    }
    others = sorted(ended[name] for name in names & ended.keys())
    stage.expect(
        len(others) == len(names) - 1, f"one did the work, run {outcome['run']}; the others: {', '.join(others)}"
    )


FAULTS = Act(
    name="faults",
    title="A bad hour",
    does="Uploads another week while callers ask; every event comes twice and out of order, S3 is too busy for a"
    " while, a function and a spot training are killed.",
    expects="One run does the work and ends well, from what the killed training had kept; one version, one release,"
    " no failed request. Of a file that breaks a rule one training fails, and people are told once.",
    play=_faults,
    after=("first-data",),
)
