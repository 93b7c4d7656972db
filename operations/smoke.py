"""Does what was deployed stand: stacks complete, cluster private, nodes healthy, lake encrypted, models registered?

    python -m operations.smoke dev

Ends with 0 if it does, 1 if something does not, 2 if it could not be asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from config.names import CLUSTER, LAKE, MODEL_GROUP, STACKS
from config.settings import EnvironmentSettings
from operations.finding import Finding, ok, problem, report
from operations.options import account_of, environment_parser, error_code, finish, reading_session_of, settings_of

_ABSENT = frozenset({"ValidationError", "ResourceNotFoundException", "NoSuchBucket", "ValidationException"})
# Not "…_ROLLBACK_COMPLETE": the stack stands then, but as it was before this deployment.
_COMPLETE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})


@dataclass(frozen=True, kw_only=True)
class Clients:
    """The AWS services that are asked."""

    cloudformation: Any
    eks: Any
    s3: Any
    sagemaker: Any


def smoke_test(settings: EnvironmentSettings, account: str, region: str, clients: Clients) -> Iterator[Finding]:
    """Yield a finding for each stack, the cluster, its node groups, the lake and the model group."""
    for component in STACKS:
        yield _stack(settings.name(component), clients.cloudformation)
    yield from _cluster(settings, clients.eks)
    yield from _lake(f"{settings.name(LAKE)}-{account}-{region}", clients.s3)
    yield _model_group(settings.name(MODEL_GROUP), clients.sagemaker)


def _stack(name: str, cloudformation: Any) -> Finding:
    try:
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        return _absent(f"stack {name}", error)
    return ok(f"stack {name}", status) if status in _COMPLETE else problem(f"stack {name}", status)


def _cluster(settings: EnvironmentSettings, eks: Any) -> Iterator[Finding]:
    name = settings.name(CLUSTER)
    try:
        cluster = eks.describe_cluster(name=name)["cluster"]
    except ClientError as error:
        yield _absent(f"cluster {name}", error)
        return
    status = cluster["status"]
    yield (ok if status == "ACTIVE" else problem)(f"cluster {name}", status)
    access = cluster["resourcesVpcConfig"]
    if not access["endpointPrivateAccess"]:
        yield problem("cluster endpoint", "not reachable from the VPC")
    elif not access["endpointPublicAccess"]:
        yield ok("cluster endpoint", "private")
    else:
        yield _public_endpoint(set(access.get("publicAccessCidrs", [])), set(settings.eks.public_access_cidrs))
    yield from _node_groups(name, eks)


def _public_endpoint(opened: set[str], wanted: set[str]) -> Finding:
    if opened and opened <= wanted:
        return ok("cluster endpoint", f"private, and open to {', '.join(sorted(opened))} as the settings say")
    return problem("cluster endpoint", f"public: {', '.join(sorted(opened - wanted)) or 'to everyone'}")


def _node_groups(cluster: str, eks: Any) -> Iterator[Finding]:
    names = eks.list_nodegroups(clusterName=cluster)["nodegroups"]
    if not names:
        yield problem("node groups", "none")
    for name in names:
        group = eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
        issues = [issue["code"] for issue in group.get("health", {}).get("issues", [])]
        healthy = group["status"] == "ACTIVE" and not issues
        yield (ok if healthy else problem)(f"node group {name}", ", ".join([group["status"], *issues]))


def _lake(bucket: str, s3: Any) -> Iterator[Finding]:
    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status", "never enabled")
    except ClientError as error:
        yield _absent(f"lake {bucket}", error)
        return
    algorithms = sorted({rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules})
    yield (ok if algorithms == ["aws:kms"] else problem)("lake encryption", ", ".join(algorithms) or "none")
    yield (ok if versioning == "Enabled" else problem)("lake versioning", versioning)


def _model_group(name: str, sagemaker: Any) -> Finding:
    try:
        status = sagemaker.describe_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupStatus"]
    except ClientError as error:
        return _absent(f"model group {name}", error)
    return (ok if status == "Completed" else problem)(f"model group {name}", status)


def _absent(subject: str, error: ClientError) -> Finding:
    """Return that ``subject`` is not there; any other error is not an answer, and is raised again."""
    if error_code(error) not in _ABSENT:
        raise error
    return problem(subject, "not there")


def main() -> int:
    """Ask AWS and print the answers."""
    settings = settings_of(environment_parser(__doc__, "smoke").parse_args())
    session = reading_session_of(settings)
    clients = Clients(
        cloudformation=session.client("cloudformation"),
        eks=session.client("eks"),
        s3=session.client("s3"),
        sagemaker=session.client("sagemaker"),
    )
    account = account_of(session.client("sts"), settings)
    return report(smoke_test(settings, account, session.region_name, clients))


if __name__ == "__main__":
    finish(main)
