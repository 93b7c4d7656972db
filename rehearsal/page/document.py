"""All that the page shows, as one JSON document. Times are UTC, durations seconds; what is not known yet is None."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from config.frozen import Frozen


class Outcome(StrEnum):
    """How something went: the words of acts, executions, visits of states and jobs alike."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    CAUGHT = "caught"
    FAILED = "failed"
    STOPPED = "stopped"


class Link(Frozen):
    """A link: to a file beside the page, or to an id of the page."""

    text: str
    href: str


class Run(Frozen):
    """The rehearsal itself: when, on what machine, of which code and data. Waits took a ``speed``-th of their time."""

    started: AwareDatetime
    ended: AwareDatetime | None = None
    speed: float
    machine: str = ""
    commit: str = ""
    data: str = ""
    versions: dict[str, str] = Field(default_factory=dict)


class Act(Frozen):
    """A part of the story: what it did, what it expected, and what came of it."""

    name: str
    title: str
    does: str = ""
    expects: str = ""
    status: Outcome = Outcome.WAITING
    started: AwareDatetime | None = None
    ended: AwareDatetime | None = None
    notes: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


class Timing(Frozen):
    """A step of the deployment (synth, bootstrap, a stack's deployment, destroy) and how long it took."""

    step: str
    started: AwareDatetime | None = None
    seconds: float
    detail: str = ""


class Node(Frozen):
    """A state in a drawing: its box in pixels, and the inner part's where it is a Map."""

    id: str
    kind: str
    comment: str = ""
    detail: str = ""
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    inside: str | None = None


class Edge(Frozen):
    """A transition in a drawing, as the ``d`` of an SVG path."""

    source: str
    target: str
    kind: Literal["next", "choice", "catch"]
    label: str = ""
    path: str


class Graph(Frozen):
    """The drawing of a state machine: boxes and lines in pixels."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Machine(Frozen):
    """A state machine."""

    name: str
    arn: str
    comment: str = ""
    graph: Graph


class Failure(Frozen):
    """A try that failed."""

    at: AwareDatetime
    error: str
    cause: str


class Visit(Frozen):
    """A state that an execution came through. ``iteration`` is the Map item's index, where it is inside of a Map."""

    state: str
    entered: AwareDatetime
    exited: AwareDatetime | None = None
    outcome: Outcome
    tries: int = 0
    failures: tuple[Failure, ...] = ()
    iteration: int | None = None
    input: str = ""
    output: str = ""


class Execution(Frozen):
    """An execution, as its history tells it."""

    machine: str
    name: str
    arn: str
    status: Outcome
    aws_status: str
    started: AwareDatetime
    ended: AwareDatetime | None = None
    input: str = ""
    output: str = ""
    error: str = ""
    cause: str = ""
    visits: tuple[Visit, ...] = ()


class Job(Frozen):
    """A SageMaker job: a subprocess with its own role."""

    name: str
    kind: str
    role: str = ""
    status: Outcome
    started: AwareDatetime
    ended: AwareDatetime | None = None
    seconds: float | None = None
    command: str = ""


class Model(Frozen):
    """A version in the registry: its figures on the held-out rows, and when it served."""

    version: str
    package: str = ""
    candidate: str = ""
    run: str = ""
    status: str
    reason: str = ""
    created: AwareDatetime
    metrics: dict[str, float] = Field(default_factory=dict)
    champion: bool = False


class Decision(Frozen):
    """An outcome of the lake's audit records: a release or a roll-back."""

    what: Literal["released", "rolled-back"]
    at: AwareDatetime
    by: str
    from_version: str | None = None
    to_version: str | None = None
    outcome: str
    reason: str


class Change(Frozen):
    """An alarm's change of state."""

    at: AwareDatetime
    state: str
    reason: str = ""


class Watched(Frozen):
    """One metric that an alarm looks at: the key of its series, or an expression over those before it."""

    name: str
    series: str | None = None
    expression: str = ""


class Alarm(Frozen):
    """An alarm: what it says of itself, and each state that it was in."""

    name: str
    kind: Literal["metric", "composite"]
    description: str = ""
    rule: str = ""
    threshold: float | None = None
    below: bool = False
    state: str
    actions: bool = False
    watches: tuple[Watched, ...] = ()
    changes: tuple[Change, ...] = ()


class Series(Frozen):
    """A metric over time: ``points`` are (time, value)."""

    key: str
    namespace: str
    name: str
    dimensions: dict[str, str] = Field(default_factory=dict)
    statistic: str
    points: tuple[tuple[AwareDatetime, float], ...]


class ResourceType(Frozen):
    """A CloudFormation type that the templates use, and how faithfully it was emulated.

    ``unread`` are the properties that templates set and the emulator never looked at.
    """

    type: str
    status: Literal["emulated", "accepted", "refused"]
    why: str = ""
    unread: tuple[str, ...] = ()
    count: int | None = None


class Report(Frozen):
    """A page that a job wrote, copied beside this one."""

    title: str
    kind: Literal["validation", "evaluation", "monitoring"]
    about: str
    href: str
    at: AwareDatetime


class Load(Frozen):
    """Requests that were sent all the time: a phase of it, with what was answered."""

    name: str
    started: AwareDatetime
    ended: AwareDatetime | None = None
    requests: int
    failures: int
    p95_ms: float | None = None
    failed_at: tuple[AwareDatetime, ...] = ()


class Document(Frozen):
    """A rehearsal. ``faults`` are what could not be read, in words."""

    run: Run
    acts: tuple[Act, ...] = ()
    timings: tuple[Timing, ...] = ()
    machines: tuple[Machine, ...] = ()
    executions: tuple[Execution, ...] = ()
    jobs: tuple[Job, ...] = ()
    models: tuple[Model, ...] = ()
    decisions: tuple[Decision, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    series: tuple[Series, ...] = ()
    types: tuple[ResourceType, ...] = ()
    reports: tuple[Report, ...] = ()
    load: tuple[Load, ...] = ()
    faults: tuple[str, ...] = ()

    def as_json(self) -> Any:
        """Return the document as what JSON knows."""
        return self.model_dump(mode="json")
