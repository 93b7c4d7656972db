"""The estimate on the console, as JSON and as a page that needs nothing else."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ml.files import write_json
from ml.reports.page import render_page
from operations.cost import charts
from operations.cost.charges import Basis, Line
from operations.cost.choices import break_evens, choices, remedies
from operations.cost.estimate import Estimate, load_free_types
from operations.cost.prices import PriceList
from operations.cost.usage import Assumptions
from operations.synthesis import plain_id

PAGE = "cost.html"
DATA = "cost.json"
# Below half a cent a line is left out of the console's tables; the page has them all.
SHOWN_FROM = 0.005


def write_reports(folder: Path, estimates: Sequence[Estimate], *, prices: PriceList, assumptions: Assumptions) -> Path:
    """Write ``cost.json`` and ``cost.html`` into ``folder``; return the page."""
    write_json(folder / DATA, to_json(estimates, prices))
    return render_page(
        folder / PAGE,
        "cost.html.j2",
        estimates=estimates,
        environments=[(each.environment, each.environment) for each in estimates],
        bases=list(Basis),
        prices=prices,
        assumptions=assumptions,
        free=load_free_types(),
        free_kinds=sorted({kind for each in estimates for kind in each.free}),
        usage_rows=_usage_rows(estimates),
        choices=choices,
        remedies=remedies,
        break_evens=break_evens(estimates[-1].scene),
        short=charts.short,
        plain_id=plain_id,
        totals=charts.totals(estimates),
        optimisations=charts.optimisations(estimates),
        kinds={each.environment: charts.kinds(each) for each in estimates},
        ways_out=charts.ways_out(estimates[-1].scene),
        verdicts={each.environment: list(verdict(each)) for each in estimates},
    )


def _usage_rows(estimates: Sequence[Estimate]) -> list[tuple[str, list[float]]]:
    """Return each assumption by its dotted name, with its value in every environment."""
    by_environment = [dict(_flat(each.scene.usage.model_dump())) for each in estimates]
    return [(name, [values.get(name, 0.0) for values in by_environment]) for name in by_environment[0]]


def _flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def verdict(estimate: Estimate) -> Iterator[str]:
    """Yield sentences: within the target or not; if not, what breaks it and what would put it right."""
    margin = estimate.target - estimate.total
    if estimate.within:
        yield f"{estimate.total:,.2f} USD a month, {margin:,.2f} below the target of {estimate.target:,.0f}."
    else:
        yield f"{estimate.total:,.2f} USD a month, {-margin:,.2f} above the target of {estimate.target:,.0f}."
        dearest = ", ".join(f"{charts.short(kind)} {usd:,.2f}" for kind, usd in estimate.by_kind()[:4])
        yield f"Dearest: {dearest}."
        wanted = remedies(estimate)
        for each in wanted:
            yield f"Would help: {each.setting} saves {each.saves:,.2f} ({each.price})."
        if sum(each.saves for each in wanted) < -margin:
            yield "No setting known here brings it below the target: the usage assumptions decide."
    region = estimate.scene.settings.region
    if region not in (None, estimate.scene.prices.region):
        yield f"Prices are those of {estimate.scene.prices.region}; this environment is in {region}."
    if estimate.unpriced:
        names = ", ".join(f"{kind} × {count}" for kind, count in estimate.unpriced.items())
        yield f"Not priced, and not in the sum: {names}."


def to_json(estimates: Sequence[Estimate], prices: PriceList) -> dict[str, Any]:
    """Return the estimates as plain data."""
    return {
        "currency": "USD",
        "prices": {
            "date": prices.date.isoformat(),
            "region": prices.region,
            "units": {key: _price(key, prices) for key in prices.prices},
        },
        "environments": {each.environment: _environment(each) for each in estimates},
    }


def _price(key: str, prices: PriceList) -> dict[str, Any]:
    source = prices.source(key)
    return {
        "usd": round(prices.usd(key), 12),
        "per": prices.per(key),
        "source": source.title,
        "source_region": source.region,
        "source_date": source.date,
        "estimated": source.estimated,
        "mark_up": source.mark_up,
    }


def _environment(estimate: Estimate) -> dict[str, Any]:
    return {
        "monthly": round(estimate.total, 2),
        "target": estimate.target,
        "within_target": estimate.within,
        "always_on": round(estimate.by_basis(Basis.ALWAYS_ON), 2),
        "by_use": round(estimate.by_basis(Basis.BY_USE), 2),
        "before_optimisation": round(estimate.before, 2),
        "savings": {name.value: round(value, 2) for name, value in estimate.savings().items()},
        "not_priced": dict(estimate.unpriced),
        "free": dict(estimate.free),
        "lines": [_line(line) for line in estimate.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    charge = line.charge
    return {
        "stack": line.stack,
        "resource": line.resource,
        "type": line.kind,
        "what": charge.what,
        "quantity": round(charge.quantity, 6),
        "unit": charge.unit,
        "basis": charge.basis.value,
        "monthly": round(charge.monthly, 4),
        "before_optimisation": round(charge.before, 4),
        "prices": list(charge.prices),
        "assumption": charge.assumption,
        "estimated_price": charge.estimated,
    }


def show(console: Console, estimates: Sequence[Estimate], prices: PriceList) -> None:
    """Print a table per environment, what the optimisations do, and whether the targets are kept."""
    for each in estimates:
        console.print(_lines_table(each))
        for sentence in verdict(each):
            console.print(sentence, style=None if each.within else "bold red", highlight=False)
        console.print()
    console.print(_savings_table(estimates))
    for point in break_evens(estimates[-1].scene):
        console.print(f"  {point.question}: {pays_from(point.gigabytes)} ({point.explanation})", highlight=False)
    console.print(
        f"\nPrices of {prices.date} for {prices.region}; ~ marks a price known for another region only, "
        "or a spot price. Taxes and free tiers are not counted.",
        highlight=False,
    )


def pays_from(gigabytes: float | None) -> str:
    """Return from when on something pays, in words."""
    return "never pays by itself" if gigabytes is None else f"pays from {gigabytes:,.0f} GB a month"


def _lines_table(estimate: Estimate) -> Table:
    table = Table(title=f"{estimate.environment}: monthly estimate, USD", title_justify="left", show_footer=True)
    table.add_column("stack")
    table.add_column("resource", overflow="fold")
    table.add_column("what", overflow="fold")
    table.add_column("basis")
    table.add_column("USD", justify="right", footer=f"{estimate.total:,.2f}")
    table.add_column("before", justify="right", footer=f"{estimate.before:,.2f}")
    small = 0.0
    previous = None
    for line in estimate.lines:
        charge = line.charge
        if charge.monthly < SHOWN_FROM and charge.before < SHOWN_FROM:
            small += charge.monthly
            continue
        table.add_row(
            line.stack if line.stack != previous else "",
            plain_id(line.resource),
            charge.what,
            charge.basis.value,
            f"{'~' if charge.estimated else ''}{charge.monthly:,.2f}",
            f"{charge.before:,.2f}",
        )
        previous = line.stack
    table.add_row("", "", "all that is below half a cent", "", f"{small:,.2f}", "")
    return table


def _savings_table(estimates: Sequence[Estimate]) -> Table:
    table = Table(title="Before and after, USD a month", title_justify="left")
    table.add_column("")
    for each in estimates:
        table.add_column(each.environment, justify="right")
    table.add_row("without optimisations", *(f"{each.before:,.2f}" for each in estimates))
    for name in estimates[0].savings():
        table.add_row(name.value, *(f"{-each.savings()[name]:+,.2f}" for each in estimates))
    table.add_row("estimate", *(f"{each.total:,.2f}" for each in estimates), style="bold")
    table.add_row("target", *(f"{each.target:,.2f}" for each in estimates))
    return table
