"""A whole rehearsal as a document: eight acts, a dozen executions of the real definitions, jobs, alarms and metrics."""

import json
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from rehearsal.page.document import (
    Act,
    Alarm,
    Change,
    Decision,
    Document,
    Execution,
    Job,
    Link,
    Load,
    Machine,
    Model,
    Outcome,
    Report,
    ResourceType,
    Run,
    Series,
    Timing,
    Watched,
)
from rehearsal.page.graph import draw
from tests.machines import TaskError
from tests.rehearsal.page.recorded import BEGAN, CANDIDATES, definition, execution

MACHINES: Final = ("training", "release", "approval", "monitoring")
VERSIONS: Final = ("200606-1111aaaaaa", "200607-2222bbbbbb", "200607-3333cccccc", "200608-4444dddddd")
_NAMES: Final = ("mlops-dev-service-degraded", "mlops-dev-model-degraded")
_SLOW: Final = {
    "Validate and refine": 9.0,
    "Fit the encoders": 5.0,
    "Train one candidate": 7.0,
    "Look at the rollout": 1.5,
}
_SLOW_EVALUATION: Final = {**_SLOW, "Evaluate candidates and champion": 6.0}
_QUIET: Final = tuple(
    f"mlops-dev-{name}"
    for name in (
        "captures-dropped",
        "keys-unread",
        "captures-missing",
        "macro-f1-low",
        "accuracy-low",
        "feature-drift",
        "class-drift",
        "unseen-products",
        "data-stale",
    )
)


def after(minutes: float) -> datetime:
    """Return a time of the run."""
    return BEGAN + timedelta(minutes=minutes)


@cache
def sample() -> Document:
    """Return the document of a run that has ended."""
    executions = tuple(sorted(_executions(), key=lambda each: each.started))
    return Document(
        run=Run(
            started=after(-1),
            ended=after(7.2),
            speed=12,
            machine="2 cores, 8 GB, Linux 6.1 x86_64",
            commit="d234dee0123456789",
            data="generated, 4 weeks",
            versions={"ministack": "1.5.33", "aws-cdk": "2.1148.1", "python": "3.11.2"},
        ),
        acts=tuple(_acts()),
        timings=tuple(_timings()),
        machines=tuple(
            Machine(
                name=f"mlops-dev-{name}",
                arn=f"arn:aws:states:ap-southeast-1:000000000000:stateMachine:mlops-dev-{name}",
                comment=definition(name)["Comment"],
                graph=draw(definition(name)),
            )
            for name in MACHINES
        ),
        executions=executions,
        jobs=tuple(_jobs(executions)),
        models=tuple(_models()),
        decisions=tuple(_decisions()),
        alarms=tuple(_alarms()),
        series=tuple(_series()),
        types=tuple(_types()),
        reports=tuple(_reports()),
        load=(
            Load(
                name="one request a second, and ten while a release is under way",
                started=after(1.8),
                ended=after(7),
                requests=2_834,
                failures=2,
                p95_ms=14.2,
                failed_at=(after(6.1), after(6.12)),
            ),
        ),
        faults=("artifacts/runs/200608-4444dddddd/outcome.json: not there yet",),
    )


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
        {"AlarmName": n, "StateValue": "OK", "StateTransitionedTimestamp": "2026-03-02T09:00:00Z"} for n in _NAMES
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


def _executions() -> Iterator[Execution]:
    data = {"trigger": "data", "at": "2026-03-02T09:59:00Z"}
    approved = {"key": "k1", "at": "2026-03-02T09:59:58Z", "package": "arn:package/1"}
    alarm = {"key": "k2", "at": "2026-03-02T09:59:58Z", "by": _NAMES[1], "alarm": {"name": _NAMES[1]}}
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


