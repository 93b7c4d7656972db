"""The feature store's groups: what they hold, and where the offline half is."""

import copy
import threading

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.emulator.roles import AssumeRoleError, Credentials, assume
from rehearsal.emulator.sagemaker.offline import OfflineStore
from rehearsal.emulator.sagemaker.state import ApiError, Caller, Item, State, listed, now, page_of
from rehearsal.emulator.sagemaker.transfer import Place, TransferError

_SERVICE = "sagemaker.amazonaws.com"
_OURS = ("write_time", "api_invocation_time", "is_deleted")


def create_group(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """CreateFeatureGroup: made when the offline store's role has shown that it reaches the bucket."""
    name = request["FeatureGroupName"]
    arn = state.arn("feature-group", name)
    if name in state.features:
        raise ApiError("ResourceInUse", f"Resource Already Exists: FeatureGroup with name {name} already exists.")
    _definitions(request)
    group = {
        **{key: copy.deepcopy(value) for key, value in request.items() if key != "Tags"},
        "FeatureGroupArn": arn,
        "FeatureGroupStatus": "Creating",
        "CreationTime": now(),
        # By a record's identifier.
        "_records": {},
    }
    offline = group.get("OfflineStoreConfig")
    credentials = None
    if offline is not None:
        credentials = _role(request)
        storage = offline["S3StorageConfig"]
        _place(storage["S3Uri"])
        folder = f"{state.account}/sagemaker/{state.region}/offline-store/{name}-{int(group['CreationTime'])}/data"
        storage["ResolvedOutputS3Uri"] = f"{storage['S3Uri'].rstrip('/')}/{folder}"
        group["_offline"] = OfflineStore(state.front.client("s3", credentials), group)
    state.features[name] = group
    state.tag(arn, request.get("Tags"))
    threading.Thread(target=_settle, args=(state, group, credentials), daemon=True).start()
    return {"FeatureGroupArn": arn}


def describe_group(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """DescribeFeatureGroup."""
    return group_of(state, request["FeatureGroupName"])


def list_groups(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """ListFeatureGroups."""
    status = request.get("FeatureGroupStatusEquals")
    items = [each for each in state.features.values() if status in (None, each["FeatureGroupStatus"])]
    page, following = page_of(listed(items, request, name="FeatureGroupName"), request)
    names = ("FeatureGroupName", "FeatureGroupArn", "CreationTime", "FeatureGroupStatus", "OfflineStoreStatus")
    return {"FeatureGroupSummaries": [{key: each[key] for key in names if key in each} for each in page], **following}


def delete_group(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """DeleteFeatureGroup: what is in the offline store stays."""
    group = group_of(state, request["FeatureGroupName"])
    del state.features[group["FeatureGroupName"]]
    state.tags.pop(group["FeatureGroupArn"], None)
    return {}


def group_of(state: State, name: str) -> Item:
    """Return a group by its name or ARN.

    Raises:
        ApiError: there is none.

    """
    short = name.rsplit("/", 1)[-1]
    if short not in state.features:
        raise ApiError("ResourceNotFound", f"Resource Not Found: FeatureGroup with name {short} does not exist.")
    return state.features[short]


def _definitions(request: Item) -> None:
    names = [each["FeatureName"] for each in request["FeatureDefinitions"]]
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if request[member] not in names:
            raise ApiError("ValidationException", f"{member}: {request[member]} is not in FeatureDefinitions")
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        raise ApiError("ValidationException", f"FeatureDefinitions: more than once: {', '.join(twice)}")
    reserved = sorted(set(names) & set(_OURS))
    if reserved:
        raise ApiError("ValidationException", f"FeatureDefinitions: reserved: {', '.join(reserved)}")


def _role(request: Item) -> Credentials:
    if "RoleArn" not in request:
        raise ApiError("ValidationException", "RoleArn: required with an OfflineStoreConfig")
    try:
        return assume(request["RoleArn"], service=_SERVICE, session="SageMakerFeatureStore")
    except AssumeRoleError as error:
        raise ApiError("ValidationException", f"Could not assume role. {error}") from error


def _place(uri: str) -> Place:
    try:
        return Place.of(uri)
    except TransferError as error:
        raise ApiError("ValidationException", f"OfflineStoreConfig: {error}") from error


def _settle(state: State, group: Item, credentials: Credentials | None) -> None:
    if credentials is not None:
        place = Place.of(group["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"])
        try:
            state.front.client("s3", credentials, attempts=3).get_bucket_acl(Bucket=place.bucket)
        except (ClientError, BotoCoreError) as error:
            group["FailureReason"] = f"The execution role ARN {group['RoleArn']} is invalid: {error}"
            group["OfflineStoreStatus"] = {"Status": "Blocked", "BlockedReason": group["FailureReason"]}
            group["FeatureGroupStatus"] = "CreateFailed"
            return
        group["OfflineStoreStatus"] = {"Status": "Active"}
    group["FeatureGroupStatus"] = "Created"
