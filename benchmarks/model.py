"""Quality, time and memory of the whole run on real files.

python -m benchmarks.model --data DIR                              # all files, and the last nine
python -m benchmarks.model --data DIR --output docs/benchmarks.md  # keep the result between its markers
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import family
from benchmarks.sections import keep
from ml.files import read_json

SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Measured:
    """One run: wall seconds, CPU seconds of all its processes, their greatest resident sum, its evaluation."""

    wall: float
    cpu: float
    peak: int
    evaluation: dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print the section, and write it where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of weekly files")
    parser.add_argument("--work", type=Path, default=Path("out"), help="folder for the work directories")
    parser.add_argument("--output", type=Path, help="Markdown file to keep the section in")
    chosen = parser.parse_args(arguments)
    files = sorted(chosen.data.glob("transactions_*.csv*"))
    if len(files) < 10:
        parser.error(f"{chosen.data} holds {len(files)} weekly files; this needs 10 or more")
    chosen.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chosen.work, prefix="model-") as scratch:
        whole = _measure(files, Path(scratch) / "all", holdout=8)
        recent = _measure(files[-9:], Path(scratch) / "recent", holdout=1)
    section = _section(files, whole, recent)
    print(section)
    if chosen.output:
        keep(chosen.output, "model", section)


def _measure(files: Sequence[Path], workdir: Path, *, holdout: int) -> Measured:
    command = [sys.executable, "-m", "ml.cli", "run", "--workdir", str(workdir), "--holdout-weeks", str(holdout)]
    command += ["--input", *map(str, files)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=sys.stderr)
    watcher = _Watcher(process.pid)
    watcher.start()
    code = process.wait()
    wall = time.perf_counter() - started
    watcher.finish()
    if code:
        raise SystemExit(code)
    [record] = (workdir / "artifacts" / "runs").glob("*/evaluation.json")
    return Measured(wall=wall, cpu=watcher.cpu, peak=watcher.peak, evaluation=read_json(record))


class _Watcher(threading.Thread):
    """Follow a process and its descendants: CPU seconds of all, greatest sum of their resident bytes.

    The kernel adds up only what a process waited for itself, which forked servers' children are not.
    """

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._root = root
        self._seconds: dict[int, float] = {}
        self._done = threading.Event()

    @property
    def cpu(self) -> float:
        """CPU seconds seen so far."""
        return sum(self._seconds.values())

    def run(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self._resident())

    def finish(self) -> None:
        """Stop following."""
        self._done.set()
        self.join()

    def _resident(self) -> int:
        """Return the family's resident bytes; pages they share count more than once."""
        stats = family(self._root)
        self._seconds |= {pid: stat.cpu for pid, stat in stats.items()}
        return sum(stat.resident for stat in stats.values())


def _section(files: Sequence[Path], whole: Measured, recent: Measured) -> str:
    libraries = whole.evaluation["lineage"]["libraries"]
    lines = [
        "## Model quality on real files",
        "",
        (
            f"Command: `make bench-model`. {len(files)} weekly files of dunnhumby's 5,000-customer sample; "
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"XGBoost {libraries['xgboost']}, scikit-learn {libraries['scikit-learn']}, DuckDB {libraries['duckdb']}. "
            "The winner is chosen by cross-validation on the training weeks; the figures are of the hold-out."
        ),
        "",
        "| | all weeks, last 8 held out | last 9 weeks, last one held out | bar |",
        "|---|---|---|---|",
    ]

    def row(title: str, bar: str, show: Any) -> None:
        lines.append(f"| {title} | {show(whole)} | {show(recent)} | {bar} |")

    def winner(run: Measured) -> dict[str, Any]:
        found: dict[str, Any] = next(
            each for each in run.evaluation["candidates"] if each["name"] == run.evaluation["winner"]
        )
        return found

    def interval(value: dict[str, float]) -> str:
        return f"{value['value']:.4f} ({value['low']:.4f}–{value['high']:.4f})"

    row("training / held-out baskets", "", lambda run: _counts(run.evaluation["data"]))
    row("winner", "", lambda run: winner(run)["title"])
    row("accuracy (95 % interval)", "≥ 0.99; ≥ 0.94", lambda run: interval(winner(run)["holdout"]["accuracy"]))
    row("macro F1 (95 % interval)", "≥ 0.99; ≥ 0.94", lambda run: interval(winner(run)["holdout"]["macro_f1"]))
    row("least class precision", "≥ 0.98", lambda run: interval(winner(run)["holdout"]["class_precision_minimum"]))
    row(
        "cross-validated macro F1 (folds' deviation)",
        "",
        lambda run: "{macro_f1_mean:.4f} (± {macro_f1_std:.4f})".format(**winner(run)["cross_validation"]),
    )
    row("wall time", "≤ 15 min", lambda run: f"{run.wall / 60:.1f} min")
    row("CPU time", "", lambda run: f"{run.cpu / 60:.1f} min")
    row("peak memory, all processes", "≤ 6 GB", lambda run: f"{run.peak / 1e9:.2f} GB")
    lines += [
        "",
        "Hold-out accuracy / macro F1 of every candidate, and of the same features without the product encoding:",
        "",
        "| candidate | all weeks | without encoding | last 9 weeks | without encoding |",
        "|---|---|---|---|---|",
    ]
    for name in (each["name"] for each in whole.evaluation["candidates"]):
        cells = [cell for run in (whole, recent) for cell in _pair(run.evaluation, name)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _counts(data: dict[str, Any]) -> str:
    return f"{data['train_baskets']:,} / {data['holdout_baskets']:,}"


def _pair(evaluation: dict[str, Any], name: str) -> tuple[str, str]:
    candidate = next(each for each in evaluation["candidates"] if each["name"] == name)
    plain = candidate["without_encoding"]

    def both(scores: dict[str, Any]) -> str:
        return f"{scores['accuracy']['value']:.4f} / {scores['macro_f1']['value']:.4f}"

    return both(candidate["holdout"]), both(plain["holdout"]) if plain else ""


if __name__ == "__main__":
    main()
