"""The page: prose written by hand, tables and picture from the app between markers."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.settings import EnvironmentSettings
from operations.architecture.model import StackView

BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


class PageError(Exception):
    """The page has no such place, or a place that nothing is generated for."""


def fill(page: str, blocks: Mapping[str, str], *, origin: Path) -> str:
    """Return the text of a page with each generated block in its place.

    Raises:
        PageError: a block has no place in the page, or a place no block.

    """
    places = [match["name"] for match in BLOCK.finditer(page)]
    if sorted(places) != sorted(blocks):
        raise PageError(
            f"{origin} has places for {', '.join(sorted(places)) or 'nothing'}; "
            f"generated: {', '.join(sorted(blocks))}. "
            "A place is <!-- generated: name --> … <!-- /generated -->"
        )
    return BLOCK.sub(lambda match: f"{match[1]}{blocks[match['name']]}\n{match[3]}", page)


def stacks_table(stacks: Sequence[StackView]) -> str:
    """Return stack → what it holds and what it uses, as a Markdown table."""
    rows = ["| stack | what it holds | what it uses of others | what it knows by name |", "|---|---|---|---|"]
    for each in stacks:
        rows.append(f"| **{each.component}** | {', '.join(each.holds)} | {_told(each.uses)} | {_told(each.names)} |")
    return "\n".join(rows)


def _told(owners: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"**{owner}**: {', '.join(things)}" for owner, things in owners.items()) or "nothing"


def environments_table(settings: Sequence[EnvironmentSettings]) -> str:
    """Return what differs between environments, as a Markdown table."""
    rows = [
        f"| | {' | '.join(each.environment for each in settings)} |",
        "|---|" + "---|" * len(settings),
    ]
    for name, values in {
        "egress": [_egress(each) for each in settings],
        "interface endpoints": [str(len(each.network.interface_endpoints) or "none") for each in settings],
        "API nodes": [
            _nodes(each.eks.api.desired, each.eks.api.maximum, each.eks.api.instance_types[:1]) for each in settings
        ],
        "batch nodes, spot": [
            _nodes(each.eks.batch.desired, each.eks.batch.maximum, each.eks.batch.instance_types) for each in settings
        ],
        "nodes off": [
            f"{each.off_hours.hours_off_per_week} h a week" if each.off_hours else "never" for each in settings
        ],
        "cluster logs kept": [f"{each.eks.log_days} days" for each in settings],
        "audit trail kept": [f"{each.security.trail_days} days" for each in settings],
        "old versions kept": [f"{each.lake.old_versions_days} days" for each in settings],
        "on destroy": [
            "everything goes" if each.on_destroy == "delete" else "data, keys and logs stay" for each in settings
        ],
        "budget a month": [f"${each.budget.monthly_usd}" for each in settings],
    }.items():
        rows.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(rows)


def _egress(settings: EnvironmentSettings) -> str:
    network = settings.network
    if network.egress == "nat_gateway":
        return f"{network.nat_count} NAT gateway{'s' if network.nat_count > 1 else ''}"
    return f"{network.nat_count} NAT instance{'s' if network.nat_count > 1 else ''} ({network.nat_instance_type})"


def _nodes(desired: int, maximum: int, kinds: Sequence[str]) -> str:
    return f"{desired} to {maximum} × {', '.join(kinds)}"
