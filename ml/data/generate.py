"""Weekly transaction files of an invented retailer, in the official format and of any size."""

from pathlib import Path

import numpy as np

from ml.data.fiscal_weeks import is_fiscal_week, week_after
from ml.data.invented_week import draw_week
from ml.data.market import GROUPS, PRODUCTS, market_of
from ml.data.weekly_file import HEADER_VARIANTS, HeaderVariant, write_week
from ml.errors import SettingsError
from ml.files import new_file
from ml.progress import track

# The last: as many as a product's code has numbers for.
_MOST_WEEKS, _MOST_BASKETS, _MOST_PRODUCTS = 520, 5_000_000, 99_999


def generate_weeks(
    *,
    weeks: int,
    baskets_per_week: int,
    seed: int,
    output: Path,
    first_week: int = 200607,
    compress: bool = False,
    header: HeaderVariant = "segments",
    label: bool = True,
    products: int = PRODUCTS,
) -> list[Path]:
    """Write ``weeks`` files ``transactions_YYYYWW.csv`` into ``output`` and return their paths in order.

    Catalogue, stores and customers depend on ``seed`` and ``products`` alone, a week's baskets on these, the week and
    ``baskets_per_week``: asking for more weeks adds files and changes none. The same arguments give the
    same bytes. 420,000 baskets make a week of full size (2.7 million lines).

    Args:
        weeks: number of files; fiscal weeks roll from 52 to 01.
        baskets_per_week: baskets in each file.
        seed: not negative.
        output: a folder; made where it does not exist, files of the same name are replaced.
        first_week: YYYYWW of the first file.
        compress: write ``.csv.gz``.
        header: ``segments`` for today's columns seg_1 and seg_2 and their codes, ``older`` for
            CUST_PRICE_SENSITIVITY and CUST_LIFESTAGE and theirs.
        products: size of the catalogue; of a smaller one, fewer baskets tell as much.
        label: leave out to get files without BASKET_PRICE_SENSITIVITY, as they come for scoring.

    Raises:
        SettingsError: an argument is out of range, or ``output`` is a file.

    """
    _check(
        weeks=weeks,
        baskets_per_week=baskets_per_week,
        seed=seed,
        first_week=first_week,
        header=header,
        products=products,
    )
    if output.exists() and not output.is_dir():
        raise SettingsError(f"output: {output} is a file; name a folder for the weekly files")
    market = market_of(seed, products)
    suffix = ".csv.gz" if compress else ".csv"
    written = []
    for week in track([week_after(first_week, step) for step in range(weeks)], label="generating weeks"):
        target = output / f"transactions_{week}{suffix}"
        random = np.random.default_rng([seed, week])
        with new_file(target) as temporary:
            drawn = draw_week(random, market, week=week, baskets=baskets_per_week)
            write_week(temporary, drawn, market, header=header, label=label)
        written.append(target)
    return written


def _check(*, weeks: int, baskets_per_week: int, seed: int, first_week: int, header: str, products: int) -> None:
    for name, value, least, most in (
        ("weeks", weeks, 1, _MOST_WEEKS),
        ("baskets_per_week", baskets_per_week, 1, _MOST_BASKETS),
        ("seed", seed, 0, 2**63 - 1),
        ("products", products, GROUPS[0], _MOST_PRODUCTS),
    ):
        if not least <= value <= most:
            raise SettingsError(f"{name}: {value} is not a whole number from {least} to {most:,}")
    if not is_fiscal_week(first_week) or not is_fiscal_week(week_after(first_week, weeks - 1)):
        raise SettingsError(
            f"first_week: {first_week} with {weeks} week(s) leaves the calendar; give YYYYWW with WW from 01"
            " to 52, such as 200607"
        )
    if header not in HEADER_VARIANTS:
        raise SettingsError(f"header: {header!r} is unknown; there is: {', '.join(HEADER_VARIANTS)}")
