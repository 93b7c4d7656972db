"""What costs money and is in no template: Kubernetes makes the load balancer, the pipeline starts jobs, data moves."""

from collections.abc import Iterator

from operations.cost.charges import Basis, Charge, Line, Optimisation
from operations.cost.scene import Scene

STACK = "outside the templates"


def outside(scene: Scene) -> Iterator[Line]:
    """Yield the lines of what the templates do not hold. Without a cluster there is no such thing."""
    if not scene.count("AWS::EKS::Cluster"):
        return
    for resource, kind, charges in (
        ("Ingress", "Application Load Balancer", _load_balancer(scene)),
        ("Pipeline", "SageMaker jobs", _jobs(scene)),
        ("Metrics", "CloudWatch metrics", _metrics(scene)),
        ("Traffic", "data transfer", _traffic(scene)),
    ):
        for charge in charges:
            yield Line(stack=STACK, resource=resource, kind=kind, charge=charge)


def _load_balancer(scene: Scene) -> Iterator[Charge]:
    """The Ingress's load balancer, with a public address in each zone; it stays up when nodes sleep."""
    yield scene.charge("load balancer", "load_balancer.hour", scene.hours)
    yield scene.charge("its public IPv4 addresses", "public_ipv4.hour", scene.zones * scene.hours)
    yield scene.by_use(
        "load balancer capacity units",
        "load_balancer.lcu_hour",
        scene.usage.load_balancer_units * scene.hours,
        assumption="load_balancer_units",
    )


def _jobs(scene: Scene) -> Iterator[Charge]:
    jobs, usage = scene.settings.jobs, scene.usage
    training = f"sagemaker.{jobs.training_instance}"
    trained = usage.runs * usage.training_hours_per_run
    processed = usage.runs * usage.processing_hours_per_run + usage.looks * usage.processing_hours_per_look
    discount = scene.prices.spot_discount if jobs.spot else 0.0
    yield scene.by_use(
        f"training on {jobs.training_instance}{', spot' if jobs.spot else ''}",
        training,
        trained,
        assumption="runs × training_hours_per_run",
        discount=discount,
        savings={Optimisation.SPOT: trained * scene.prices.usd(training) * discount},
    )
    yield scene.by_use(
        f"processing on {jobs.processing_instance}",
        f"sagemaker.{jobs.processing_instance}",
        processed,
        assumption="runs × processing_hours_per_run + looks × processing_hours_per_look",
    )
    yield scene.by_use(
        "volumes of the jobs",
        "sagemaker.volume_gb",
        jobs.volume_gb * (trained + processed) / scene.hours,
        assumption="while the jobs run",
    )


def _metrics(scene: Scene) -> Iterator[Charge]:
    yield scene.by_use(
        "metrics of our own", "cloudwatch.metric", scene.usage.custom_metrics, assumption="custom_metrics"
    )


def _traffic(scene: Scene) -> Iterator[Charge]:
    yield scene.by_use(
        "answers to the internet", "transfer.internet_gb", scene.usage.internet_out_gb, assumption="internet_out_gb"
    )
    yield scene.charge(
        "between zones",
        "transfer.zone_gb",
        2 * scene.usage.zone_gb,
        basis=Basis.BY_USE,
        assumption="zone_gb, counted in both directions",
    )