def _acts() -> Iterator[Act]:
    told = (
        (
            "first-data",
            "First data arrives",
            "Puts a weekly file into raw/.",
            "The training runs itself, its winner is approved, released, and answers /predict.",
        ),
        (
            "better-data",
            "Better data arrives",
            "Puts a second week.",
            "A new champion; not one request fails while it takes over.",
        ),
        (
            "bad-file",
            "A broken file arrives",
            "Puts a week whose row 3 has no number in SPEND.",
            "The run stops with the validation report; the champion stays.",
        ),
        (
            "weak-candidate",
            "A weak candidate",
            "Puts a week that nothing can be learnt from.",
            "Rejected as a decision, with its reason.",
        ),
        (
            "never-ready",
            "A candidate that never becomes ready",
            "Approves a version whose bundle is damaged.",
            "The release fails and is undone; no request fails.",
        ),
        (
            "quality-drops",
            "Live quality drops",
            "Puts labels that say otherwise.",
            "Alarm, roll-back, and the version before answers.",
        ),
        (
            "a-person",
            "A person approves",
            "Waits for a person, and approves.",
            "The approval ends the wait, and starts a release.",
        ),
        ("nothing-left", "Everything is destroyed", "cdk destroy --all", "No resource is left."),
    )
    starts = (0, 1.7, 3.2, 3.6, 4.3, 5.2, 6.2, 6.9)
    for number, ((name, title, does, expects), start) in enumerate(zip(told, starts, strict=True)):
        end = starts[number + 1] - 0.05 if number + 1 < len(starts) else 7.2
        yield Act(
            name=name,
            title=title,
            does=does,
            expects=expects,
            status=Outcome.FAILED if name == "a-person" else Outcome.PASSED,
            started=after(start),
            ended=after(end),
            notes=("POST /predict answered 200 by the version that was released.", "seen: " * 50) if number < 2 else (),
            links=(Link(text="validation report", href="reports/validation-200607.html"),)
            if name == "bad-file"
            else (),
        )


def _timings() -> Iterator[Timing]:
    start = -0.95
    steps = (
        ("synth", 6.1),
        ("bootstrap", 3.2),
        ("security", 2.4),
        ("network", 5.9),
        ("data-lake", 4.8),
        ("registry", 1.4),
        ("eks", 7.7),
        ("monitoring", 3.3),
        ("pipeline", 6.4),
    )
    for name, seconds in steps:
        yield Timing(step=name, started=after(start), seconds=seconds)
        start += seconds / 60
    yield Timing(step="destroy", started=after(6.9), seconds=16.5, detail="7 stacks")


def _jobs(executions: tuple[Execution, ...]) -> Iterator[Job]:
    kinds = {"Validate and refine": "etl", "Fit the encoders": "encode", "Evaluate candidates and champion": "evaluate"}
    for each in executions:
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


def _models() -> Iterator[Model]:
    for number, (version, status) in enumerate(
        zip(VERSIONS, ("Approved", "Rejected", "Rejected", "PendingManualApproval"), strict=True)
    ):
        yield Model(
            version=version,
            package=f"arn:aws:sagemaker:ap-southeast-1:000000000000:model-package/mlops-dev-models/{number + 1}",
            candidate="xgboost",
            run=version,
            status=status,
            reason="accuracy 0.91 reaches the required 0.80.",
            created=after(0.7 + 1.7 * number),
            metrics={
                "accuracy": 0.905 + 0.008 * number,
                "macro_f1": 0.87 + 0.01 * number,
                "class_precision_minimum": 0.8 - 0.02 * number,
            },
            champion=number == 0,
        )


def _decisions() -> Iterator[Decision]:
    yield Decision(
        what="released",
        at=after(1.3),
        by="register",
        to_version=VERSIONS[0],
        outcome="promoted",
        reason="no alarm in 60 seconds",
    )
    yield Decision(
        what="released",
        at=after(2.95),
        by="register",
        from_version=VERSIONS[0],
        to_version=VERSIONS[1],
        outcome="promoted",
        reason="no alarm in 60 seconds",
    )
    yield Decision(
        what="rolled-back",
        at=after(4.9),
        by="release approved-3",
        from_version=VERSIONS[3],
        to_version=VERSIONS[1],
        outcome="rolled_back",
        reason="the release failed: the rollout is failed: 1 of 2 pods",
    )
    yield Decision(
        what="rolled-back",
        at=after(5.75),
        by=_NAMES[1],
        from_version=VERSIONS[1],
        to_version=VERSIONS[0],
        outcome="rolled_back",
        reason="accuracy 0.71, required 0.80",
    )


