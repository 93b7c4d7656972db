"""Which resources SageMaker's operations are about, and what else they take: as the service authorization has it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from rehearsal.emulator.roles import DeniedError, require
from rehearsal.emulator.sagemaker.state import ApiError, Caller, Item, State

# Operation: the kind of resource, and the member that names it. What is not here knows no resource.
_RESOURCES: Final[Mapping[str, tuple[str, str]]] = {
    **{
        f"{verb}{title}Job": (f"{title.lower()}-job", f"{title}JobName")
        for verb in ("Create", "Describe", "Stop")
        for title in ("Processing", "Training")
    },
    **{
        f"{verb}ModelPackageGroup": ("model-package-group", "ModelPackageGroupName")
        for verb in ("Create", "Describe", "Delete")
    },
    "DescribeModelPackage": ("model-package", "ModelPackageName"),
    "DeleteModelPackage": ("model-package", "ModelPackageName"),
    "UpdateModelPackage": ("model-package", "ModelPackageArn"),
    **{f"{verb}FeatureGroup": ("feature-group", "FeatureGroupName") for verb in ("Create", "Describe", "Delete")},
    **dict.fromkeys(("AddTags", "DeleteTags", "ListTags"), ("", "ResourceArn")),
}
# What holds the groups of a batch, each of which its handler asks for.
_BATCHES: Final[Mapping[str, str]] = {"BatchGetRecord": "Identifiers", "BatchWriteRecord": "Entries"}
_SERVICE: Final = "sagemaker.amazonaws.com"


def resource_of(operation: str, request: Item, *, account: str, region: str) -> str:
    """Return the ARN of what an operation is about, ``*`` where it knows no resource."""
    prefix = f"arn:aws:sagemaker:{region}:{account}"
    group = str(request.get("ModelPackageGroupName", "")).rsplit("/", 1)[-1]
    if operation in {"CreateModelPackage", "ListModelPackages"} and group:
        return f"{prefix}:model-package/{group}/*"
    kind, member = _RESOURCES.get(operation, ("", ""))
    name = str(request.get(member, ""))
    if not name:
        return "*"
    return name if name.startswith("arn:") else f"{prefix}:{kind}/{name}"


def feature_group_of(path: str, body: bytes, *, account: str, region: str) -> str:
    """Return the ARN of the feature group that a request of the runtime names, of a batch the first one."""
    parts = [each for each in path.split("/") if each]
    name = ""
    if parts[:1] == ["FeatureGroup"] and len(parts) > 1:
        name = parts[1]
    elif len(parts) == 1 and (member := _BATCHES.get(parts[0])):
        name = str(_first(parsed(body).get(member)).get("FeatureGroupName", ""))
    if not name:
        return "*"
    return name if name.startswith("arn:") else f"arn:aws:sagemaker:{region}:{account}:feature-group/{name}"


def _first(items: Any) -> Item:
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}


def further_checks(state: State, operation: str, request: Item, caller: Caller) -> None:
    """Check what an operation takes besides itself: to pass a role on, to tag, and a package's group.

    Raises:
        ApiError: the caller may not.

    """
    resource = resource_of(operation, request, account=state.account, region=state.region)
    checks: list[tuple[str, str, dict[str, Any]]] = []
    if operation.startswith("Create") and request.get("RoleArn"):
        checks.append(("iam:PassRole", request["RoleArn"], {"iam:PassedToService": _SERVICE}))
    if operation.startswith("Create") and request.get("Tags"):
        checks.append(("sagemaker:AddTags", resource, {}))
    if operation == "CreateModelPackage" and "ModelPackageGroupName" in request:
        group = request["ModelPackageGroupName"].rsplit("/", 1)[-1]
        checks.append(("sagemaker:CreateModelPackage", state.arn("model-package-group", group), {}))
    for action, on, context in checks:
        allow(state, caller, action, on, context)


def allow(state: State, caller: Caller, action: str, resource: str, context: dict[str, Any] | None = None) -> None:
    """Return if the caller may do ``action`` on ``resource``.

    Raises:
        ApiError: it may not.

    """
    try:
        require(caller.access_key, action, resource, service="sagemaker", region=state.region, context=context)
    except DeniedError as error:
        raise ApiError("AccessDeniedException", str(error)) from error


def install_resources() -> None:
    """Teach the emulator's IAM the resources of SageMaker's requests."""
    from ministack.core import iam_actions

    known = iam_actions.extract_resource_arn

    def extract_resource_arn(  # noqa: PLR0917  the emulator's own signature
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        if service == "sagemaker" and "x-amz-target" in headers:
            operation = headers["x-amz-target"].rsplit(".", 1)[-1]
            return resource_of(operation, parsed(body), account=account_id, region=region)
        if service == "sagemaker":
            return feature_group_of(path, body, account=account_id, region=region)
        return str(known(service, method, path, headers, body, query_params, region, account_id))

    iam_actions.extract_resource_arn = extract_resource_arn


def parsed(body: bytes) -> Item:
    """Return a body's JSON object, an empty one for anything else: its handler says what is wrong with it."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}
