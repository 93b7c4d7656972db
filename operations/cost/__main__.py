"""``python -m operations.cost``: what each environment costs a month, before anything is deployed."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from config.document import ConfigError
from config.settings import ENVIRONMENTS, load_environment
from operations.cost.estimate import Estimate, estimate
from operations.cost.prices import PriceList, UnknownPriceError, load_prices
from operations.cost.report import show, write_reports
from operations.cost.usage import Assumptions, load_assumptions
from operations.synthesis import synthesize

WIDTH = 130


def main(arguments: list[str] | None = None) -> int:
    """Print the estimates and save them; 0, or 2 where a setting or price is wrong.

    A broken target is reported and no error: whether to accept it is not ours to say. With ``--strict`` it is 1.
    """
    parser = argparse.ArgumentParser(prog="python -m operations.cost", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out/cost"), help="folder for cost.html and cost.json")
    parser.add_argument("--environment", choices=ENVIRONMENTS, action="append", help="one of them; default: all")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is broken or a type has no price")
    chosen = parser.parse_args(arguments)
    # Into a file or a pipe rich assumes 80 columns, which is too few for the table.
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        prices, assumptions = load_prices(), load_assumptions()
        estimates = [_estimate(name, prices, assumptions) for name in chosen.environment or ENVIRONMENTS]
    except (ConfigError, UnknownPriceError) as error:
        Console(stderr=True).print(f"error: {error}", style="red", highlight=False)
        return 2
    show(console, estimates, prices)
    page = write_reports(chosen.output, estimates, prices=prices, assumptions=assumptions)
    console.print(f"\n{page} and {page.with_suffix('.json').name} beside it", highlight=False)
    return int(chosen.strict and not all(each.within and not each.unpriced for each in estimates))


def _estimate(environment: str, prices: PriceList, assumptions: Assumptions) -> Estimate:
    return estimate(load_environment(environment), synthesize(environment), prices=prices, assumptions=assumptions)


if __name__ == "__main__":
    sys.exit(main())
