"""CPU per request of the service, against a constant answer and against five named peers with the same model.

    python -m benchmarks.serving --output docs/benchmarks.md   # keep the result between the file's markers
    python -m benchmarks.serving --quick                       # short rounds, for a look

The model is trained once on the last nine weekly files of --data (generated ones where there are none) and kept
below --work. Servers take turns with ours, round by round; medians count.
"""

import argparse
import http.client
import json
import os
import platform
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.sections import keep
from benchmarks.serving import environments, section
from benchmarks.serving.baskets import Basket, of_lines, read_baskets
from benchmarks.serving.contenders import CONSTANT, OWN_WAY, ROOT, WITH_OURS, Contender, ours
from benchmarks.serving.measure import TOLERANCE, OpenLoop, Running, Spread, alternate, compare, open_loop
from benchmarks.serving.model import WEEKS, Model, prepare
from benchmarks.serving.section import BATCH, RATE, Alone, Peer
from benchmarks.serving.server import CONNECTIONS
from ml.data.generate import generate_weeks

LINES = 6
BUSY = 0.5


@dataclass(frozen=True)
class Settings:
    """How much is measured: rounds and their seconds, starts, open-loop tests and their seconds, compared baskets."""

    rounds: int
    seconds: float
    starts: int
    loads: int
    load_seconds: float
    compared: int


FULL = Settings(rounds=5, seconds=2.0, starts=5, loads=3, load_seconds=15.0, compared=20)
QUICK = Settings(rounds=2, seconds=0.5, starts=1, loads=1, load_seconds=3.0, compared=5)


@dataclass(frozen=True)
class Task:
    """What is served, where, and the baskets it is asked."""

    model: Model
    folder: Path
    basket: Basket
    others: Sequence[Basket]
    batch: list[Basket]

    def running(self, contender: Contender, stack: ExitStack, python: str = sys.executable) -> Running:
        """Start ``contender``; it ends with ``stack``."""
        server = stack.enter_context(contender.start(self.model, self.folder, python))
        return Running(contender, server, contender.encoded(self.basket))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the section, and write it where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of weekly files; without one they are generated")
    parser.add_argument(
        "--work", type=Path, default=Path("out/bench-serving"), help="folder of the model and the servers' logs"
    )
    parser.add_argument("--peers", help="names, comma-separated; all by default, '' for none")
    parser.add_argument("--quick", action="store_true", help="short rounds: for a look, not for figures")
    parser.add_argument("--output", type=Path, help="Markdown file to keep the section in")
    chosen = parser.parse_args(arguments)
    settings = QUICK if chosen.quick else FULL
    # Ended by a signal, it still ends the servers that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    files = sorted(chosen.data.glob("transactions_*.csv*"))[-WEEKS:] if chosen.data else []
    work = chosen.work / ("given" if files else "generated")
    files = files or _generated(work / "weeks")
    model = prepare(work, files)
    task = _task(model, files[-1], chosen.work / "servers")
    names = None if chosen.peers is None else set(chosen.peers.split(","))
    load = warn_if_busy()
    with ExitStack() as stack:
        service = task.running(ours(model.bundle), stack)
        alone = _alone(task, service, settings)
        own_way, with_ours = (
            [_peer(task, service, each, settings, ROOT) for each in group if names is None or each.peer in names]
            for group in (OWN_WAY, WITH_OURS)
        )
    text = section.section(
        about=_about(settings, model, load, work.name), alone=alone, own_way=own_way, with_ours=with_ours
    )
    print(text)
    if chosen.output:
        keep(chosen.output, "serving", text)


def warn_if_busy() -> float:
    """Return the load average of the last minute; say so where it is too high for figures that count."""
    load = os.getloadavg()[0]
    if load > BUSY:
        _say(f"WARNING: the machine is busy (load {load:.1f}): ratios may be off, and absolute figures will be")
    return load


def _generated(folder: Path) -> list[Path]:
    """Return generated weekly files, made once."""
    if not folder.is_dir():
        _say("no weekly files: generating some")
        generate_weeks(weeks=WEEKS, baskets_per_week=4_000, seed=7, output=folder)
    return sorted(folder.glob("transactions_*.csv*"))


