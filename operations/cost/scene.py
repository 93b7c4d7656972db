"""What a pricing function may look at: the whole environment, its settings, the prices and the assumptions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.settings import EnvironmentSettings
from operations.cost.charges import Basis, Charge, Optimisation
from operations.cost.prices import PriceList
from operations.cost.usage import Usage
from operations.synthesis import Template, resources, text_of

WEEK = 168


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One environment as it is synthesized."""

    settings: EnvironmentSettings
    templates: Mapping[str, Template]
    prices: PriceList
    usage: Usage
    hours: float
    months_without_expiry: int

    def charge(
        self,
        what: str,
        price: str,
        quantity: float,
        *,
        basis: Basis = Basis.ALWAYS_ON,
        discount: float = 0.0,
        assumption: str = "",
        savings: Mapping[Optimisation, float] | None = None,
    ) -> Charge:
        """Return ``quantity`` units of the price ``price`` as a charge."""
        return Charge(
            what=what,
            quantity=quantity,
            unit=self.prices.per(price),
            monthly=quantity * self.prices.usd(price) * (1 - discount),
            basis=basis,
            estimated=self.prices.source(price).estimated or discount > 0,
            prices=(price,),
            assumption=assumption,
            savings={name: value for name, value in (savings or {}).items() if value},
        )

    def by_use(self, what: str, price: str, quantity: float, *, assumption: str, **options: Any) -> Charge:
        """Return a charge whose quantity is assumed."""
        return self.charge(what, price, quantity, basis=Basis.BY_USE, assumption=assumption, **options)

    def of(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """Yield the properties of every resource of a type."""
        for template in self.templates.values():
            for resource in resources(template).values():
                if resource["Type"] == kind:
                    yield resource.get("Properties", {})

    def count(self, kind: str) -> int:
        """Return how many resources of a type there are."""
        return sum(1 for _ in self.of(kind))

    @property
    def node_hours(self) -> float:
        """Hours a month that nodes are up: fewer where schedules stop them and the settings say for how long."""
        off = self.settings.off_hours
        if off is None or not any(self._stops_nodes(each) for each in self.of("AWS::Scheduler::Schedule")):
            return self.hours
        return self.hours * (WEEK - off.hours_off_per_week) / WEEK

    @staticmethod
    def _stops_nodes(schedule: Mapping[str, Any]) -> bool:
        return "updatenodegroupconfig" in text_of(schedule.get("Target", {}).get("Arn", "")).lower()

    @property
    def zones(self) -> int:
        """Availability zones of the VPC."""
        return len(self.settings.network.zones)

    @property
    def endpoint_services(self) -> set[str]:
        """Services that have an interface endpoint: ``ecr.api``."""
        return {
            service_of(each) for each in self.of("AWS::EC2::VPCEndpoint") if each.get("VpcEndpointType") == "Interface"
        }

    @property
    def has_s3_gateway(self) -> bool:
        """Whether traffic to S3 has a way of its own, free of charge."""
        return any(
            service_of(each) == "s3"
            for each in self.of("AWS::EC2::VPCEndpoint")
            if each.get("VpcEndpointType", "Gateway") == "Gateway"
        )

    @property
    def egress_gb(self) -> float:
        """Gigabytes a month that go through the NAT: all that no endpoint takes."""
        services = self.endpoint_services
        elsewhere = sum(amount for name, amount in self.usage.service_gb.items() if name not in services)
        return self.usage.internet_gb + elsewhere + (0 if self.has_s3_gateway else self.usage.s3_gb)

    @property
    def egress_gb_price(self) -> float:
        """What a gigabyte through this environment's egress costs: an instance takes nothing for it."""
        return self.prices.usd("nat_gateway.gb") if self.count("AWS::EC2::NatGateway") else 0.0


def service_of(endpoint: Mapping[str, Any]) -> str:
    """Return the service of a VPC endpoint: ``ecr.api`` of ``com.amazonaws.<region>.ecr.api``."""
    return text_of(endpoint["ServiceName"]).split(".", 3)[-1]
