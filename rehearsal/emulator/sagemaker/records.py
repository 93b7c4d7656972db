"""The feature store's runtime: records put, read and deleted. Its REST requests come here as they are."""

import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rehearsal.emulator.parameters import problems
from rehearsal.emulator.sagemaker.access import allow, parsed
from rehearsal.emulator.sagemaker.features import group_of
from rehearsal.emulator.sagemaker.state import ApiError, Caller, Item, State

_SERVICE: Final = "sagemaker-featurestore-runtime"
_OPERATIONS: Final = {"PUT": "PutRecord", "GET": "GetRecord", "DELETE": "DeleteRecord"}
_STATUS: Final = {"ResourceNotFound": 404, "AccessForbidden": 403, "AccessDeniedException": 403}
_SECONDS: Final = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86_400, "Weeks": 604_800}
_KINDS: Final = {"Integral": int, "Fractional": float}
_READ: Final = "ExpirationTimeResponse"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it came; ``query`` has one value or a list for each name."""

    method: str
    path: str
    query: dict[str, Any]
    body: bytes


def answer(state: State, request: Request, caller: Caller) -> tuple[int, dict[str, str], bytes]:
    """Do what a request of the runtime asks for; return what goes over the wire."""
    try:
        with state.lock:
            result = _operate(state, request, caller)
    except ApiError as error:
        content = json.dumps({"Message": error.message}).encode()
        headers = {"Content-Type": "application/json", "x-amzn-errortype": error.code}
        return _STATUS.get(error.code, 400), headers, content
    return 200, {"Content-Type": "application/json"}, json.dumps(result).encode()


def _operate(state: State, asked: Request, caller: Caller) -> Item:
    method, body = asked.method, parsed(asked.body)
    parts = [urllib.parse.unquote(each) for each in asked.path.strip("/").split("/")]
    if method == "POST" and len(parts) == 1 and parts[0] in _BATCHES:
        return _BATCHES[parts[0]](state, _checked(parts[0], body), caller)
    if len(parts) < 2 or parts[0] != "FeatureGroup" or method not in _OPERATIONS:
        raise ApiError("ValidationError", f"{method} {asked.path}: not emulated")
    operation = _OPERATIONS[method]
    request = {"FeatureGroupName": "/".join(parts[1:]), **body, **_from_query(asked.query)}
    group = _made(state, _checked(operation, request)["FeatureGroupName"])
    if operation == "PutRecord":
        return _put(group, request)
    if operation == "DeleteRecord":
        return _delete(group, request)
    record = _get(group, request["RecordIdentifierValueAsString"], request.get("FeatureNames"))
    return record if request.get(_READ) == "Enabled" else {key: record[key] for key in ("Record",) if key in record}


def _made(state: State, name: str) -> Item:
    group = group_of(state, name)
    if group["FeatureGroupStatus"] != "Created":
        raise ApiError("ValidationError", f"{group['FeatureGroupName']} is {group['FeatureGroupStatus']}")
    return group


def _put(group: Item, request: Item) -> Item:
    record = {each["FeatureName"]: each["ValueAsString"] for each in request["Record"] if "ValueAsString" in each}
    kinds = {each["FeatureName"]: each["FeatureType"] for each in group["FeatureDefinitions"]}
    identifier, event_time = group["RecordIdentifierFeatureName"], group["EventTimeFeatureName"]
    for name in (identifier, event_time):
        if name not in record:
            raise ApiError("ValidationError", f"Validation Error: record is missing the feature {name}")
    for name, value in record.items():
        if name not in kinds:
            raise ApiError("ValidationError", f"Validation Error: {name} is no feature of {group['FeatureGroupName']}")
        _typed(name, value, kinds[name])
    at = _moment(record[event_time])
    stores = request.get("TargetStores") or ["OnlineStore", "OfflineStore"]
    if "OnlineStore" in stores and group.get("OnlineStoreConfig", {}).get("EnableOnlineStore"):
        known = group["_records"].get(record[identifier])
        # An older record that comes later changes nothing online.
        if known is None or known["at"] <= at:
            ttl = request.get("TtlDuration") or group["OnlineStoreConfig"].get("TtlDuration")
            expires = at.timestamp() + ttl["Value"] * _SECONDS[ttl["Unit"]] if ttl else None
            group["_records"][record[identifier]] = {"at": at, "features": record, "expires": expires}
    if "OfflineStore" in stores and "_offline" in group:
        group["_offline"].add(record, at=at, deleted=False)
    return {}


def _delete(group: Item, request: Item) -> Item:
    identifier, at = request["RecordIdentifierValueAsString"], _moment(request["EventTime"])
    known = group["_records"].get(identifier)
    if known is not None and known["at"] <= at:
        del group["_records"][identifier]
    if "_offline" in group:
        names = (group["RecordIdentifierFeatureName"], group["EventTimeFeatureName"])
        group["_offline"].add(dict(zip(names, (identifier, request["EventTime"]), strict=True)), at=at, deleted=True)
    return {}


def _get(group: Item, identifier: str, names: list[str] | None) -> Item:
    """Return a record that has not expired, an empty answer where there is none."""
    known = group["_records"].get(identifier)
    if known is None or (known["expires"] is not None and known["expires"] <= time.time()):
        return {}
    features = [
        {"FeatureName": name, "ValueAsString": value}
        for name, value in known["features"].items()
        if not names or name in names
    ]
    expires = known["expires"]
    stamp = {"ExpiresAt": datetime.fromtimestamp(expires, UTC).isoformat()} if expires is not None else {}
    return {"Record": features, **stamp}


def _batch_get(state: State, request: Item, caller: Caller) -> Item:
    _allow_each(state, "sagemaker:BatchGetRecord", request["Identifiers"], caller)
    records = []
    for each in request["Identifiers"]:
        group = group_of(state, each["FeatureGroupName"])
        for identifier in each["RecordIdentifiersValueAsString"]:
            found = _get(group, identifier, each.get("FeatureNames"))
            if found:
                named = {"FeatureGroupName": each["FeatureGroupName"], "RecordIdentifierValueAsString": identifier}
                records.append({**named, **found})
    return {"Records": records, "Errors": [], "UnprocessedIdentifiers": []}


def _batch_write(state: State, request: Item, caller: Caller) -> Item:
    """Write each entry by itself: what does not fit comes back as an error, the others are kept."""
    _allow_each(state, "sagemaker:BatchWriteRecord", request["Entries"], caller)
    ttl = {"TtlDuration": request["TtlDuration"]} if "TtlDuration" in request else {}
    errors = []
    for entry in request["Entries"]:
        try:
            _put(_made(state, entry["FeatureGroupName"]), {**ttl, **entry})
        except ApiError as error:
            errors.append({"Entry": entry, "ErrorCode": error.code, "ErrorMessage": error.message})
    return {"Errors": errors, "UnprocessedEntries": []}


def _allow_each(state: State, action: str, asked: list[Item], caller: Caller) -> None:
    for name in dict.fromkeys(each["FeatureGroupName"] for each in asked):
        allow(state, caller, action, state.arn("feature-group", name.rsplit("/", 1)[-1]))


_BATCHES: Final[Mapping[str, Callable[[State, Item, Caller], Item]]] = {
    "BatchGetRecord": _batch_get,
    "BatchWriteRecord": _batch_write,
}


def _checked(operation: str, request: Item) -> Item:
    found = problems(_SERVICE, operation, request)
    if found:
        raise ApiError("ValidationError", f"{operation}: {'; '.join(found)}")
    return request


def _from_query(query: dict[str, Any]) -> Item:
    """Return what the query string gives; ``FeatureName`` may be given several times."""
    given: Item = {key: value[0] if isinstance(value, list) else value for key, value in query.items()}
    names = query.get("FeatureName", [])
    given.pop("FeatureName", None)
    if names:
        given["FeatureNames"] = names if isinstance(names, list) else [names]
    if "TargetStores" in query:
        given["TargetStores"] = query["TargetStores"]
    return given


def _typed(name: str, value: str, kind: str) -> None:
    try:
        _KINDS.get(kind, str)(value)
    except ValueError as error:
        raise ApiError("ValidationError", f"Validation Error: {name}: {value!r} is not {kind}") from error


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromtimestamp(float(text), UTC) if text.replace(".", "", 1).isdigit() else None
        at = at or datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError(
            "ValidationError", f"Validation Error: event time {text!r} is neither ISO 8601 nor Unix"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
