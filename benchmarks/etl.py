"""ETL of full-size weeks against the tutorial way, careful pandas, Polars and parsing alone.

    python -m benchmarks.etl                                # full size: 1 and 12 weeks of 420,000 baskets
    python -m benchmarks.etl --quick                        # a tenth of it, for a look
    python -m benchmarks.etl --output docs/benchmarks.md    # keep the result between the file's markers

Every run is a process of its own, imports included. Ways take turns, so that a busy moment of the machine
meets all of them; medians count, of memory the most.
"""

import argparse
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.etl_ways import library_version
from benchmarks.measure import Usage, median, run
from benchmarks.sections import keep

FULL_BASKETS = 420_000
TITLES = {
    "tutorial": "tutorial pandas (lambdas)",
    "careful": "careful pandas",
    "polars": "Polars",
    "parsing": "parsing alone",
    "ours": "**our ETL**",
    "ours_reported": "**our ETL + Great Expectations report**",
}
FASTER, DEARER, MOST_BYTES, MORE_MEMORY = 8.0, 4.0, 1.5e9, 1.1


@dataclass(frozen=True)
class Settings:
    """How much is measured."""

    baskets: int
    weeks: int
    repeats: int
    work: Path


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the section, and write it where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.etl", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--baskets", type=int, default=FULL_BASKETS, help="baskets per week")
    parser.add_argument("--weeks", type=int, default=12, help="weeks of the run that shows flat memory")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each way on one week")
    parser.add_argument("--quick", action="store_true", help="a tenth of the baskets, 3 weeks, one run of each")
    parser.add_argument("--work", type=Path, default=Path("out"), help="folder for files in between")
    parser.add_argument("--output", type=Path, help="Markdown file to keep the section in")
    chosen = parser.parse_args(arguments)
    settings = Settings(chosen.baskets, chosen.weeks, chosen.repeats, chosen.work)
    if chosen.quick:
        settings = Settings(FULL_BASKETS // 10, 3, 1, chosen.work)
    section = _section(settings, *_measure(settings))
    print(section)
    if chosen.output:
        keep(chosen.output, "etl", section)


def _measure(settings: Settings) -> tuple[int, dict[str, Usage], Usage]:
    """Return the lines of a week, each way's usage on one week, and ours on all weeks."""
    settings.work.mkdir(parents=True, exist_ok=True)
    ways = [way for way in TITLES if way != "polars" or importlib.util.find_spec("polars")]
    runs: dict[str, list[Usage]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(dir=settings.work, prefix="bench-etl-") as folder:
        files, made = Path(folder) / "weeks", Path(folder) / "made"
        _way("generate", files, [Path(str(settings.baskets))] * settings.weeks)
        weeks = sorted(files.iterdir())
        lines = _lines(weeks[0])
        for number in range(settings.repeats):
            for way in ways:
                output = made / way
                runs[way].append(_way(way, output, weeks[:1]))
                _say(way, runs[way][-1])
                if number == 0:
                    _compare(way, made)
                shutil.rmtree(output / "silver", ignore_errors=True)
        many = _way("ours", made / "many", weeks)
        _say(f"ours, {settings.weeks} weeks", many)
    return lines, {way: median(each) for way, each in runs.items()}, many


def _way(way: str, output: Path, files: Sequence[Path]) -> Usage:
    if output.exists():
        shutil.rmtree(output)
    return run([sys.executable, "-m", "benchmarks.etl_ways", way, str(output), *map(str, files)])


def _compare(way: str, made: Path) -> None:
    """Keep the first way's gold, as lines are compared with it, and fail where another one's differs."""
    gold = sorted((made / way).glob("gold/**/baskets/**/*.parquet")) or sorted((made / way).glob("gold.parquet"))
    if gold:
        shutil.copy(gold[0], made / f"{way}.parquet")
    reference = made / "ours.parquet"
    if reference.exists():
        others = [each for each in made.glob("*.parquet") if each != reference and each.stem != "ours_reported"]
        _way("compare", made / "compared", [reference, *others])


def _lines(file: Path) -> int:
    """Count lines below the header; reading them also brings the file into the page cache."""
    with file.open("rb") as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 22), b"")) - 1


def _say(what: str, usage: Usage) -> None:
    print(f"  {what:<22} {usage.wall:7.2f} s wall {usage.cpu:7.2f} s CPU {usage.peak / 1e6:7,.0f} MB", file=sys.stderr)


def _section(settings: Settings, lines: int, ways: dict[str, Usage], many: Usage) -> str:
    ours, parsing, tutorial = ways["ours"], ways["parsing"], ways["tutorial"]
    rows = [
        f"| {TITLES[way]} | {library_version(way)} | {usage.wall:.1f} | {usage.cpu:.1f} | {usage.peak / 1e6:,.0f} "
        f"| {usage.wall / ours.wall:.2f} | {usage.cpu / parsing.cpu:.2f} |"
        for way, usage in ways.items()
    ]
    rows.append(
        f"| **our ETL, {settings.weeks} weeks** | {library_version('ours')} | {many.wall:.1f} | {many.cpu:.1f} "
        f"| {many.peak / 1e6:,.0f} | {many.wall / ours.wall:.2f} | {many.cpu / parsing.cpu:.2f} |"
    )
    peaks = max(ours.peak, ways["ours_reported"].peak, many.peak)
    bars = [
        (f"wall time at least {FASTER:g}× less than the tutorial way", tutorial.wall / ours.wall, "×", FASTER, True),
        (
            f"CPU at most {DEARER:g}× that of parsing alone (without Great Expectations' sample)",
            ours.cpu / parsing.cpu,
            "×",
            DEARER,
            False,
        ),
        (f"peak memory at most {MOST_BYTES / 1e9:g} GB", peaks / 1e9, " GB", MOST_BYTES / 1e9, False),
        (
            f"peak for {settings.weeks} weeks at most {MORE_MEMORY:g}× that for one",
            many.peak / ours.peak,
            "×",
            MORE_MEMORY,
            False,
        ),
    ]
    command = " ".join(
        [
            "python -m benchmarks.etl",
            *([f"--baskets {settings.baskets}"] if settings.baskets != FULL_BASKETS else []),
            *([f"--weeks {settings.weeks}"] if settings.weeks != 12 else []),
            *([f"--repeats {settings.repeats}"] if settings.repeats != 3 else []),
        ]
    )
    runs = f"medians of {settings.repeats} alternating runs" if settings.repeats > 1 else "one run of each"
    about = (
        f"`{'make bench-etl' if command.endswith('etl') else command}`: a generated week of {lines:,} lines"
        f" ({settings.baskets:,} baskets), {os.cpu_count()} cores, Python {platform.python_version()},"
        f" {runs}, each a process of its own with its imports; memory is the"
        " most of all runs. All ways but parsing write silver by week and region and the same gold baskets"
        " (compared value by value); ours also validates every line, quarantines, hashes and keeps manifests."
    )
    text = [
        "## ETL",
        "",
        about,
        "",
        "| way | on | wall, s | CPU, s | peak, MB | wall ÷ ours | CPU ÷ parsing |",
        "|---|---|---:|---:|---:|---:|---:|",
        *rows,
        "",
        "| bar | measured | |",
        "|---|---:|---|",
        *(
            f"| {name} | {value:.2f}{unit} | {'met' if (value >= limit) == at_least else '**missed**'} |"
            for name, value, unit, limit, at_least in bars
        ),
    ]
    return "\n".join(text)


if __name__ == "__main__":
    main()
