"""How soon monitoring notices a worse model or shifted traffic, and how often it cries wolf; on real weeks.

python -m benchmarks.detection --data DIR                              # print the section
python -m benchmarks.detection --data DIR --output docs/benchmarks.md  # keep it, and its chart beside it
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.detection_worlds import (
    SeenWeek,
    Version,
    draw,
    first,
    in_group,
    renamed,
    train,
    weeks_of,
    weighted,
)
from benchmarks.sections import keep
from config.monitoring import Answer, Check
from config.names import GOLD
from ml.evaluation.confusion import confusion_matrix, rates
from ml.features.baskets import Baskets
from ml.features.gold_reader import load_gold
from ml.files import new_file
from ml.jobs.etl import etl
from ml.monitoring.counts import WeekCounts
from ml.monitoring.judge import INPUT_DRIFT, PREDICTION_DRIFT, UNSEEN_PRODUCTS, Known, drift, quality, worst
from ml.progress import stage, track
from ml.reports.figures import MUTED, PALETTE
from ml.training.split import labelled
from ml.use_case import UseCase, load_use_case

TRAIN_WEEKS, HEALTHY_WEEKS = 8, 8
BASKETS = (100, 250, 500, 1_000, 4_000)
HEALTHY = 1_000
RUN_WEEKS = 25
RUNS, PATIENCE = 40, 12
MARGINS = (0.0, 0.0025, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.02, 0.03)
MINIMA = (100, 200, 400, 800)
CHART = "detection.png"
ANSWERS = ("accuracy", "macro_f1", INPUT_DRIFT, PREDICTION_DRIFT, UNSEEN_PRODUCTS, "quality", "drift")


@dataclass(frozen=True)
class World:
    """A version's weeks after something happened, what is known of it, and the same version's weeks before."""

    name: str
    weeks: Sequence[SeenWeek]
    known: Known
    before: Sequence[SeenWeek] = ()

    @property
    def accuracy(self) -> float:
        """The accuracy over all weeks."""
        return float(np.mean([week.accuracy for week in self.weeks]))


@dataclass(frozen=True)
class Delay:
    """Weeks of labels until the alarm in each run; PATIENCE + 1 where there was none."""

    baskets: int
    weeks: NDArray[np.int64]

    def at(self, share: float) -> str:
        """Return the baskets by which ``share`` of the runs had raised the alarm."""
        weeks = int(np.quantile(self.weeks, share, method="higher"))
        return "–" if weeks > PATIENCE else f"{weeks * self.baskets:,}"


@dataclass(frozen=True)
class Findings:
    """All that was measured: ``wolf`` by baskets a week, ``margins`` by minimum too, ``delays`` by world and answer."""

    healthy: World
    worlds: Sequence[World]
    promised: dict[str, float]
    wolf: dict[int, dict[str, int]]
    margins: dict[int, dict[int, list[float]]]
    delays: dict[str, dict[str, list[Delay]]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print the section, and write it where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of weekly files")
    parser.add_argument("--work", type=Path, default=Path("out"), help="folder for the work directory")
    parser.add_argument("--output", type=Path, help="Markdown file to keep the section in; the chart goes beside it")
    chosen = parser.parse_args(arguments)
    files = sorted(chosen.data.glob("transactions_*.csv*"))[-(TRAIN_WEEKS + 1 + HEALTHY_WEEKS) :]
    if len(files) < TRAIN_WEEKS + 1 + HEALTHY_WEEKS:
        parser.error(f"{chosen.data} holds {len(files)} weekly files; this needs {TRAIN_WEEKS + 1 + HEALTHY_WEEKS}")
    use_case = load_use_case("price_sensitivity")
    chosen.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chosen.work, prefix="detection-") as scratch:
        healthy, worlds, promised = _worlds(files, Path(scratch), use_case)
    found = Findings(
        healthy=healthy,
        worlds=worlds,
        promised=promised,
        wolf=_false_alarms(healthy, use_case),
        margins={minimum: _margins(healthy, promised, use_case, minimum) for minimum in MINIMA},
        delays={world.name: _delays(world, use_case) for world in track(worlds, label="detect")},
    )
    section = _section(found, files, use_case)
    print(section)
    if chosen.output:
        keep(chosen.output, "detection", section)
        with new_file(chosen.output.parent / CHART) as temporary:
            _chart(found, use_case).savefig(temporary, format="png", dpi=160, metadata={"Software": None})


def _worlds(files: Sequence[Path], scratch: Path, use_case: UseCase) -> tuple[World, list[World], dict[str, float]]:
    """Return the healthy version, what may happen to it, and its hold-out figures."""
    with stage("ETL"):
        done = etl(
            inputs=list(files),
            silver=scratch / "silver",
            gold=scratch / GOLD,
            reports=scratch / "reports",
            use_case=use_case,
        )
    gold = scratch / GOLD
    learnt = labelled(load_gold(gold, use_case, weeks=done.weeks[:TRAIN_WEEKS])).baskets
    held_out, *weeks = weeks_of(gold, use_case, done.weeks[TRAIN_WEEKS:])
    with stage("train the champion"):
        champion = train(learnt, use_case)
    shown = champion.see(held_out)
    figures = rates(confusion_matrix(shown.labels, shown.predicted, classes=len(use_case.label.words)))
    promised = {"accuracy": float(figures.accuracy), "macro_f1": float(figures.macro_f1)}

    def world(name: str, version: Version, seen: Sequence[SeenWeek], before: Sequence[SeenWeek] = ()) -> World:
        return World(name, seen, Known(promised, version.reference), before)

    healthy = world("healthy", champion, [champion.see(week) for week in weeks])
    found = []
    for share in (0.02, 0.025, 0.03, 0.04, 0.05, 0.1, 0.2, 1.0):
        worse = champion.with_shuffled(share, seed=3)
        found.append(world(f"{100 * share:g} % of the products shuffled", worse, [worse.see(week) for week in weeks]))
    for rows in (1_000, 3_000, 10_000):
        with stage(f"train on {rows:,} baskets"):
            weak = train(first(learnt, rows, seed=5), use_case)
        found.append(world(f"trained on {rows:,} baskets", weak, [weak.see(week) for week in weeks]))
    for name, see in _shifts(champion):
        found.append(world(name, champion, [see(week) for week in weeks], before=healthy.weeks))
    return healthy, found, promised


def _shifts(champion: Version) -> Iterator[tuple[str, Callable[[Baskets], SeenWeek]]]:
    """Yield kinds of traffic that the champion has not learnt from."""

    def region(week: Baskets, factor: float) -> SeenWeek:
        return champion.see(week, weighted(week.categories["store_region"] == "E02", factor))

    def group(week: Baskets, factor: float) -> SeenWeek:
        level = "prod_code_30"
        codes, counts = np.unique(week.catalogue[level][week.line_products], return_counts=True)
        rarer = codes[np.argsort(-counts)[len(codes) // 3]]
        return champion.see(week, weighted(in_group(week, level, str(rarer)), factor))

    def new(week: Baskets, share: float) -> SeenWeek:
        return champion.see(renamed(week, share, seed=7))

    for factor in (3.0, 10.0):
        yield f"region E02 × {factor:g}", partial(region, factor=factor)
        yield f"baskets with a rarer product group × {factor:g}", partial(group, factor=factor)
    for share in (0.05, 0.1, 0.3):
        yield f"{100 * share:g} % of the products new", partial(new, share=share)


def _sizes(world: World) -> list[int]:
    assert world.known.reference is not None
    return [feature.size for feature in world.known.reference.features]


def _draws(weeks: Sequence[SeenWeek], baskets: int, sizes: Sequence[int], seed: int) -> Iterator[WeekCounts]:
    """Yield weeks without end, drawn from real ones in order from a random one on."""
    rng = np.random.default_rng(seed)
    start = int(rng.integers(len(weeks)))
    place = 0
    while True:
        yield draw(weeks[(start + place) % len(weeks)], place, baskets, sizes, rng)
        place += 1


def _false_alarms(healthy: World, use_case: UseCase) -> dict[int, dict[str, int]]:
    """Return by baskets a week how many of ``HEALTHY`` healthy weeks each check called worse."""
    found: dict[int, dict[str, int]] = {}
    sizes = _sizes(healthy)
    for baskets in track(BASKETS, label="healthy weeks"):
        counts: dict[str, int] = {}
        for run in range(HEALTHY // RUN_WEEKS):
            weeks: list[WeekCounts] = []
            for week in _draws(healthy.weeks, baskets, sizes, seed=1_000 * baskets + run):
                weeks.append(week)
                for name, answer in _answers(weeks, healthy.known, use_case).items():
                    counts[name] = counts.get(name, 0) + (answer == Answer.WORSE)
                if len(weeks) == RUN_WEEKS:
                    break
        found[baskets] = counts
    return found


def _drift(weeks: Sequence[WeekCounts], known: Known, use_case: UseCase) -> tuple[Check, ...]:
    return drift(weeks, known, use_case)[0]


CHECKS: dict[str, Callable[[Sequence[WeekCounts], Known, UseCase], tuple[Check, ...]]] = {
    "quality": quality,
    "drift": _drift,
}


def _answers(weeks: Sequence[WeekCounts], known: Known, use_case: UseCase) -> dict[str, Answer]:
    judged, moved = quality(weeks, known, use_case), _drift(weeks, known, use_case)
    single: dict[str, Answer] = {check.name: check.answer for check in (*judged, *moved)}
    return {**single, "quality": worst(judged), "drift": worst(moved)}


def _delays(world: World, use_case: UseCase) -> dict[str, list[Delay]]:
    """Return for quality and drift the delays of ``RUNS`` runs by baskets a week."""
    found: dict[str, list[Delay]] = {"quality": [], "drift": []}
    sizes = _sizes(world)
    for baskets in BASKETS:
        first_alarm = {name: np.full(RUNS, PATIENCE + 1) for name in found}
        for run in range(RUNS):
            weeks: list[WeekCounts] = []
            # A version that has served well before its traffic shifts has healthy weeks to look back on.
            for week in _draws(world.before, baskets, sizes, seed=run) if world.before else ():
                weeks.append(week)
                if len(weeks) == use_case.monitoring.most_weeks:
                    break
            earlier = len(weeks)
            for week in _draws(world.weeks, baskets, sizes, seed=7_000 * baskets + run):
                weeks.append(week)
                after = len(weeks) - earlier
                for name, alarms in first_alarm.items():
                    if alarms[run] > PATIENCE and worst(CHECKS[name](weeks, world.known, use_case)) == Answer.WORSE:
                        alarms[run] = after
                if after == PATIENCE or all(alarms[run] <= PATIENCE for alarms in first_alarm.values()):
                    break
        for name, alarms in first_alarm.items():
            found[name].append(Delay(baskets, alarms))
    return found


def _margins(healthy: World, promised: dict[str, float], use_case: UseCase, minimum: int) -> dict[int, list[float]]:
    """Return by baskets a week the share of healthy weeks that each of ``MARGINS`` would call worse."""
    chosen = use_case.model_copy(
        update={"monitoring": use_case.monitoring.model_copy(update={"minimum_baskets": minimum})}
    )
    found: dict[int, list[float]] = {}
    for baskets in track(BASKETS, label=f"margins, minimum {minimum}"):
        pairs: list[tuple[Check, Check]] = []
        for run in range(HEALTHY // RUN_WEEKS):
            weeks: list[WeekCounts] = []
            for week in _draws(healthy.weeks, baskets, (), seed=2_000 * baskets + run):
                weeks.append(week)
                pairs.append(quality(weeks, healthy.known, chosen))
                if len(weeks) == RUN_WEEKS:
                    break
        found[baskets] = [
            float(np.mean([any(_below(check, promised[check.name] - margin) for check in pair) for pair in pairs]))
            for margin in MARGINS
        ]
    return found


def _below(check: Check, limit: float) -> bool:
    return check.answer != Answer.NOT_ENOUGH_DATA and check.high is not None and check.high < limit


def _section(found: Findings, files: Sequence[Path], use_case: UseCase) -> str:
    parts = (_heading(found, files, use_case), _wolf_table(found), _margin_table(found), _delay_table(found))
    return "\n\n".join("\n".join(part) for part in parts)


def _heading(found: Findings, files: Sequence[Path], use_case: UseCase) -> list[str]:
    settings = ", ".join(f"`{name}` {value:g}" for name, value in use_case.monitoring.model_dump().items())
    setting = (
        f"Command: `make bench-detection`. Real weeks {files[0].name[13:19]} to {files[-1].name[13:19]}: trained on "
        f"the first {TRAIN_WEEKS}, the next one is the hold-out (accuracy {found.promised['accuracy']:.4f}, macro F1 "
        f"{found.promised['macro_f1']:.4f}), the last {HEALTHY_WEEKS} are drawn from, basket by basket with "
        f"replacement. Labels come a week late. The decision is the product's own code at its defaults: {settings}."
    )
    return [
        "## Detection: a worse model, shifted traffic, and false alarms",
        "",
        setting,
        "",
        f"![Healthy weeks called worse by margin, and labelled baskets until the alarm]({CHART})",
    ]


def _wolf_table(found: Findings) -> list[str]:
    accuracies = [week.accuracy for week in found.healthy.weeks]
    said = (
        f"**False alarms** in {HEALTHY:,} healthy weeks (bar: at most {HEALTHY // 200}). The model's accuracy in the "
        f"real weeks that they are drawn from is {min(accuracies):.4f} to {max(accuracies):.4f}."
    )
    heads = " | ".join(name.replace("_", " ") for name in ANSWERS)
    rows = [f"| {baskets:,} | {' | '.join(str(n[name]) for name in ANSWERS)} |" for baskets, n in found.wolf.items()]
    return [said, "", f"| baskets a week | {heads} |", "|---:|" + "---:|" * len(ANSWERS), *rows]


def _margin_table(found: Findings) -> list[str]:
    said = f"The same for other settings: quality's false alarms in {HEALTHY:,} weeks, the most at any traffic."
    rows = [
        f"| {minimum} | "
        + " | ".join(str(round(HEALTHY * max(shares))) for shares in zip(*by.values(), strict=True))
        + " |"
        for minimum, by in found.margins.items()
    ]
    heads = " | ".join(f"{margin:g}" for margin in MARGINS)
    return [said, "", f"| minimum baskets \\ max drop | {heads} |", "|---:|" + "---:|" * len(MARGINS), *rows]


def _delay_table(found: Findings) -> list[str]:
    said = (
        f"**Baskets until the alarm**: the median of {RUNS} runs / by when 90 % of them had it; – where not within "
        f"{PATIENCE} weeks. Looks are weekly, so none comes before a week's baskets. Quality counts labelled baskets: "
        "one more week of them is served while the labels are on their way. Drift needs no labels. A model trained on "
        "too little is held to the champion's figure."
    )
    heads = " | ".join(f"{baskets:,} a week" for baskets in BASKETS)
    rows = [
        f"| {world.name} | {world.accuracy:.4f} | {name} | "
        + " | ".join(f"{delay.at(0.5)} / {delay.at(0.9)}" for delay in found.delays[world.name][name])
        + " |"
        for world in found.worlds
        for name in ("quality", "drift")
    ]
    return [
        said,
        "",
        f"| what happened | accuracy | answer | {heads} |",
        "|---|---:|---|" + "---:|" * len(BASKETS),
        *rows,
    ]


def _chart(found: Findings, use_case: UseCase) -> Figure:
    figure = Figure(figsize=(9.6, 3.9))
    left, right = figure.subplots(1, 2)
    margins = found.margins[use_case.monitoring.minimum_baskets]
    for place, (baskets, color) in enumerate(zip(BASKETS, PALETTE, strict=False)):
        label = f"{baskets:,} a week"
        left.plot(MARGINS, np.multiply(HEALTHY, margins[baskets]), "o-", color=color, markersize=3.5, label=label)
        noticed = [
            (100 * world.accuracy, float(np.median(delay.weeks)) * baskets)
            for world in sorted(found.worlds, key=lambda world: -world.accuracy)
            for delay in [found.delays[world.name]["quality"][place]]
            if not world.before and np.median(delay.weeks) <= PATIENCE
        ]
        if noticed:
            right.plot(*zip(*noticed, strict=True), "o-", color=color, markersize=3.5)
    left.axhline(HEALTHY / 200, color=MUTED, linestyle="--", linewidth=1)
    left.axvline(use_case.monitoring.max_drop, color=MUTED, linestyle=":", linewidth=1)
    left.set_yscale("symlog", linthresh=1)
    left.set_ylim(bottom=-0.3)
    left.set(xlabel="max_drop (dotted: the default)", ylabel="false alarms in 1,000 weeks (dashed: the bar)")
    left.set_title("Healthy weeks called worse")
    left.legend(fontsize=8)
    right.set_yscale("log")
    right.invert_xaxis()
    right.set(xlabel="accuracy of the worse model, %", ylabel="labelled baskets until the alarm (median)")
    right.set_title("Worse models noticed")
    return figure


if __name__ == "__main__":
    main()
