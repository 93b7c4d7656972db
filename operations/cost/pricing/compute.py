"""The cluster, its nodes, functions and builds."""

from collections.abc import Iterator
from statistics import fmean

from operations.cost.charges import Basis, Charge, Optimisation
from operations.cost.pricing.table import Properties, prices
from operations.cost.scene import Scene
from operations.synthesis import plain_id, resources, text_of, walk

DEFAULT_DISK_GB = 20
DEFAULT_MEMORY_MB = 128


@prices("AWS::EKS::Cluster")
def cluster(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """The control plane, by the hour; a version in extended support would cost six times as much."""
    yield scene.charge("control plane", "eks.cluster_hour", scene.hours)


@prices("AWS::EKS::Nodegroup")
def node_group(logical: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """Nodes while they are wanted, and their volumes; a group that rests at zero nodes has the batch hours."""
    desired = properties["ScalingConfig"]["DesiredSize"]
    spot = properties.get("CapacityType") == "SPOT"
    types = properties.get("InstanceTypes", ["t3.medium"])
    # On demand, the first type is taken as long as there is capacity; spot takes whichever is cheap and there.
    taken = types if spot else types[:1]
    hourly = fmean(scene.prices.usd(f"ec2.{each}") for each in taken)
    discount = scene.prices.spot_discount if spot else 0.0
    up = scene.node_hours
    wanted = desired * up if desired else scene.usage.batch_node_hours
    spared = desired * (scene.hours - up)
    words = " or ".join(taken) + (", spot" if spot else "")
    yield Charge(
        what=f"{desired} × {words}" if desired else f"nodes for batch work, {words}",
        quantity=wanted,
        unit="node and hour",
        monthly=wanted * hourly * (1 - discount),
        basis=Basis.ALWAYS_ON if desired else Basis.BY_USE,
        estimated=spot or any(scene.prices.source(f"ec2.{each}").estimated for each in taken),
        prices=tuple(f"ec2.{each}" for each in taken),
        assumption=_rest(desired, scene),
        savings=_present({Optimisation.SPOT: wanted * hourly * discount, Optimisation.OFF_HOURS: spared * hourly}),
    )
    disk = _disk_gb(properties, scene)
    yield scene.charge(
        f"node volumes of {disk:g} GB",
        "ebs.gp3_gb",
        disk * wanted / scene.hours,
        basis=Basis.ALWAYS_ON if desired else Basis.BY_USE,
        assumption=f"while the nodes of {plain_id(logical)} are up",
        savings={Optimisation.OFF_HOURS: disk * spared / scene.hours * scene.prices.usd("ebs.gp3_gb")},
    )


def _rest(desired: int, scene: Scene) -> str:
    if not desired:
        return "batch_node_hours"
    off = scene.settings.off_hours
    return f"off {off.hours_off_per_week} of 168 hours a week" if off and scene.node_hours < scene.hours else ""


def _present(savings: dict[Optimisation, float]) -> dict[Optimisation, float]:
    return {name: value for name, value in savings.items() if value}


def _disk_gb(group: Properties, scene: Scene) -> float:
    """Return the size of a node's volume: the group's own, or its launch template's."""
    if "DiskSize" in group:
        return float(group["DiskSize"])
    wanted = _references(group.get("LaunchTemplate", {}))
    for template in scene.templates.values():
        for logical, resource in resources(template).items():
            if logical in wanted and resource["Type"] == "AWS::EC2::LaunchTemplate":
                disks = resource["Properties"]["LaunchTemplateData"].get("BlockDeviceMappings", [])
                return float(sum(each["Ebs"]["VolumeSize"] for each in disks) or DEFAULT_DISK_GB)
    return DEFAULT_DISK_GB


def _references(value: Properties) -> set[str]:
    return {str(each["Ref"]) for each in walk(value) if "Ref" in each}


@prices("AWS::EKS::Addon")
def addon(_: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """Add-ons are free; the one that watches makes metrics, its logs go to log groups of the template."""
    if properties["AddonName"] != "amazon-cloudwatch-observability":
        return
    configuration = text_of(properties.get("ConfigurationValues", ""))
    # The add-on's own default is the enhanced level; settings that collect nothing of Kubernetes switch it off.
    if configuration and '"kubernetes"' not in configuration:
        return
    enhanced = '"enhanced_container_insights": false' not in configuration
    name = "observations_million" if enhanced else "insights_metrics"
    price = "cloudwatch.observations_million" if enhanced else "cloudwatch.metric"
    amount, share = getattr(scene.usage, name), scene.node_hours / scene.hours
    yield scene.by_use(
        f"Container Insights, {'enhanced' if enhanced else 'basic'}",
        price,
        amount * share,
        assumption=f"{name}, while nodes are up",
        savings={Optimisation.OFF_HOURS: amount * (1 - share) * scene.prices.usd(price)},
    )


@prices("AWS::Lambda::Function")
def function(_: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """Calls and memory over time."""
    calls, seconds = scene.usage.function_invocations, scene.usage.function_seconds
    yield scene.by_use("calls", "lambda.requests_million", calls / 1e6, assumption="function_invocations")
    yield scene.by_use(
        "run time",
        "lambda.gb_second",
        calls * seconds * properties.get("MemorySize", DEFAULT_MEMORY_MB) / 1024,
        assumption="function_invocations × function_seconds",
    )


@prices("AWS::StepFunctions::StateMachine")
def state_machine(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """Transitions between states."""
    yield scene.by_use(
        "transitions",
        "states.transitions_thousand",
        scene.usage.state_transitions / 1e3,
        assumption="state_transitions, of each machine",
    )


@prices("AWS::CodeBuild::Project")
def build(_: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """Build minutes, by the size of the machine."""
    size = properties["Environment"]["ComputeType"]
    yield scene.by_use(
        f"builds, {size}",
        f"codebuild.minute.{size}",
        scene.usage.build_minutes / scene.count("AWS::CodeBuild::Project"),
        assumption="build_minutes, shared by the projects",
    )
