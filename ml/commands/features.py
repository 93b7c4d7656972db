"""The feature store as commands: feed, as-of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml.commands.options import DEFAULT_USE_CASE, UseCaseName, chosen_use_case, container, instant, now
from ml.errors import SettingsError
from ml.files import write_json
from ml.progress import say

if TYPE_CHECKING:
    from ml.features.store import FeatureGroup

app = typer.Typer()


@app.command()
def feed(
    to: Annotated[str, typer.Option(help="A folder, laid out as the offline half; or featuregroup://name.")],
    gold: Annotated[Path | None, typer.Option(help="The gold layer.")] = None,
    known_at: Annotated[
        str | None, typer.Option(help="When the weeks' files came, with a zone: 2026-03-02T10:00:00Z.")
    ] = None,
    weeks: Annotated[str | None, typer.Option(help="With --known-at: which weeks, comma-separated; all.")] = None,
    run: Annotated[Path | None, typer.Option(help="Without: folder with run.json, which says when files came.")] = None,
    refined: Annotated[Path | None, typer.Option(help="And the folder with the ETL's etl.json.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for feed.json: what was put.")] = None,
) -> None:
    """Put gold's baskets into the feature store, a record each.

    The event time of a record is when its week's file came. Feeding again writes the same; a week that came again is
    fed with the later time.

    In a SageMaker Processing job: reads inputs gold, run and refined, writes output fed.

    Example:

        mlops feed --gold lake/gold --to features --known-at 2026-03-02T10:00:00Z
    """
    from ml.features.gold_reader import gold_weeks
    from ml.jobs.feed import FedWeek, weeks_of_run
    from ml.jobs.feed import feed as put_all

    box = container()
    layer = box.channel("gold", gold)
    if known_at is not None:
        time = instant(known_at, option="--known-at")
        chosen = _weeks(weeks) if weeks else gold_weeks(layer)
        to_feed = [FedWeek(week=week, known_at=time) for week in chosen]
    elif weeks is not None:
        raise SettingsError("--weeks needs --known-at: without it a run says which weeks are fed, and when they came")
    else:
        to_feed = weeks_of_run(box.channel("run", run), box.channel("refined", refined))
    # The place for the report first: the rest takes minutes.
    report = box.output("fed", output) if output is not None or box.root.is_dir() else None
    found = put_all(gold=layer, group=_group(to), weeks=to_feed)
    if report is not None:
        write_json(report / "feed.json", found)
    say(f"  {found['baskets']:,} baskets of {len(to_feed)} weeks to {to} in {found['seconds']:,.0f} s")


@app.command("as-of")
def as_of(
    time: Annotated[str, typer.Option(help="The time, with a zone: 2026-03-02T10:00:00Z.")],
    offline: Annotated[Path | None, typer.Option(help="The offline half of the feature group.")] = None,
    products: Annotated[Path | None, typer.Option(help="Gold's products, which have no history.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder that becomes gold as of then.")] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
) -> None:
    """Gold as it was known at a time, for encode, train and evaluate.

    In a SageMaker Processing job: reads inputs offline and products, writes output gold.

    Example:

        mlops as-of --time 2026-03-02T10:00:00Z --offline features --products lake/gold/products --output gold
    """
    from ml.features.as_of import write_gold_as_of

    box = container()
    folder = box.output("gold", output)
    counts = write_gold_as_of(
        offline=box.channel("offline", offline),
        products=box.channel("products", products),
        output=folder,
        as_of=instant(time, option="--time"),
        use_case=chosen_use_case(use_case),
    )
    for week, count in counts.items():
        say(f"  week {week}: {count:,} baskets")
    say(f"  {folder}: {sum(counts.values()):,} baskets of {len(counts)} weeks as of {time}")


def _group(address: str) -> "FeatureGroup":
    from ml.features.offline_store import OfflineFolder
    from ml.features.store import FEATURE_STORE
    from ml.serving.ports import adapter, scheme_of

    group: FeatureGroup = (
        adapter(FEATURE_STORE, scheme)(address)
        if (scheme := scheme_of(address))
        else OfflineFolder(Path(address), now=now)
    )
    return group


def _weeks(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise SettingsError(f"--weeks {text}: weeks are numbers such as 200607, separated by commas") from error
