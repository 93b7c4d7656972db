"""Executions of the real definitions, good ones and others, and the jobs that they ran."""

import json
from collections.abc import Iterator
from typing import Any, Final

from rehearsal.page.document import Execution, Job, Outcome
from tests.machines import TaskError
from tests.rehearsal.page.recorded import CANDIDATES, execution

MACHINES: Final = ("training", "release", "approval", "monitoring")
VERSIONS: Final = ("200606-1111aaaaaa", "200607-2222bbbbbb", "200607-3333cccccc", "200608-4444dddddd")
ALARMS: Final = ("mlops-dev-service-degraded", "mlops-dev-model-degraded")
_SLOW: Final = {
    "Validate and refine": 9.0,
    "Fit the encoders": 5.0,
    "Train one candidate": 7.0,
    "Look at the rollout": 1.5,
}
_SLOW_EVALUATION: Final = {**_SLOW, "Evaluate candidates and champion": 6.0}


def training_answers(resolution: str = "go", **decision: Any) -> dict[str, Any]:
    decided = {
        "accepted": True,
        "status": "Approved",
        "winner": "xgboost",
        "version": VERSIONS[0],
        "accuracy": 0.91,
        "macro_f1": 0.88,
        "reason": "accuracy 0.91 reaches the required 0.80.",
        **decision,
    }
    resolved = {"status": resolution, "reason": "2 files", "run": "200606-0123456789", "champion": None, "new_files": 2}
    return {
        "Resolve the run": {"Payload": resolved},
        "Commit the weeks": {"Payload": {"weeks": [200606]}},
        "Decide": {"Payload": decided},
        "Register the version": {"Payload": {"version": decided["version"], "package": "arn", "status": "Approved"}},
    }


def release_answers(version: str, *, rollout: tuple[str, ...] = ("progressing", "done")) -> dict[str, Any]:
    looks = list(rollout)
    described = {
        "CustomerMetadataProperties": {"version": version},
        "ApprovalDescription": "accuracy 0.91",
        "LastModifiedBy": {"IamIdentity": {"Arn": "arn:aws:sts::000000000000:assumed-role/register"}},
    }
    taken = {"status": "rolled_back", "from_version": version, "to_version": VERSIONS[0], "reason": "it failed"}

    def look(_: Any) -> Any:
        status = looks.pop(0) if len(looks) > 1 else looks[0]
        return {"Payload": {"status": status, "reason": "1 of 2 pods", "not_ready": []}}

    alarms = [
        {"AlarmName": n, "StateValue": "OK", "StateTransitionedTimestamp": "2026-03-02T09:00:00Z"} for n in ALARMS
    ]
    return {
        "Describe the package": described,
        "Deploy the version": {"Payload": {"status": "deploying", "version": version, "from_version": VERSIONS[0]}},
        "Look at the rollout": look,
        "Ask each pod": {"Payload": {"status": "passed", "reason": "2 pods answered", "not_ready": []}},
        "Read the alarms": {"CompositeAlarms": alarms, "MetricAlarms": []},
        "Promote the version": {
            "Payload": {"status": "promoted", "version": version, "from_version": VERSIONS[0], "reason": "quiet"}
        },
        "Take the version back": {"Payload": taken},
        "Look at the old version": {"Payload": {"status": "done", "reason": "2 pods", "not_ready": []}},
    }


def executions() -> Iterator[Execution]:
    """Yield a dozen executions, as their histories tell them."""
    data = {"trigger": "data", "at": "2026-03-02T09:59:00Z"}
    approved = {"key": "k1", "at": "2026-03-02T09:59:58Z", "package": "arn:package/1"}
    alarm = {"key": "k2", "at": "2026-03-02T09:59:58Z", "by": ALARMS[1], "alarm": {"name": ALARMS[1]}}
    looked = {
        "Choose what to look at": {
            "Payload": {
                "status": "go",
                "reason": "2 files",
                "day": "2026-03-02",
                "captured": 2,
                "labels": 1,
                "weeks": [1],
            }
        },
        "Publish the models' figures": {"Payload": {"metrics": 3, "version": "v1", "reason": "the alarms look at v1"}},
    }
    cause = {
        "ProcessingJobStatus": "Failed",
        "FailureReason": "transactions_200607.csv: row 3, SPEND: 'abc' is no number",
    }
    broken = {**training_answers(), "Validate and refine": TaskError("States.TaskFailed", json.dumps(cause))}
    weak = training_answers(
        accepted=False, status="Rejected", winner="majority", version=VERSIONS[2], reason="accuracy 0.61 is below 0.80."
    )
    yield execution("training", "data-1", minute=0, answers=training_answers(), given=data, seconds=_SLOW_EVALUATION)
    yield execution("training", "data-2", minute=0.05, answers=training_answers("superseded"), given=data)
    yield execution("monitoring", "look-1", minute=0.4, answers=looked, seconds={"Judge the models": 4.0})
    yield execution(
        "release", "approved-1", minute=0.75, answers=release_answers(VERSIONS[0]), given=approved, seconds=_SLOW
    )
    yield execution(
        "training",
        "data-3",
        minute=1.7,
        answers=training_answers(version=VERSIONS[1]),
        given=data,
        seconds=_SLOW_EVALUATION,
    )
    yield execution(
        "release", "approved-2", minute=2.4, answers=release_answers(VERSIONS[1]), given=approved, seconds=_SLOW
    )
    yield execution("training", "data-4", minute=3.2, answers=broken, given=data, seconds=_SLOW)
    yield execution("training", "data-5", minute=3.6, answers=weak, given=data, seconds=_SLOW_EVALUATION)
    stuck = release_answers(VERSIONS[3], rollout=("progressing", "progressing", "progressing", "failed"))
    yield execution("release", "approved-3", minute=4.3, answers=stuck, given=approved, seconds=_SLOW)
    yield execution("monitoring", "look-2", minute=5.2, answers=looked)
    yield execution("release", "alarm-1", minute=5.6, answers=release_answers(VERSIONS[1]), given=alarm, seconds=_SLOW)
    package = {
        "CustomerMetadataProperties": {"version": VERSIONS[3]},
        "ModelApprovalStatus": "Approved",
        "LastModifiedBy": {"IamIdentity": {"Arn": "arn:aws:sts::000000000000:assumed-role/ann"}},
    }
    pending = package | {"ModelApprovalStatus": "PendingManualApproval"}
    asked = {"Describe the version": pending, "Look whether it was decided": package}
    yield execution("approval", "waits-1", minute=6.2, answers=asked, given=approved)


def jobs(found: tuple[Execution, ...]) -> Iterator[Job]:
    """Yield the jobs that executions ran."""
    kinds = {"Validate and refine": "etl", "Fit the encoders": "encode", "Evaluate candidates and champion": "evaluate"}
    for each in found:
        for visit in each.visits:
            if visit.state in kinds or visit.state == "Train one candidate":
                training = visit.iteration is not None
                what = CANDIDATES[visit.iteration or 0] if training else kinds[visit.state]
                assert visit.exited is not None
                yield Job(
                    name=f"mlops-dev-{each.name}-{what.replace('_', '-')}",
                    kind="training" if training else "processing",
                    role="mlops-dev-training-job" if training else "mlops-dev-processing-job",
                    status=Outcome.FAILED if visit.outcome is Outcome.CAUGHT else Outcome.PASSED,
                    started=visit.entered,
                    ended=visit.exited,
                    seconds=(visit.exited - visit.entered).total_seconds(),
                    command=f"mlops job {what}",
                )
