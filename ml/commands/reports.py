"""``mlops report``: pages about data."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from ml.commands.options import DEFAULT_USE_CASE, Inputs, More, UseCaseName, all_inputs, chosen_use_case
from ml.progress import say

app = typer.Typer(help="Pages about data.", no_args_is_help=True)


@app.command()
def eda(
    output: Annotated[Path, typer.Option(help="The page to write, such as reports/eda.html.")],
    inputs: Inputs = None,
    more: More = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
) -> None:
    """Explore the data: histograms, box plots, correlations, label shares, missing values.

    Example:

        mlops report eda --input data/weekly --output reports/eda.html
    """
    from ml.data.eda import eda_report

    page = eda_report(all_inputs(inputs, more, channel="raw"), target=output, use_case=chosen_use_case(use_case))
    say(f"  {page}")


@app.command()
def io(
    output: Annotated[Path, typer.Option(help="The page to write, such as reports/io.html.")],
    inputs: Inputs = None,
    more: More = None,
    repeats: Annotated[int, typer.Option(min=1, help="Alternating runs; medians count.")] = 3,
    use_case: UseCaseName = DEFAULT_USE_CASE,
) -> None:
    """Compare CSV, JSON Lines and Parquet on the same data: size, writing, reading, reading one column.

    Example:

        mlops report io --input data/weekly --output reports/io.html
    """
    from ml.data.io_formats import io_report

    with TemporaryDirectory(prefix="mlops-io-") as work:
        page = io_report(
            all_inputs(inputs, more, channel="raw"),
            target=output,
            work=Path(work),
            use_case=chosen_use_case(use_case),
            repeats=repeats,
        )
    say(f"  {page}")
