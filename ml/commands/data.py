"""``mlops data``: make data."""

from pathlib import Path
from typing import Annotated

import typer

from ml.progress import say

app = typer.Typer(help="Make data.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Make data."""


@app.command()
def generate(
    output: Annotated[Path, typer.Option(help="Folder for the weekly files.")],
    weeks: Annotated[int, typer.Option(help="How many weekly files.")] = 12,
    baskets_per_week: Annotated[int, typer.Option(help="Baskets in each; a full-size week has 420000.")] = 4000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal bytes.")] = 7,
    first_week: Annotated[int, typer.Option(help="The first SHOP_WEEK, YYYYWW.")] = 200607,
    compress: Annotated[bool, typer.Option(help="Write .csv.gz.")] = False,
    products: Annotated[int, typer.Option(help="Size of the catalogue.")] = 4_997,
    labels: Annotated[bool, typer.Option(help="With the label column; without it the files are for scoring.")] = True,
) -> None:
    """Invent weekly files with the shape and the difficulty of the real ones.

    Examples:

        mlops data generate --weeks 12 --baskets-per-week 4000 --seed 7 --output data/weekly

        mlops data generate --weeks 1 --baskets-per-week 420000 --output data/full
    """
    from ml.data.generate import generate_weeks

    files = generate_weeks(
        weeks=weeks,
        baskets_per_week=baskets_per_week,
        seed=seed,
        output=output,
        first_week=first_week,
        compress=compress,
        label=labels,
        products=products,
    )
    say(f"  {len(files)} files in {output}")
