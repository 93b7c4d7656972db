"""Which setting would change the bill by how much, and from which traffic on an endpoint or a gateway pays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from operations.cost.charges import Basis
from operations.cost.estimate import Estimate
from operations.cost.scene import WEEK, Scene
from stacks.constructs.services_called import SERVICES_CALLED

# What dev's working days leave: the hours a week that nodes could be off.
NIGHTS_AND_WEEKENDS = 108
NAT_INSTANCE = "t4g.nano"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A change of a setting, what it takes off a month's bill, and what it costs otherwise."""

    setting: str
    saves: float
    price: str


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """From how many gigabytes a month one way out of the VPC is cheaper than another; none: never."""

    question: str
    gigabytes: float | None
    explanation: str


def choices(estimate: Estimate) -> list[Choice]:
    """Return the changes of settings that would make the environment cheaper, those that hurt least first."""
    found = [
        *_without_insights(estimate),
        *_without_control_endpoints(estimate),
        *_nat_instance(estimate),
        *_nights(estimate),
        *_one_node_less(estimate),
        *_without_endpoints(estimate),
    ]
    return [each for each in found if each.saves > 1]


def remedies(estimate: Estimate) -> list[Choice]:
    """Return the choices, those that hurt least first, that bring the estimate below its target; none if it is."""
    missing, taken = estimate.total - estimate.target, []
    for choice in choices(estimate):
        if missing < 0:
            break
        taken.append(choice)
        missing -= choice.saves
    return taken


def _without_insights(estimate: Estimate) -> Iterator[Choice]:
    saves = sum(
        line.charge.monthly
        for line in estimate.lines
        if line.kind == "AWS::EKS::Addon" or line.charge.assumption == "logs_gb.performance"
    )
    yield Choice(
        setting="the CloudWatch add-on without its kubernetes section",
        saves=saves,
        price="no metrics of nodes and pods in CloudWatch; the API's own, and kubectl top, stay",
    )


def _without_control_endpoints(estimate: Estimate) -> Iterator[Choice]:
    """What carries neither models nor data could leave through the egress."""
    carrying = {each.name for each in SERVICES_CALLED if each.carries_models_or_data}
    services = sorted(estimate.scene.endpoint_services - carrying)
    if services:
        yield Choice(
            setting=f"network.interface_endpoints without {', '.join(services)}",
            saves=_endpoints_save(estimate, services),
            price="calls that carry neither models nor data leave through the egress",
        )


def _without_endpoints(estimate: Estimate) -> Iterator[Choice]:
    services = sorted(estimate.scene.endpoint_services)
    if services:
        yield Choice(
            setting="network.interface_endpoints: []",
            saves=_endpoints_save(estimate, services),
            price="all calls to AWS services leave through the egress: encrypted, but over public addresses",
        )


def _endpoints_save(estimate: Estimate, services: Sequence[str]) -> float:
    """Return what interface endpoints cost above sending their traffic through the environment's egress."""
    scene = estimate.scene
    gigabytes = sum(scene.usage.service_gb.get(each, 0.0) for each in services)
    return len(services) * endpoint_month(scene) + gigabytes * (scene.prices.usd("endpoint.gb") - scene.egress_gb_price)


def _nat_instance(estimate: Estimate) -> Iterator[Choice]:
    scene = estimate.scene
    if gateways := scene.count("AWS::EC2::NatGateway"):
        spent = sum(line.charge.monthly for line in estimate.lines if line.kind == "AWS::EC2::NatGateway")
        instance = gateways * instance_month(scene, NAT_INSTANCE)
        yield Choice(
            setting=f"network.egress: nat_instance ({NAT_INSTANCE})",
            saves=spent - instance,
            price="one small machine to patch; while it is replaced, nothing gets out",
        )


def _nights(estimate: Estimate) -> Iterator[Choice]:
    scene = estimate.scene
    if scene.node_hours == scene.hours:
        groups = [line for line in estimate.lines if line.kind == "AWS::EKS::Nodegroup"]
        spent = sum(line.charge.monthly for line in groups if line.charge.basis == Basis.ALWAYS_ON)
        yield Choice(
            setting=f"off_hours: weekdays 08:00 to 20:00 ({NIGHTS_AND_WEEKENDS} hours off a week)",
            saves=spent * NIGHTS_AND_WEEKENDS / WEEK,
            price="no answers at night and at weekends",
        )


def _one_node_less(estimate: Estimate) -> Iterator[Choice]:
    desired = estimate.scene.settings.eks.api.desired
    if desired > 1:
        spent = sum(
            line.charge.monthly
            for line in estimate.lines
            if line.kind == "AWS::EKS::Nodegroup" and line.charge.basis == Basis.ALWAYS_ON
        )
        yield Choice(
            setting=f"eks.api.desired: {desired - 1}",
            saves=spent / desired,
            price="the API in fewer zones" if desired > 2 else "the API in one zone only",
        )


def instance_month(scene: Scene, kind: str) -> float:
    """Return what a NAT instance costs a month: hours and an 8 GB volume."""
    return scene.prices.usd(f"ec2.{kind}") * scene.hours + 8 * scene.prices.usd("ebs.gp3_gb")


def gateway_month(scene: Scene) -> float:
    """Return what a NAT gateway costs a month before any traffic."""
    return scene.prices.usd("nat_gateway.hour") * scene.hours


def endpoint_month(scene: Scene) -> float:
    """Return what one interface endpoint costs a month over all zones before any traffic."""
    return scene.zones * scene.prices.usd("endpoint.hour") * scene.hours


def break_evens(scene: Scene) -> list[BreakEven]:
    """Return the traffic from which on each way pays, at this environment's zones."""
    per_gb = scene.prices.usd("nat_gateway.gb") - scene.prices.usd("endpoint.gb")
    fixed = endpoint_month(scene)
    gateway, instance = gateway_month(scene), instance_month(scene, scene.settings.network.nat_instance_type)
    services = len(scene.usage.service_gb)
    return [
        BreakEven(
            question="An interface endpoint beside a NAT gateway",
            gigabytes=fixed / per_gb,
            explanation=f"{fixed:.2f} a month over {scene.zones} zones, against {per_gb:.3f} less on each GB",
        ),
        BreakEven(
            question="An interface endpoint beside a NAT instance",
            gigabytes=None,
            explanation="an instance takes nothing for a GB; endpoints beside it are bought for isolation",
        ),
        BreakEven(
            question="A NAT gateway instead of a NAT instance",
            gigabytes=None,
            explanation=f"{gateway:.2f} a month and {scene.prices.usd('nat_gateway.gb'):.3f} a GB against "
            f"{instance:.2f}: bought for availability, not for its price",
        ),
        BreakEven(
            question=f"{services} interface endpoints and no NAT gateway",
            gigabytes=max(services * fixed - gateway, 0) / per_gb,
            explanation=f"{services * fixed:.2f} against {gateway:.2f} a month before traffic; only where nothing "
            "but AWS is called",
        ),
    ]
