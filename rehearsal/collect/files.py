"""What the rehearsal's processes leave in its folder. A file that is not there yet is nothing to tell."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rehearsal.journal import LOAD, RUN, TIMINGS
from rehearsal.page.document import Act, Job, Load, Outcome, ResourceType, Run, Timing

STORY: Final = "story.json"
JOBS: Final = "jobs.jsonl"
FIDELITY: Final = "fidelity.json"
_JOB_STATUS: Final = {
    "Completed": Outcome.PASSED,
    "Failed": Outcome.FAILED,
    "Stopped": Outcome.STOPPED,
    "InProgress": Outcome.RUNNING,
    "Stopping": Outcome.RUNNING,
}


def run(folder: Path, *, speed: float) -> Run:
    """Return ``run.json``: started, ended, machine, commit, data, versions. Else it begins with its world."""
    found = _json(folder / RUN, None)
    if found is None:
        began = folder / "world.json"
        at = datetime.fromtimestamp(began.stat().st_mtime, UTC) if began.exists() else datetime.now(UTC)
        return Run(started=at, speed=speed)
    return Run.model_validate({"speed": speed, **found})


def acts(folder: Path) -> tuple[Act, ...]:
    """Return the acts of ``story.json``."""
    return tuple(Act.model_validate(each) for each in _json(folder / STORY, []))


def timings(folder: Path) -> tuple[Timing, ...]:
    """Return the steps of ``timings.json``: how long the deployment took."""
    return tuple(Timing.model_validate(each) for each in _json(folder / TIMINGS, []))


def load(folder: Path) -> tuple[Load, ...]:
    """Return the phases of ``load.json``: what became of requests in the background."""
    return tuple(Load.model_validate(each) for each in _json(folder / LOAD, []))


def jobs(folder: Path) -> tuple[Job, ...]:
    """Return the jobs of ``jobs.jsonl``, the emulator's; of a job the last line says how it stands."""
    file = folder / JOBS
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    last: dict[str, dict[str, Any]] = {}
    for line in lines:
        # The last one may be written at this moment.
        if line.endswith("}"):
            found = json.loads(line)
            last[found["name"]] = found
    return tuple(sorted((_job(each) for each in last.values()), key=lambda job: job.started))


def _job(found: dict[str, Any]) -> Job:
    command = found.get("command", "")
    return Job(
        name=found["name"],
        kind=found["kind"],
        role=str(found.get("role") or "").rsplit("/", 1)[-1],
        status=_JOB_STATUS.get(found["status"], Outcome.RUNNING),
        # One that waits for its place has not started yet.
        started=found.get("started") or found["created"],
        ended=found.get("ended"),
        seconds=found.get("seconds"),
        command=" ".join(command) if isinstance(command, list) else str(command or ""),
    )


def types(folder: Path) -> tuple[ResourceType, ...]:
    """Return the resource types of ``fidelity.json``, the emulator's."""
    return tuple(_types(_json(folder / FIDELITY, {}).get("types", {})))


def types_in_words(folder: Path) -> str:
    """Return how many of the resource types are emulated, which are only accepted, and which refused."""
    found: dict[str, list[str]] = {"emulated": [], "accepted": [], "refused": []}
    for each in types(folder):
        found[each.status].append(each.type)
    count = sum(len(names) for names in found.values())
    said = [f"{len(found['emulated'])} of {count} emulated"]
    for how, words in (("accepted", "accepted only"), ("refused", "refused")):
        names = ", ".join(found[how])
        said.append(f"{len(found[how])} {words}{f' ({names})' if names else ''}")
    return f"resource types: {', '.join(said)}"


def _types(found: dict[str, dict[str, Any]]) -> Iterator[ResourceType]:
    for name, each in sorted(found.items()):
        yield ResourceType(
            type=name,
            status=each["how"],
            why=each.get("why", ""),
            unread=tuple(sorted(each.get("unread", ()))),
            count=each.get("resources"),
        )


def _json(file: Path, otherwise: Any) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else otherwise