def _alarms() -> Iterator[Alarm]:
    raised = (
        Change(at=after(-0.3), state="OK", reason="unchecked: initial alarm creation"),
        Change(
            at=after(5.5),
            state="ALARM",
            reason="Threshold crossed: 1 datapoint [0.71] was less than the threshold (0.8).",
        ),
        Change(at=after(6.4), state="OK", reason="no data"),
    )
    looks = {
        "quality-worse": ("model", 0.0),
        "accuracy-low": ("accuracy", 0.8),
        "latency-high": ("latency", 200.0),
        "error-rate-high": ("errors", 0.05),
    }
    for name in _NAMES:
        hit = name.endswith("model-degraded")
        yield Alarm(
            name=name,
            kind="composite",
            description="The serving model is worse than it promised: it is taken back. Threshold: its alarms'.",
            rule="ALARM(quality-worse) OR ALARM(accuracy-low)",
            state="OK",
            actions=True,
            changes=raised if hit else raised[:1],
        )
    for name in ("mlops-dev-latency-high", "mlops-dev-error-rate-high", "mlops-dev-quality-worse", *_QUIET):
        short = name.removeprefix("mlops-dev-")
        series, threshold = looks.get(short, (None, 0.0))
        yield Alarm(
            name=name,
            kind="metric",
            description=f"{short.replace('-', ' ')}: what it means. Threshold: why.",
            threshold=threshold,
            below=short.endswith("low"),
            state="OK",
            watches=(Watched(name=short, series=series),),
            changes=raised if short in {"quality-worse", "accuracy-low"} else raised[:1],
        )


def _series() -> Iterator[Series]:
    def points(value: Any, step: float = 0.1, start: float = 1.8) -> tuple[tuple[datetime, float], ...]:
        return tuple((after(start + step * n), value(start + step * n)) for n in range(int((7 - start) / step)))

    yield Series(
        key="latency",
        namespace="",
        name="latency p95 where there are 20 requests",
        statistic="p95",
        points=points(lambda t: 12 + 3 * math.sin(3 * t) + (30 if 6.0 < t < 6.2 else 0)),
    )
    yield Series(
        key="errors",
        namespace="",
        name="errors / requests",
        statistic="Sum",
        points=points(lambda t: 0.01 if 6.0 < t < 6.2 else 0.0),
    )
    yield Series(
        key="accuracy",
        namespace="MLOps/Model",
        name="Accuracy",
        dimensions={"Environment": "dev"},
        statistic="Minimum",
        points=points(lambda t: 0.91 if t < 5.4 else 0.71 if t < 5.9 else 0.9, 0.5),
    )
    yield Series(
        key="model",
        namespace="MLOps/Model",
        name="QualityWorse",
        dimensions={"Environment": "dev"},
        statistic="Maximum",
        points=points(lambda t: 1.0 if 5.4 < t < 5.9 else 0.0, 0.5),
    )
    for name in ("Requests", "Latency", "CaptureDrops"):
        yield Series(
            key=f"raw-{name}",
            namespace="MLOps/Inference",
            name=name,
            dimensions={"Environment": "dev"},
            statistic="Sum",
            points=points(lambda t: 60 + 10 * math.sin(2 * t)),
        )
    for version in VERSIONS[:2]:
        yield Series(
            key=f"acc-{version}",
            namespace="MLOps/Model",
            name="MacroF1",
            dimensions={"Environment": "dev", "ModelVersion": version},
            statistic="Average",
            points=points(lambda t: 0.88 - 0.01 * t, 0.7),
        )


def _types() -> Iterator[ResourceType]:
    for name, count in (
        ("S3::Bucket", 4),
        ("IAM::Role", 31),
        ("Lambda::Function", 14),
        ("StepFunctions::StateMachine", 4),
        ("Events::Rule", 6),
        ("CloudWatch::Alarm", 15),
        ("SNS::Topic", 1),
        ("KMS::Key", 3),
        ("EC2::VPC", 1),
        ("EKS::Cluster", 1),
    ):
        yield ResourceType(
            type=f"AWS::{name}",
            status="emulated",
            count=count,
            unread=("LifecycleConfiguration", "LoggingConfiguration") if name == "S3::Bucket" else (),
        )
    for name, why in (
        ("CloudTrail::Trail", "no trail is written"),
        ("Budgets::Budget", "nothing is counted"),
        ("EC2::FlowLog", "no traffic is logged"),
    ):
        yield ResourceType(type=f"AWS::{name}", status="accepted", why=why, count=1)


def _reports() -> Iterator[Report]:
    yield Report(
        title="Evaluation of run 200606-0123456789",
        kind="evaluation",
        about="200606-0123456789",
        href="reports/evaluation-200606-0123456789.html",
        at=after(0.7),
    )
    yield Report(
        title="Validation of run 200607-0123456789",
        kind="validation",
        about="200607-0123456789",
        href="reports/validation-200607.html",
        at=after(3.4),
    )
    yield Report(
        title="The models that serve on 2026-03-02",
        kind="monitoring",
        about="2026-03-02",
        href="reports/monitoring-2026-03-02.html",
        at=after(5.4),
    )
