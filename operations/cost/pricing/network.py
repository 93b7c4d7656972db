"""Egress, endpoints and addresses."""

from collections.abc import Iterator

from operations.cost.charges import Basis, Charge, Optimisation
from operations.cost.pricing.table import Properties, prices
from operations.cost.scene import Scene, service_of


@prices("AWS::EC2::NatGateway")
def nat_gateway(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """Hours, and every gigabyte that no endpoint takes; against a gateway in every zone, which is CDK's default."""
    gateways = scene.count("AWS::EC2::NatGateway")
    spared = scene.zones / gateways - 1
    hour = scene.prices.usd("nat_gateway.hour") + scene.prices.usd("public_ipv4.hour")
    yield scene.charge(
        "NAT gateway", "nat_gateway.hour", scene.hours, savings={Optimisation.EGRESS: spared * hour * scene.hours}
    )
    yield scene.by_use(
        "data through the NAT gateway",
        "nat_gateway.gb",
        scene.egress_gb / gateways,
        assumption="internet_gb, and s3_gb and service_gb where no endpoint takes them",
    )


@prices("AWS::EC2::EIP")
def elastic_ip(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """A public address costs by the hour, in use or idle."""
    yield scene.charge("public IPv4 address", "public_ipv4.hour", scene.hours)


@prices("AWS::EC2::Instance")
def instance(_: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """Hours, root volume and public address; a NAT instance against a gateway in every zone and its gigabytes."""
    price = f"ec2.{properties['InstanceType']}"
    is_nat = properties.get("SourceDestCheck") is False
    savings = {Optimisation.EGRESS: _instance_saves(price, scene)} if is_nat else {}
    yield scene.charge("NAT instance" if is_nat else "instance", price, scene.hours, savings=savings)
    disks = [each.get("Ebs", {}).get("VolumeSize", 8) for each in properties.get("BlockDeviceMappings", [])] or [8]
    yield scene.charge("root volume", "ebs.gp3_gb", sum(disks))
    if is_nat and not scene.count("AWS::EC2::EIP"):
        yield scene.charge("public IPv4 address", "public_ipv4.hour", scene.hours)


def _instance_saves(price: str, scene: Scene) -> float:
    """Return what one of the NAT instances saves against its share of a gateway in every zone."""
    instances = sum(1 for each in scene.of("AWS::EC2::Instance") if each.get("SourceDestCheck") is False)
    address = scene.prices.usd("public_ipv4.hour") * scene.hours
    gateways = scene.zones / instances * (scene.prices.usd("nat_gateway.hour") * scene.hours + address)
    data = scene.egress_gb / instances * scene.prices.usd("nat_gateway.gb")
    return gateways + data - scene.prices.usd(price) * scene.hours - address


@prices("AWS::EC2::VPCEndpoint")
def endpoint(_: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """A gateway endpoint is free and takes S3's traffic off the NAT; an interface costs by zone, hour and gigabyte."""
    service = service_of(properties)
    through_nat = scene.prices.usd("nat_gateway.gb")
    if properties.get("VpcEndpointType", "Gateway") != "Interface":
        amount = scene.usage.s3_gb if service == "s3" else 0.0
        yield Charge(
            what=f"gateway endpoint {service}: free",
            quantity=amount,
            unit="GB",
            monthly=0.0,
            basis=Basis.BY_USE,
            estimated=False,
            assumption="s3_gb",
            savings={Optimisation.S3_GATEWAY: amount * through_nat},
        )
        return
    zones = len(properties["SubnetIds"])
    fixed = zones * scene.hours * scene.prices.usd("endpoint.hour")
    yield scene.charge(
        f"interface endpoint {service}, {zones} zones",
        "endpoint.hour",
        zones * scene.hours,
        savings={Optimisation.ENDPOINTS: -fixed},
    )
    amount = scene.usage.service_gb.get(service, 0.0)
    yield scene.by_use(
        f"data through endpoint {service}",
        "endpoint.gb",
        amount,
        assumption=f"service_gb.{service}",
        savings={Optimisation.ENDPOINTS: amount * (through_nat - scene.prices.usd("endpoint.gb"))},
    )