def _task(model: Model, file: Path, folder: Path) -> Task:
    baskets = read_baskets(file, limit=2 * BATCH)
    # A tensor of texts has no place for a missing one, and every peer shall get the same.
    complete = [each for each in baskets if None not in each.values()]
    return Task(model, folder, of_lines(complete, LINES), complete, baskets[:BATCH])


def _alone(task: Task, service: Running, settings: Settings) -> Alone:
    starts = []
    for _ in range(settings.starts):
        with ExitStack() as stack:
            again = Contender("start", "start", service.contender.command)
            starts.append(task.running(again, stack).server.start_seconds)
    _say(f"start: {starts}")
    with ExitStack() as stack:
        constant = task.running(CONSTANT, stack)
        rounds = alternate(service, constant, rounds=settings.rounds, seconds=settings.seconds)
        _say(f"ours {rounds.ours.median:.3f} ms, constant {rounds.other.median:.3f} ms of CPU per request")
        loads: list[OpenLoop] = []
        constant_loads: list[OpenLoop] = []
        for _ in range(settings.loads):
            for running, kept in ((service, loads), (constant, constant_loads)):
                kept.append(open_loop(running, task.folder, rate=RATE, seconds=settings.load_seconds))
                _say(f"{running.contender.name} at {RATE}/s: {kept[-1]}")
    many = Running(service.contender, service.server, json.dumps(task.batch).encode())
    many.load(settings.seconds)
    batches = [many.load(settings.seconds) for _ in range(settings.rounds)]
    batch = Spread.of([BATCH * each.requests / each.cpu for each in batches])
    _say(f"{batch.median:,.0f} baskets/s per core in batches")
    resident, proportional = service.server.memory()
    return Alone(rounds, loads, constant_loads, batch, Spread.of(starts), resident / 1e6, proportional / 1e6)


def _peer(task: Task, service: Running, contender: Contender, settings: Settings, root: Path) -> Peer:
    """Measure one peer in turn with ours; a peer that cannot be had or started is named, and the others go on."""
    versions = contender.peer
    try:
        environment = environments.build(contender.peer, root)
        versions = environment.versions
        with ExitStack() as stack:
            running = task.running(contender, stack, str(environment.python))
            gap = compare(service, running, task.others[: settings.compared])
            rounds = alternate(service, running, rounds=settings.rounds, seconds=settings.seconds)
            _, proportional = running.server.memory()
            _say(
                f"{contender.name}: {rounds.other.median:.2f} ms, {rounds.ratio.median:.1f}× ours;"
                f" answers differ by {gap:.1g}"
            )
            return Peer(contender.title, versions, rounds, running.server.start_seconds, proportional / 1e6)
    except (RuntimeError, OSError, http.client.HTTPException, LookupError, TypeError, ValueError) as error:
        _say(f"{contender.name}: NOT MEASURED: {error}")
        return Peer(contender.title, versions, failure=(str(error).splitlines() or [type(error).__name__])[-1][:120])


def _about(settings: Settings, model: Model, load: float, kind: str) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "fastapi", "onnxruntime", "numpy"))
    return (
        f"`make bench-serving`: {os.cpu_count()} cores shared with the client, load average {load:.1f} at the start,"
        f" Python {platform.python_version()}, {libraries}; XGBoost trained on {len(model.weeks)} {kind} weeks"
        f" ({model.weeks[0]} to {model.weeks[-1]}). Every server runs one worker, access logs off, OMP_NUM_THREADS=1,"
        f" and gets the same {LINES}-line basket in its own natural body, a packet per request, one request at a"
        f" time over each of {CONNECTIONS} connections. CPU is user and system time of the server's whole process tree."
        " Each is measured in turn with"
        f" ours, {settings.rounds} rounds of {settings.seconds:g} s; shown are medians (least–most), ratios taken round"
        f" by round. Before, its answers to {settings.compared} baskets are compared with ours: same class,"
        f" probabilities within {TOLERANCE:g}. Constant answer: a FastAPI `@app.post` that reads the body and returns"
        " a dict, on our own server's settings. Peers hold the XGBoost model that the bundle was exported from (fitted"
        f" again with the same seed; it differs from the ONNX by {model.gap:.1g}) behind features in pandas, one"
        " scikit-learn pipeline."
    )


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
