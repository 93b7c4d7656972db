"""A whole rehearsal as a document: eight acts, a dozen executions of the real definitions, jobs, alarms and metrics."""

from collections.abc import Iterator
from functools import cache

from rehearsal.page.document import (
    Act,
    Decision,
    Document,
    Link,
    Load,
    Machine,
    Model,
    Outcome,
    Report,
    ResourceType,
    Run,
    Timing,
)
from rehearsal.page.graph import draw
from tests.rehearsal.page.recorded import definition
from tests.rehearsal.page.sample_flow import ALARMS, MACHINES, VERSIONS, executions, jobs
from tests.rehearsal.page.sample_watch import after, alarms, series


@cache
def sample() -> Document:
    """Return the document of a run that has ended."""
    found = tuple(sorted(executions(), key=lambda each: each.started))
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
        executions=found,
        jobs=tuple(jobs(found)),
        models=tuple(_models()),
        decisions=tuple(_decisions()),
        alarms=tuple(alarms()),
        series=tuple(series()),
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
    first, second, _, stuck = VERSIONS
    quiet, failed = "no alarm in 60 seconds", "the release failed: the rollout is failed: 1 of 2 pods"
    for minutes, by, before, then, reason in (
        (1.3, "register", None, first, quiet),
        (2.95, "register", first, second, quiet),
        (4.9, "release approved-3", stuck, second, failed),
        (5.75, ALARMS[1], second, first, "accuracy 0.71, required 0.80"),
    ):
        promoted = reason == quiet
        yield Decision(
            what="released" if promoted else "rolled-back",
            at=after(minutes),
            by=by,
            from_version=before,
            to_version=then,
            outcome="promoted" if promoted else "rolled_back",
            reason=reason,
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
