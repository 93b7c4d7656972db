"""The model registry: groups, and the numbered packages in them."""

from typing import Final

from rehearsal.emulator.sagemaker.events import emit
from rehearsal.emulator.sagemaker.state import ApiError, Caller, Item, State, listed, now, page_of

_METADATA: Final = "CustomerMetadataProperties"
_UPDATABLE: Final = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    _METADATA,
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)
_KEPT: Final = (
    "ModelPackageDescription",
    "InferenceSpecification",
    "AdditionalInferenceSpecifications",
    "SourceAlgorithmSpecification",
    "ModelMetrics",
    "DriftCheckBaselines",
    "MetadataProperties",
    _METADATA,
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "SkipModelValidation",
    "SourceUri",
    "SecurityConfig",
    "ModelCard",
    "ModelLifeCycle",
)
# Of a package, what a list shows.
_SUMMARY: Final = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)


def create_group(state: State, request: Item, caller: Caller) -> Item:
    """CreateModelPackageGroup."""
    name = request["ModelPackageGroupName"]
    if name in state.groups:
        raise ApiError("ValidationException", f"Model Package Group already exists: {group_arn(state, name)}")
    state.groups[name] = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupArn": group_arn(state, name),
        **_given(request, ("ModelPackageGroupDescription",)),
        "CreationTime": now(),
        "CreatedBy": _by(caller),
        "ModelPackageGroupStatus": "Completed",
    }
    state.tag(group_arn(state, name), request.get("Tags"))
    return {"ModelPackageGroupArn": group_arn(state, name)}


def describe_group(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """DescribeModelPackageGroup."""
    return _group(state, request)


def list_groups(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """ListModelPackageGroups."""
    items = listed(list(state.groups.values()), request, name="ModelPackageGroupName")
    page, following = page_of(items, request)
    names = (
        "ModelPackageGroupName",
        "ModelPackageGroupArn",
        "ModelPackageGroupDescription",
        "CreationTime",
        "ModelPackageGroupStatus",
    )
    return {"ModelPackageGroupSummaryList": [_given(each, names) for each in page], **following}


def delete_group(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """DeleteModelPackageGroup: refused while there are packages in it."""
    group = _group(state, request)
    name = group["ModelPackageGroupName"]
    if any(each["ModelPackageGroupName"] == name for each in state.packages.values()):
        raise ApiError(
            "ConflictException",
            f"Model Package Group cannot be deleted because it still contains Model Packages: {name}",
        )
    del state.groups[name]
    state.tags.pop(group["ModelPackageGroupArn"], None)
    return {}


def create_package(state: State, request: Item, caller: Caller) -> Item:
    """CreateModelPackage: a version of a group; its number goes up for ever."""
    token = request.get("ClientToken")
    if token in state.tokens:
        return {"ModelPackageArn": state.tokens[token]}
    if "ModelPackageGroupName" not in request:
        raise ApiError("ValidationException", "ModelPackageGroupName: only packages of a group are emulated")
    group = _group(state, request)
    name = group["ModelPackageGroupName"]
    version = group.get("_last", 0) + 1
    group["_last"] = version
    arn = state.arn("model-package", f"{name}/{version}")
    package = {
        "ModelPackageGroupName": name,
        "ModelPackageVersion": version,
        "ModelPackageArn": arn,
        **_given(request, _KEPT),
        "CreationTime": now(),
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": request.get("CertifyForMarketplace", False),
        "ModelApprovalStatus": request.get("ModelApprovalStatus", "PendingManualApproval"),
        "CreatedBy": _by(caller),
    }
    state.packages[arn] = package
    state.tag(arn, request.get("Tags"))
    if token is not None:
        state.tokens[token] = arn
    emit(state, "Model Package", package, arn=arn)
    return {"ModelPackageArn": arn}


def describe_package(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """DescribeModelPackage."""
    return _package(state, request["ModelPackageName"])


def list_packages(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """ListModelPackages."""
    wanted = request.get("ModelPackageGroupName")
    if wanted is not None:
        wanted = _group(state, request)["ModelPackageGroupName"]
    status = request.get("ModelApprovalStatus")
    items = [
        each
        for each in state.packages.values()
        if wanted in (None, each["ModelPackageGroupName"]) and status in (None, each["ModelApprovalStatus"])
    ]
    page, following = page_of(listed(items, request, name="ModelPackageGroupName"), request)
    return {"ModelPackageSummaryList": [_given(each, _SUMMARY) for each in page], **following}


def update_package(state: State, request: Item, caller: Caller) -> Item:
    """UpdateModelPackage: the event that follows names the fields that changed."""
    package = _package(state, request["ModelPackageArn"])
    changed = _given(request, _UPDATABLE)
    added, removed = request.get(_METADATA, {}), request.get(f"{_METADATA}ToRemove", [])
    if added or removed:
        merged = {**package.get(_METADATA, {}), **added}
        changed[_METADATA] = {key: each for key, each in merged.items() if key not in removed}
    package.update(changed)
    package["LastModifiedTime"], package["LastModifiedBy"] = now(), _by(caller)
    arn = package["ModelPackageArn"]
    emit(state, "Model Package", {**package, "UpdatedModelPackageFields": sorted(changed)}, arn=arn)
    return {"ModelPackageArn": arn}


def delete_package(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """DeleteModelPackage."""
    arn = _package(state, request["ModelPackageName"])["ModelPackageArn"]
    del state.packages[arn]
    state.tags.pop(arn, None)
    return {}


def group_arn(state: State, name: str) -> str:
    """Return a group's ARN."""
    return state.arn("model-package-group", name)


def _group(state: State, request: Item) -> Item:
    name = request["ModelPackageGroupName"].rsplit("/", 1)[-1]
    if name not in state.groups:
        raise ApiError("ValidationException", f"ModelPackageGroup {group_arn(state, name)} does not exist.")
    return state.groups[name]


def _package(state: State, name: str) -> Item:
    arn = name if name.startswith("arn:") else state.arn("model-package", name)
    if arn not in state.packages:
        raise ApiError("ValidationException", f"ModelPackage {arn} does not exist")
    return state.packages[arn]


def _by(caller: Caller) -> Item:
    return {"IamIdentity": {"Arn": caller.arn, "PrincipalId": caller.arn.rsplit("/", 1)[-1]}}


def _given(item: Item, names: tuple[str, ...]) -> Item:
    return {name: item[name] for name in names if name in item}
