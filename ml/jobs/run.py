"""The whole way on one machine: files in, a gated, explained and registered model out.

Every stage leaves its result under its final name only when it is whole, and is skipped where that name is
there: a run that was killed is completed by running it again, and a finished run is not run twice.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

from config.names import ARTIFACTS, GOLD, RAW, RUNS, SILVER, ModelStatus
from ml.data.inputs import collect_inputs, land
from ml.errors import UserError
from ml.evaluation.report import CARD, PAGE
from ml.features.gold_reader import gold_weeks
from ml.features.refine import MANIFESTS
from ml.files import fingerprint, read_json, sha256_of, sweep, write_json
from ml.jobs.encode import encode
from ml.jobs.etl import etl
from ml.jobs.evaluate import EVALUATION, evaluate
from ml.jobs.lineage import dropped_of, inputs_of
from ml.jobs.train import train
from ml.progress import be_quiet, say, stage, track
from ml.registry.local import LocalRegistry
from ml.training.train import TRAINING
from ml.use_case import ModelName, UseCase
from ml.version import code_version

RECORD = "run.json"
# The slowest first, so that the last to finish is not the longest.
_SLOWEST_FIRST: tuple[ModelName, ...] = ("random_forest", "xgboost", "logistic_regression", "decision_tree", "majority")


@dataclass(frozen=True)
class Workdir:
    """The lake's layout below one folder."""

    root: Path

    @property
    def raw(self) -> Path:
        """The files as they came, by week."""
        return self.root / RAW

    @property
    def silver(self) -> Path:
        """Typed, cleaned lines."""
        return self.root / SILVER

    @property
    def gold(self) -> Path:
        """Baskets and products."""
        return self.root / GOLD

    @property
    def artifacts(self) -> Path:
        """Runs, models, registry and validation reports."""
        return self.root / ARTIFACTS


def run(*, inputs: Sequence[Path], workdir: Workdir, use_case: UseCase, threads: int, now: datetime) -> dict[str, Any]:
    """Land, validate, refine, encode, train, evaluate, gate and register; return the run's record.

    Raises:
        UserError: bad input, settings or models; what was finished before stays.

    """
    with _alone(workdir.root):
        with stage("land"):
            landed = land(collect_inputs(inputs), raw=workdir.raw, use_case=use_case)
        with stage("validate, silver, gold"):
            validation = workdir.artifacts / "validation" / _inputs_id(landed)
            etl(inputs=landed, silver=workdir.silver, gold=workdir.gold, reports=validation, use_case=use_case)
        weeks = [read_json(workdir.silver / MANIFESTS / f"{week}.json")["file"] for week in gold_weeks(workdir.gold)]
        identity = _run_id(weeks, use_case)
        folder = workdir.artifacts / RUNS / identity
        if (folder / RECORD).is_file():
            say(f"▸ run {identity} is complete: same data, settings and code")
            finished: dict[str, Any] = read_json(folder / RECORD)
            return finished
        sweep(folder)
        write_json(folder / "use_case.yaml", use_case.model_dump(mode="json"))
        with stage("encode products"):
            if not (folder / "encoders").is_dir():
                encode(gold=workdir.gold, output=folder / "encoders", use_case=use_case, threads=threads)
        with stage("train candidates"):
            _train(folder, workdir.gold, use_case, threads=threads)
        registry = LocalRegistry(workdir.artifacts, use_case)
        with stage("evaluate"):
            evaluation = _evaluate(
                folder, workdir, registry, weeks=weeks, validation=validation, use_case=use_case, threads=threads
            )
        with stage("gate and register"):
            record = _settle(folder, registry, evaluation, now=now)
        write_json(folder / RECORD, record)
        return record


def _train(folder: Path, gold: Path, use_case: UseCase, *, threads: int) -> None:
    """Run the train job of every candidate that has no bundle yet, as separate processes side by side.

    They are forked from a server that has the libraries loaded and no thread running.
    """
    candidates = folder / "candidates"
    missing = [name for name in _SLOWEST_FIRST if name in use_case.candidates and not (candidates / name).is_dir()]
    if not missing:
        return
    context = get_context("forkserver")
    context.set_forkserver_preload(["ml.jobs.train"])
    with ProcessPoolExecutor(min(threads, len(missing)), mp_context=context, initializer=_follow_the_run) as pool:
        jobs = {
            pool.submit(
                train,
                model=name,
                gold=gold,
                encoders=folder / "encoders",
                output=candidates / name,
                use_case=use_case,
                threads=1,
            ): name
            for name in missing
        }
        for job in track(as_completed(jobs), label="train", total=len(jobs)):
            job.result()
            seconds = read_json(candidates / jobs[job] / TRAINING)["seconds"]
            say(f"  {jobs[job]}: trained in {seconds:.0f} s")


