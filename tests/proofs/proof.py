"""What a proof is made on, what it saw, and the table of it."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ml.files import read_json
from ml.version import code_version
from tests.server_process import Server, serving

TRAINED_WEEKS, COMPARED_WEEKS = 9, 14
MLOPS = str(Path(sys.executable).with_name("mlops"))


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    tried: str
    seen: str
    bar: str
    met: bool


@dataclass
class Proof:
    """The bundle to serve, and what was seen so far."""

    lake: Path
    scratch: Path
    rows: list[Row] = field(default_factory=list)

    @property
    def model(self) -> Path:
        champion = read_json(next((self.lake / "artifacts" / "registry").glob("*/champion.json")))["version"]
        return self.lake / "artifacts" / "models" / str(champion)

    @contextmanager
    def server(self, *prefix: str) -> Iterator[Server]:
        """A fresh server on the bundle."""
        command = [*prefix, MLOPS, "serve", "--model", str(self.model)]
        with serving(command) as server:
            yield server

    def saw(self, tried: str, seen: str, bar: str, *, met: bool) -> None:
        self.rows.append(Row(tried, seen, bar, met))
        print(f"{'met   ' if met else 'MISSED'}  {tried}: {seen} (bar: {bar})", flush=True)


def lake_with_champion(lake: Path, files: Sequence[Path]) -> Path:
    """Return a lake with a champion: that of an earlier proof, or one trained now."""
    if any((lake / "artifacts" / "registry").glob("*/champion.json")):
        return lake
    trained = files[-TRAINED_WEEKS - COMPARED_WEEKS : -COMPARED_WEEKS]
    options = ["--holdout-weeks", "1", "--models", "xgboost"]
    if not trained:
        generated = lake.with_name("weeks")
        subprocess.run([MLOPS, "data", "generate", "--weeks", "6", "--output", str(generated)], check=True)
        trained = sorted(generated.iterdir())
    subprocess.run([MLOPS, "run", "--workdir", str(lake), *options, "--input", *map(str, trained)], check=True)
    return lake


def table(proof: Proof, files: Sequence[Path]) -> str:
    """Return the section of the documentation."""
    served = f"trained on {TRAINED_WEEKS} weeks of the sample" if files else "trained on generated weeks"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    rows = [f"| {row.tried} | {row.seen} | {row.bar} | {'met' if row.met else '**missed**'} |" for row in proof.rows]
    return "\n".join(
        [
            "## The service under attack and under change",
            "",
            f"Command: `make prove-serving`. `mlops serve` as a process of its own, over TCP, a model {served};",
            f"{machine}, code {code_version()}; load average {os.getloadavg()[1]:.1f} at the end, other work included.",
            "",
            "| tried | seen | bar | |",
            "|---|---|---|---|",
            *rows,
        ]
    )
