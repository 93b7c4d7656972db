"""An environment's monthly estimate: every resource of every template priced, free, or listed as unknown."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.document import Frozen, read_document
from config.settings import Environment, EnvironmentSettings
from operations.cost.charges import Basis, Charge, Line, Optimisation
from operations.cost.outside import outside
from operations.cost.prices import PriceList
from operations.cost.pricing import PRICED
from operations.cost.scene import Scene
from operations.cost.usage import Assumptions
from operations.synthesis import Template, resources

# So that a resource which costs nothing as it is set is still seen among the lines.
_NOTHING = Charge(
    what="nothing to pay as it is set", quantity=0, unit="–", monthly=0, basis=Basis.ALWAYS_ON, estimated=False
)
FREE_FILE = Path(__file__).with_name("free.yaml")


class FreeTypes(Frozen):
    """Resource types that cost nothing themselves, with the reason."""

    types: dict[str, str]

    def knows(self, kind: str) -> bool:
        """Return whether a type is known to cost nothing."""
        return kind in self.types or kind.startswith("Custom::")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one environment costs a month."""

    environment: Environment
    target: float
    scene: Scene
    lines: tuple[Line, ...]
    # Type → how many, of what has no price and is not known to be free.
    unpriced: Mapping[str, int]
    # Type → how many, of what is known to be free.
    free: Mapping[str, int]

    @property
    def total(self) -> float:
        """US dollars a month."""
        return sum(line.charge.monthly for line in self.lines)

    @property
    def before(self) -> float:
        """US dollars a month without the optimisations."""
        return sum(line.charge.before for line in self.lines)

    @property
    def within(self) -> bool:
        """Whether the total keeps to the target."""
        return self.total < self.target

    def by_basis(self, basis: Basis) -> float:
        """Return what runs by the hour, or by use."""
        return sum(line.charge.monthly for line in self.lines if line.charge.basis == basis)

    def by_stack(self) -> dict[str, dict[Basis, float]]:
        """Return stack → basis → dollars, in the order of the stacks."""
        sums: dict[str, dict[Basis, float]] = {}
        for line in self.lines:
            stack = sums.setdefault(line.stack, dict.fromkeys(Basis, 0.0))
            stack[line.charge.basis] += line.charge.monthly
        return sums

    def by_kind(self) -> list[tuple[str, float]]:
        """Return resource type and dollars, the dearest first."""
        sums: dict[str, float] = defaultdict(float)
        for line in self.lines:
            sums[line.kind] += line.charge.monthly
        return sorted(sums.items(), key=lambda each: (-each[1], each[0]))

    def savings(self) -> dict[Optimisation, float]:
        """Return what each optimisation takes off; below zero where it adds."""
        sums = dict.fromkeys(Optimisation, 0.0)
        for line in self.lines:
            for name, value in line.charge.savings.items():
                sums[name] += value
        return sums


def estimate(
    settings: EnvironmentSettings,
    templates: Mapping[str, Template],
    *,
    prices: PriceList,
    assumptions: Assumptions,
    free: FreeTypes | None = None,
) -> Estimate:
    """Return the estimate of an environment from its ``templates`` by stack name.

    Raises:
        UnknownPriceError: a resource needs a unit price that is not in the list (another instance type).

    """
    known_free = free or load_free_types()
    scene = Scene(
        settings=settings,
        templates=templates,
        prices=prices,
        usage=assumptions.of(settings.environment),
        hours=assumptions.hours,
        months_without_expiry=assumptions.months_without_expiry,
    )
    kinds = Counter(resource["Type"] for template in templates.values() for resource in resources(template).values())
    return Estimate(
        environment=settings.environment,
        target=float(settings.budget.monthly_usd),
        scene=scene,
        lines=(*_priced(scene), *outside(scene)),
        unpriced={kind: n for kind, n in sorted(kinds.items()) if kind not in PRICED and not known_free.knows(kind)},
        free={kind: n for kind, n in sorted(kinds.items()) if kind not in PRICED and known_free.knows(kind)},
    )


def _priced(scene: Scene) -> Iterator[Line]:
    start = scene.settings.name("")
    for stack, template in scene.templates.items():
        for logical, resource in resources(template).items():
            kind = resource["Type"]
            if kind in PRICED:
                charges = list(PRICED[kind](logical, resource.get("Properties", {}), scene))
                for charge in charges or [_NOTHING]:
                    yield Line(stack=stack.removeprefix(start), resource=logical, kind=kind, charge=charge)


def load_free_types() -> FreeTypes:
    """Return the types that are known to cost nothing."""
    return read_document(FreeTypes, FREE_FILE)
