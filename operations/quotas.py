"""What an environment needs of the account's quotas, computed from its settings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from config.settings import EnvironmentSettings, NodeGroupSettings
from operations.finding import Finding, ok, problem
from operations.options import error_code

_STACK_TAG = "aws:cloudformation:stack-name"


@dataclass(frozen=True, kw_only=True)
class Need:
    """So much of a quota: ``amount`` beside the ``used`` that others take. Codes are AWS's, the same everywhere."""

    subject: str
    amount: int
    used: int = 0
    service: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Clients:
    """The AWS services that are asked."""

    ec2: Any
    eks: Any
    quotas: Any


def check_quotas(settings: EnvironmentSettings, clients: Clients) -> Iterator[Finding]:
    """Yield a finding for each quota that a deployment and its jobs need."""
    for need in _needs(settings, clients):
        yield _judge(need, _quota(need, clients.quotas))
    yield from _jobs(settings, clients.quotas)


def _needs(settings: EnvironmentSettings, clients: Clients) -> Iterator[Need]:
    """What runs already is counted for things; of vCPUs a quota limits what runs, which nobody reports exactly."""
    ours = settings.name("network")
    vpcs = clients.ec2.get_paginator("describe_vpcs").paginate()
    yield Need(
        subject="VPCs",
        amount=1,
        used=_of_others((vpc for page in vpcs for vpc in page["Vpcs"]), ours),
        service="vpc",
        code="L-F678F1CE",
    )
    if settings.network.egress == "nat_gateway":
        yield Need(
            subject="elastic addresses",
            amount=settings.network.nat_count,
            used=_of_others(clients.ec2.describe_addresses()["Addresses"], ours),
            service="ec2",
            code="L-0263D0A3",
        )
    clusters = clients.eks.get_paginator("list_clusters").paginate()
    names = {name for page in clusters for name in page["clusters"]}
    yield Need(
        subject="clusters",
        amount=1,
        used=sum(not name.startswith(settings.name("")) for name in names),
        service="eks",
        code="L-1194D53C",
    )
    sizes = _vcpus(settings, clients.ec2)
    nat = settings.network
    yield Need(
        subject="vCPUs on demand",
        amount=_largest(settings.eks.api, sizes)
        + (nat.nat_count * sizes[nat.nat_instance_type] if nat.egress == "nat_instance" else 0),
        service="ec2",
        code="L-1216C47A",
    )
    yield Need(subject="vCPUs on spot", amount=_largest(settings.eks.batch, sizes), service="ec2", code="L-34B43A08")


def _of_others(things: Iterable[dict[str, Any]], ours: str) -> int:
    """Count those that the stack ``ours`` did not make: it will not make them again."""
    return sum({"Key": _STACK_TAG, "Value": ours} not in thing.get("Tags", []) for thing in things)


def _vcpus(settings: EnvironmentSettings, ec2: Any) -> dict[str, int]:
    types = {*settings.eks.api.instance_types, *settings.eks.batch.instance_types}
    if settings.network.egress == "nat_instance":
        types.add(settings.network.nat_instance_type)
    described = ec2.describe_instance_types(InstanceTypes=sorted(types))["InstanceTypes"]
    return {each["InstanceType"]: each["VCpuInfo"]["DefaultVCpus"] for each in described}


def _largest(group: NodeGroupSettings, sizes: dict[str, int]) -> int:
    """The vCPUs of a node group that has grown to its limit on its largest type."""
    return group.maximum * max(sizes[each] for each in group.instance_types)


def _quota(need: Need, quotas: Any) -> float:
    wanted = {"ServiceCode": need.service, "QuotaCode": need.code}
    try:
        return float(quotas.get_service_quota(**wanted)["Quota"]["Value"])
    except ClientError as error:
        if error_code(error) != "NoSuchResourceException":
            raise
        # Nobody changed it in this account.
        return float(quotas.get_aws_default_service_quota(**wanted)["Quota"]["Value"])


def _judge(need: Need, quota: float) -> Finding:
    taken = f" beside {need.used} of others" if need.used else ""
    detail = f"needs {need.amount}{taken}, quota {quota:g}"
    if need.amount + need.used <= quota:
        return ok(need.subject, detail)
    return problem(need.subject, detail, _request(need.service, need.code, need.amount + need.used))


def _jobs(settings: EnvironmentSettings, quotas: Any) -> Iterator[Finding]:
    """SageMaker has a quota for each kind of job and instance, and in a new account many of them are 0."""
    spot = "spot training" if settings.jobs.spot else "training"
    wanted = [
        f"{settings.jobs.training_instance} for {spot} job usage",
        f"{settings.jobs.processing_instance} for processing job usage",
    ]
    missing = set(wanted)
    for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        for quota in page["Quotas"]:
            if quota["QuotaName"] in missing:
                missing.remove(quota["QuotaName"])
                yield _judge(
                    Need(subject=quota["QuotaName"], amount=1, service="sagemaker", code=quota["QuotaCode"]),
                    quota["Value"],
                )
        if not missing:
            return
    for name in sorted(missing):
        yield problem(name, "SageMaker knows no such quota in this region", "choose another instance in jobs:")


def _request(service: str, code: str, value: int) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
        f"--desired-value {value}"
    )
