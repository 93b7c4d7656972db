"""Jobs as subprocesses: a role's session, data in, the image's program, data out, and what became of it."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from rehearsal.emulator.roles import Credentials
from rehearsal.emulator.sagemaker.container import REASON, Container, ImageError
from rehearsal.emulator.sagemaker.events import emit
from rehearsal.emulator.sagemaker.journal import JobLog, note
from rehearsal.emulator.sagemaker.state import Item, State, now
from rehearsal.emulator.sagemaker.transfer import Mirror, TransferError
from rehearsal.emulator.settings import Settings
from rehearsal.forked import Forked
from rehearsal.processes import start

LOG: Final = logging.getLogger("sagemaker")
_LOOK_SECONDS: Final = 0.05
_SYNC_SECONDS: Final = 1.0
# From SIGTERM to SIGKILL; SageMaker gives 120.
_GRACE_SECONDS: Final = 30.0
# A machine of its own each has a job in AWS; here as many run at a time as there are processors.
_AT_ONCE: Final = os.cpu_count() or 2


class Program(Protocol):
    """What runs: a `subprocess.Popen`, or what is like one. Its process group has its number."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit code, or the signal's number below zero; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended; TimeoutExpired where it has not in time."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a kind of job runs: its command, variables, limit, and the folders that go to S3 meanwhile."""

    command: list[str]
    variables: dict[str, str]
    seconds: float
    mirrors: Sequence[Mirror]


@dataclass(frozen=True)
class End:
    """How a program ended: its code, or why it was ended (``stopped``, ``too long``)."""

    code: int
    why: str = ""

    @property
    def exit_code(self) -> int:
        """The code as a shell and a container say it: 128 and the signal's number for one that was killed."""
        return self.code if self.code >= 0 else 128 - self.code


@dataclass
class Run:
    """A job that was begun."""

    kind: str
    job: Item
    credentials: Credentials
    state: State
    settings: Settings
    stop: threading.Event
    started: float | None = None
    process: Program | None = None
    command: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.name: str = self.job[f"{self.kind}JobName"]
        self.folder = self.settings.folder / "jobs" / self.name
        self.s3: Any = self.state.front.client("s3", self.credentials, attempts=8)
        logs = self.state.front.client("logs", self.credentials)
        group = f"/aws/sagemaker/{self.kind}Jobs"
        self.log_file = self.folder / "log.txt"
        self.log = JobLog(logs, group=group, stream=f"{self.name}/algo-1-{int(time.time())}", path=self.log_file)

    @property
    def reach(self) -> dict[str, str]:
        """The variables by which a program that has a network reaches AWS, as the job's role."""
        return {**self.state.front.place, **self.credentials.environment}

    @property
    def status(self) -> str:
        """The job's status."""
        return str(self.job[f"{self.kind}JobStatus"])

    def tell(self, status: str | None = None, **facts: Any) -> None:
        """Change the job, and tell of it: in the journal, and by an event."""
        with self.state.lock:
            self.job.update(facts)
            self.job["LastModifiedTime"] = now()
            if status is not None:
                self.job[f"{self.kind}JobStatus"] = status
            detail = dict(self.job)
        self.note()
        emit(self.state, f"{self.kind} Job", detail, arn=detail[f"{self.kind}JobArn"])

    def fail(self, reason: str, **facts: Any) -> None:
        """End the job as failed, with the reason as far as SageMaker shows it."""
        if self.kind == "Training":
            facts = {"SecondaryStatus": "Failed", **facts}
        self.end("Failed", FailureReason=reason[:REASON], **facts)

    def end(self, status: str, **facts: Any) -> None:
        """End the job."""
        self.tell(status, **{f"{self.kind}EndTime": now()}, **facts)

    def note(self) -> None:
        """Write down how it stands."""
        ended = self.job.get(f"{self.kind}EndTime")
        entry = {
            "name": self.name,
            "kind": self.kind,
            "role": self.job["RoleArn"],
            "created": self.job["CreationTime"],
            "started": self.started,
            "ended": ended,
            "seconds": round(ended - self.started, 3) if ended and self.started else None,
            "status": self.status,
            "secondary": self.job.get("SecondaryStatus"),
            "failure": self.job.get("FailureReason"),
            "pid": self.process.pid if self.process is not None and self.process.poll() is None else None,
            "command": list(self.command),
            "log": str(self.log_file),
        }
        note(self.settings.folder, entry)

    def execute(self, work: Work) -> End:
        """Run the program to its end, its time limit or a stop; meanwhile its log and its mirrors are sent.

        Raises:
            TransferError: a mirror could not be sent.
            ImageError: there is no such program.

        """
        self.command = work.command
        try:
            # By the thread that waits for it: the program ends when that thread does.
            self.process = self._begin(work)
        except OSError as error:
            raise ImageError(f"ClientError: {work.command[0]}: {error.strerror}") from error
        self.note()
        try:
            why = self._wait(self.process, work)
        finally:
            _end(self.process)
        for mirror in work.mirrors:
            mirror.send(self.s3, all_of_it=True)
        self.log.send(ended=True)
        return End(self.process.wait(), why)

    def _begin(self, work: Work) -> Program:
        settings, place = self.settings, {"log": self.log_file, "environment": work.variables, "cwd": self.folder}
        if settings.entry and work.command[0] == str(settings.program):
            return Forked(settings.entry, work.command, **place)
        return start(work.command, **place)

    def _wait(self, process: Program, work: Work) -> str:
        until, synced = time.monotonic() + work.seconds, time.monotonic()
        while process.poll() is None:
            if self.stop.is_set():
                return "stopped"
            if time.monotonic() > until:
                return "too long"
            if time.monotonic() - synced > _SYNC_SECONDS:
                for mirror in work.mirrors:
                    mirror.send(self.s3, all_of_it=False)
                self.log.send()
                synced = time.monotonic()
            self.stop.wait(_LOOK_SECONDS)
        return ""


class Runner:
    """Runs jobs, each in a thread of its own, so many at a time."""

    def __init__(self, state: State, settings: Settings, kinds: Mapping[str, Callable[[Run], None]]) -> None:
        self._state = state
        self._settings = settings
        self._kinds = kinds
        self._slots = threading.Semaphore(_AT_ONCE)
        self._stops: dict[tuple[str, str], threading.Event] = {}

    def begin(self, kind: str, name: str, credentials: Credentials) -> None:
        """Run the job of that name, which has just been made."""
        self._stops[kind, name] = threading.Event()
        arguments = (kind, name, credentials)
        threading.Thread(target=self._run, args=arguments, name=f"job {name}", daemon=True).start()

    def stop(self, kind: str, name: str) -> None:
        """Have a job end soon."""
        self._stops[kind, name].set()

    def _run(self, kind: str, name: str, credentials: Credentials) -> None:
        run = Run(
            kind=kind,
            job=self._state.jobs[kind][name],
            credentials=credentials,
            state=self._state,
            settings=self._settings,
            stop=self._stops[kind, name],
        )
        run.note()
        with self._slots:
            run.started = now()
            try:
                self._kinds[kind](run)
            except (TransferError, ImageError) as error:
                run.fail(str(error))
            except Exception as error:
                LOG.exception("%s job %s", kind, name)
                run.fail(f"InternalServerError: {error!r}")
            finally:
                Container.remove(run.folder)


def _end(process: Program) -> None:
    """End a program and all that it started: ours is the only group they are in."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
