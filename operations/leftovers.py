"""What is still there of an environment after `make destroy`: by tag, and what carries none of our tags.

    python -m operations.leftovers dev

Lists first what the templates retain on purpose (prod). Ends with 0 if nothing is there, 1 if something is,
2 if it could not be asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from config.names import CLUSTER, PROJECT, Tag
from config.settings import EnvironmentSettings
from operations.options import account_of, changes, environment_parser, error_code, finish, session_of, settings_of
from operations.retained import print_retained, retained

_STACK_TAG = "aws:cloudformation:stack-name"
# The tagging API remembers these for a while after they are gone.
_GONE = frozenset({"DELETE_COMPLETE"})


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """Something that exists. ``ends`` says when AWS removes it by itself; it then costs and needs nothing."""

    kind: str
    name: str
    ends: str = ""


@dataclass(frozen=True, kw_only=True)
class Clients:
    """The AWS services that are asked."""

    cloudformation: Any
    ecr: Any
    glue: Any
    kms: Any
    logs: Any
    s3: Any
    secretsmanager: Any
    tagging: Any


def leftovers(settings: EnvironmentSettings, clients: Clients) -> Iterator[Leftover]:
    """Yield all that exists of one environment, each thing once."""
    seen: set[str] = set()
    for found in _all(settings, clients):
        if found.name not in seen:
            seen.add(found.name)
            yield found


def _all(settings: EnvironmentSettings, clients: Clients) -> Iterator[Leftover]:
    start = settings.name("")
    yield from _stacks(start, clients.cloudformation)
    yield from _buckets(start, clients.s3)
    yield from _log_groups(start, clients.logs)
    yield from _images(start, clients.ecr)
    yield from _secrets(start, clients.secretsmanager)
    yield from _offline_store(start, clients.glue)
    yield from _tagged(settings, clients)


def _stacks(start: str, cloudformation: Any) -> Iterator[Leftover]:
    for page in cloudformation.get_paginator("list_stacks").paginate():
        for stack in page["StackSummaries"]:
            if stack["StackName"].startswith(start) and stack["StackStatus"] not in _GONE:
                yield Leftover(kind=f"stack ({stack['StackStatus']})", name=stack["StackName"])


def _buckets(start: str, s3: Any) -> Iterator[Leftover]:
    for page in s3.get_paginator("list_buckets").paginate(Prefix=start):
        for bucket in page["Buckets"]:
            yield Leftover(kind="bucket", name=f"arn:aws:s3:::{bucket['Name']}")


def _log_groups(start: str, logs: Any) -> Iterator[Leftover]:
    """Services make log groups of their own, with a name of theirs in front and without our tags."""
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePattern=start):
        for group in page["logGroups"]:
            if any(part.startswith(start) for part in group["logGroupName"].split("/")):
                yield Leftover(kind="log group", name=group["logGroupArn"])


def _images(start: str, ecr: Any) -> Iterator[Leftover]:
    for page in ecr.get_paginator("describe_repositories").paginate():
        for repository in page["repositories"]:
            if repository["repositoryName"].startswith(start):
                yield Leftover(kind="image repository", name=repository["repositoryArn"])


def _secrets(start: str, secretsmanager: Any) -> Iterator[Leftover]:
    pages = secretsmanager.get_paginator("list_secrets").paginate(
        IncludePlannedDeletion=True, Filters=[{"Key": "name", "Values": [start]}]
    )
    for page in pages:
        for secret in page["SecretList"]:
            planned = secret.get("DeletedDate")
            yield Leftover(kind="secret", name=secret["ARN"], ends="within 30 days" if planned else "")


def _offline_store(start: str, glue: Any) -> Iterator[Leftover]:
    """SageMaker makes a Glue table for a feature group's offline store, and leaves it."""
    pages = glue.get_paginator("get_tables").paginate(
        DatabaseName="sagemaker_featurestore", Expression=f"{start.replace('-', '_')}.*"
    )
    try:
        for page in pages:
            for table in page["TableList"]:
                yield Leftover(kind="table of the feature store", name=f"sagemaker_featurestore.{table['Name']}")
    except ClientError as error:
        if error_code(error) != "EntityNotFoundException":
            raise


def _tagged(settings: EnvironmentSettings, clients: Clients) -> Iterator[Leftover]:
    """What carries our tags, and what the cluster's controllers made: volumes, load balancers, interfaces."""
    cluster = settings.name(CLUSTER)
    filters: list[list[dict[str, Any]]] = [
        [
            {"Key": str(Tag.PROJECT), "Values": [PROJECT]},
            {"Key": str(Tag.ENVIRONMENT), "Values": [settings.environment]},
        ],
        [{"Key": f"kubernetes.io/cluster/{cluster}"}],
        [{"Key": "elbv2.k8s.aws/cluster", "Values": [cluster]}],
    ]
    for wanted in filters:
        for page in clients.tagging.get_paginator("get_resources").paginate(TagFilters=wanted):
            for resource in page["ResourceTagMappingList"]:
                tags = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
                if _is_of_this_copy(tags, settings):
                    yield from _resource(resource["ResourceARN"], clients.kms)


def _is_of_this_copy(tags: dict[str, str], settings: EnvironmentSettings) -> bool:
    """Another prefix in the same account has the same tags; the stack's name tells them apart where there is one."""
    return tags.get(_STACK_TAG, settings.name("")).startswith(settings.name(""))


def _resource(arn: str, kms: Any) -> Iterator[Leftover]:
    _, _, service, _, _, name = arn.split(":", 5)
    if service != "kms" or not name.startswith("key/"):
        yield Leftover(kind=service, name=arn)
        return
    try:
        key = kms.describe_key(KeyId=arn)["KeyMetadata"]
    except ClientError as error:
        if error_code(error) != "NotFoundException":
            raise
        return
    deletion = key.get("DeletionDate")
    yield Leftover(kind="key", name=arn, ends=f"{deletion:%Y-%m-%d}" if deletion else "")


def show(found: list[Leftover]) -> int:
    """Print what was found; return 1 if some of it stays until somebody removes it, otherwise 0."""
    for each in sorted(found, key=lambda leftover: (leftover.kind, leftover.name)):
        print(f"  {each.kind:<28} {each.name}{f'  (removed by AWS: {each.ends})' if each.ends else ''}")
    staying = sum(not each.ends for each in found)
    print(f"{staying} left over" if staying else "nothing is left over")
    return 1 if staying else 0


def main() -> int:
    """Ask AWS and print the answers."""
    arguments = environment_parser(__doc__, "leftovers").parse_args()
    settings = settings_of(arguments)
    if settings.on_destroy == "retain":
        _print_what_stays_on_purpose(arguments.environment, changes(arguments))
    session = session_of(settings)
    account_of(session.client("sts"), settings)
    clients = Clients(
        cloudformation=session.client("cloudformation"),
        ecr=session.client("ecr"),
        glue=session.client("glue"),
        kms=session.client("kms"),
        logs=session.client("logs"),
        s3=session.client("s3"),
        secretsmanager=session.client("secretsmanager"),
        tagging=session.client("resourcegroupstaggingapi"),
    )
    return show(list(leftovers(settings, clients)))


def _print_what_stays_on_purpose(environment: str, replaced: dict[str, str]) -> None:
    from operations.synthesis import synthesize  # noqa: PLC0415  it starts CDK, which dev need not wait for

    print_retained(list(retained(synthesize(environment, **replaced))))


if __name__ == "__main__":
    finish(main)