def _follow_the_run() -> None:
    """In a training process: leave the progress to the run, and end when it ends, however it ends."""
    be_quiet()
    run_process = parent_process()
    if run_process is None:
        return

    def wait() -> None:
        run_process.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def _evaluate(
    folder: Path,
    workdir: Workdir,
    registry: LocalRegistry,
    *,
    weeks: Sequence[dict[str, Any]],
    validation: Path,
    use_case: UseCase,
    threads: int,
) -> dict[str, Any]:
    if (folder / EVALUATION).is_file():
        finished: dict[str, Any] = read_json(folder / EVALUATION)
        return finished
    champion = registry.champion()
    return evaluate(
        gold=workdir.gold,
        candidates=folder / "candidates",
        champion=registry.bundle(champion) if champion else None,
        encoders=folder / "encoders",
        output=folder,
        use_case=use_case,
        run=folder.name,
        inputs=inputs_of(weeks),
        dropped=dropped_of(weeks),
        links={"Validation of the input": os.path.relpath(validation / "validation.html", folder)},
        threads=threads,
    )


def _settle(folder: Path, registry: LocalRegistry, evaluation: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    """Register the winner if the gate took it; return the run's record either way."""
    decision, winner = evaluation["decision"], evaluation["winner"]
    judged = next(each for each in evaluation["candidates"] if each["name"] == winner)
    metrics = {name: judged["holdout"][name]["value"] for name in ("accuracy", "macro_f1", "class_precision_minimum")}
    if decision["accepted"]:
        registry.register(
            folder / "candidates" / winner,
            attachments={name: folder / name for name in (EVALUATION, PAGE, CARD)},
            facts={"run": evaluation["run"], "metrics": metrics, "lineage": evaluation["lineage"]},
            status=ModelStatus(decision["status"]),
            reason="; ".join(decision["reasons"]),
            now=now,
        )
    return {
        "schema": 1,
        "run": evaluation["run"],
        "use_case": evaluation["use_case"]["name"],
        "accepted": decision["accepted"],
        "status": decision["status"],
        "reasons": decision["reasons"],
        "winner": winner,
        "metrics": metrics,
        "model_version": evaluation["model_version"],
        "champion": registry.champion(),
        "champion_before": (evaluation["champion"] or {}).get("version"),
        "candidates": {
            each["name"]: {
                "accuracy": each["holdout"]["accuracy"]["value"],
                "macro_f1": each["holdout"]["macro_f1"]["value"],
                "without_encoding": (each["without_encoding"] or {})
                .get("holdout", {})
                .get("accuracy", {})
                .get("value"),
            }
            for each in evaluation["candidates"]
        },
        "report": PAGE,
        "finished_at": now.isoformat(timespec="seconds"),
    }


def _headline(candidate: dict[str, Any]) -> dict[str, float | None]:
    plain = candidate["without_encoding"]
    return {
        "accuracy": candidate["holdout"]["accuracy"]["value"],
        "macro_f1": candidate["holdout"]["macro_f1"]["value"],
        "without_encoding": plain["holdout"]["accuracy"]["value"] if plain else None,
    }


def _inputs_id(landed: Sequence[Path]) -> str:
    return fingerprint({path.name: sha256_of(path) for path in landed})[:12]


def _run_id(weeks: Sequence[dict[str, Any]], use_case: UseCase) -> str:
    """Equal data, settings and code give the same run."""
    content = fingerprint(
        {
            "data": {str(week["week"]): week["sha256"] for week in weeks},
            "settings": use_case.settings_fingerprint,
            "code": code_version(),
        }
    )
    return f"{weeks[-1]['week']}-{content[:10]}"


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the work directory's lock; the kernel lets it go when the process ends, however it ends."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read() or "another process"
            raise UserError(f"{root} is in use by {holder}; wait for it, or choose another --workdir") from None
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid()}))
        lock.flush()
        yield
