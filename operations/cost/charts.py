"""The estimate's charts."""

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.figure import Figure

from ml.reports.figures import INK, MUTED, PALETTE, embed
from operations.cost.charges import Basis, Optimisation
from operations.cost.choices import endpoint_month, gateway_month, instance_month
from operations.cost.estimate import Estimate
from operations.cost.scene import Scene

# Inches: half a page's width, and readable on a telephone.
WIDTH = 4.2
COLOURS = {Basis.ALWAYS_ON: PALETTE[0], Basis.BY_USE: PALETTE[1]}


def totals(estimates: Sequence[Estimate]) -> Markup:
    """Each environment's month, by the hour and by use, against its target."""
    figure = Figure(figsize=(WIDTH, 0.55 * len(estimates) + 1.1))
    axes = figure.subplots()
    places = range(len(estimates))
    left = [0.0] * len(estimates)
    for basis, colour in COLOURS.items():
        widths = [each.by_basis(basis) for each in estimates]
        axes.barh(places, widths, left=left, height=0.5, color=colour, label=basis.value)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for place, each in zip(places, estimates, strict=True):
        axes.plot(
            [each.target] * 2,
            [place - 0.36, place + 0.36],
            color=INK,
            linewidth=1.6,
            label="target" if not place else None,
        )
        axes.text(max(each.total, each.target), place, f"  ${each.total:,.0f}", va="center", ha="left", color=INK)
    axes.set_yticks(places, [each.environment for each in estimates])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.2 * max(max(each.total, each.target) for each in estimates))
    axes.set_xlabel("US dollars a month")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=3)
    words = "; ".join(f"{each.environment} {each.total:,.0f} of {each.target:,.0f} dollars" for each in estimates)
    return embed(figure, f"Bars of the monthly estimate by environment against its target: {words}")


def optimisations(estimates: Sequence[Estimate]) -> Markup:
    """What is paid, what is added to it for other reasons than its price, and what each optimisation takes off."""
    figure = Figure(figsize=(WIDTH, 0.55 * len(estimates) + 1.9))
    axes = figure.subplots()
    names = [name for name in Optimisation if any(abs(each.savings()[name]) > 0.5 for each in estimates)]
    adds = {name: any(each.savings()[name] < -0.5 for each in estimates) for name in names}
    for place, each in enumerate(estimates):
        savings = each.savings()
        added = sum(-value for value in savings.values() if value < 0)
        parts = [("what remains", each.total - added, PALETTE[0], 1.0)]
        for index, name in enumerate(names):
            # What an optimisation adds is part of what is paid, what it takes off is not: full against faint.
            label = f"{name.value} (added)" if adds[name] else name.value
            parts.append((label, abs(savings[name]), PALETTE[1 + index], 1.0 if adds[name] else 0.45))
        parts[1:] = sorted(parts[1:], key=lambda part: -part[3])
        left = 0.0
        for label, width, colour, alpha in parts:
            axes.barh(place, width, left=left, height=0.5, color=colour, alpha=alpha, label=None if place else label)
            left += width
    axes.set_yticks(range(len(estimates)), [each.environment for each in estimates])
    axes.invert_yaxis()
    axes.set_xlabel("US dollars a month")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=2)
    words = "; ".join(f"{each.environment} {each.before:,.0f} to {each.total:,.0f} dollars" for each in estimates)
    return embed(figure, f"Bars of what each optimisation takes off the monthly estimate: {words}")


def kinds(estimate: Estimate, count: int = 9) -> Markup:
    """The dearest kinds of resource of one environment."""
    rows = [(name, value) for name, value in estimate.by_kind() if value > 0.005][:count]
    figure = Figure(figsize=(WIDTH, 0.27 * len(rows) + 0.75))
    axes = figure.subplots()
    axes.barh(range(len(rows)), [value for _, value in rows], height=0.62, color=PALETTE[0])
    for place, (_, value) in enumerate(rows):
        axes.text(value, place, f" ${value:,.2f}", va="center", ha="left", color=MUTED, fontsize=8)
    axes.set_yticks(range(len(rows)), [short(name) for name, _ in rows])
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_xlabel("US dollars a month")
    axes.grid(axis="y", visible=False)
    words = "; ".join(f"{short(name)} {value:,.2f}" for name, value in rows)
    return embed(figure, f"Bars of the dearest kinds of resource in {estimate.environment}, dollars a month: {words}")


def ways_out(scene: Scene) -> Markup:
    """What a month costs as traffic grows, by the way it takes out of the private subnets."""
    figure = Figure(figsize=(WIDTH, 2.9))
    axes = figure.subplots()
    gigabytes = [0.0, 1000.0]
    kind = scene.settings.network.nat_instance_type
    ways = (
        ("NAT gateway", gateway_month(scene), scene.prices.usd("nat_gateway.gb")),
        (f"NAT instance ({kind})", instance_month(scene, kind), 0.0),
        (f"one interface endpoint, {scene.zones} zones", endpoint_month(scene), scene.prices.usd("endpoint.gb")),
    )
    for (name, fixed, per_gb), style in zip(ways, ("-", "--", "-."), strict=True):
        axes.plot(gigabytes, [fixed + per_gb * each for each in gigabytes], style, label=name)
    axes.plot(
        gigabytes,
        [scene.prices.usd("nat_gateway.gb") * each for each in gigabytes],
        ":",
        label="the same traffic through a gateway that is there",
    )
    axes.set_xlim(0, 1000)
    axes.set_ylim(0)
    axes.set_xlabel("GB a month")
    axes.set_ylabel("US dollars a month")
    figure.legend(loc="outside upper left")
    return embed(
        figure,
        "Lines of the monthly cost by traffic: a NAT gateway, a NAT instance, one interface endpoint, and the same "
        "traffic through a gateway that is there anyway",
    )


def short(kind: str) -> str:
    """Return a resource type as people say it: ``EKS Nodegroup``."""
    return kind.removeprefix("AWS::").replace("::", " ")
