"""The four ways to change a part of an object: JSON patch, merge patch, strategic merge patch and apply."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.kinds import Object

# By which field two items of a list are the same; a list that is not here is replaced as a whole.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port"),
    "conditions": ("type",),
    "containerStatuses": ("name",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey",),
    "secrets": ("name",),
}
_MISSING: Final = object()


def merge_patch(kept: Any, patch: Any) -> Any:
    """Return ``kept`` changed by a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(kept) if isinstance(kept, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_merge_patch(kept: Any, patch: Any, field: str = "") -> Any:
    """Return ``kept`` changed by a strategic merge patch: lists of named things are merged by their names."""
    if isinstance(patch, dict):
        return _merged_object(kept if isinstance(kept, dict) else {}, patch)
    if isinstance(patch, list) and isinstance(kept, list) and (key := _key_of(field, patch)):
        return _merged_list(kept, patch, key)
    if isinstance(patch, list):
        return [strategic_merge_patch({}, each) if isinstance(each, dict) else each for each in patch]
    return copy.deepcopy(patch)


def _merged_object(kept: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    merged = dict(kept)
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = strategic_merge_patch(merged.get(key), value, key)
    return merged


def _merged_list(kept: Sequence[Object], patch: Sequence[Object], key: str) -> list[Object]:
    if any(each.get("$patch") == "replace" for each in patch):
        return [copy.deepcopy(each) for each in patch if "$patch" not in each]
    changes = {each.get(key): each for each in patch}
    old = {each.get(key) for each in kept}
    merged = [
        _merged_object(each, changes[each.get(key)]) if each.get(key) in changes else each
        for each in kept
        if changes.get(each.get(key), {}).get("$patch") != "delete"
    ]
    return merged + [_merged_object({}, each) for each in patch if each.get(key) not in old and "$patch" not in each]


def _key_of(field: str, items: Sequence[Any]) -> str | None:
    if not items or not all(isinstance(each, dict) for each in items):
        return None
    directives = [each for each in items if "$patch" not in each]
    return next((key for key in _KEYS.get(field, ()) if all(key in each for each in directives)), None)


def json_patch(kept: Object, operations: Sequence[Mapping[str, Any]]) -> Object:
    """Return ``kept`` changed by a JSON patch (RFC 6902).

    Raises:
        ApiError: 422, an operation does not fit.

    """
    changed: Object = copy.deepcopy(kept)
    for each in operations:
        path = [part.replace("~1", "/").replace("~0", "~") for part in str(each["path"]).split("/")[1:]]
        try:
            _operate(changed, each["op"], path, copy.deepcopy(each.get("value")))
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ApiError(422, f"the patch does not fit: {each['op']} {each['path']}: {error!r}") from error
    return changed


def _operate(root: Any, operation: str, path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        root = root[int(part)] if isinstance(root, list) else root[part]
    last: Any = path[-1]
    if isinstance(root, list):
        last = len(root) if last == "-" else int(last)
        if operation == "add":
            root.insert(last, value)
            return
    if operation == "test":
        if root[last] != value:
            raise ValueError("the test failed")
    elif operation == "remove":
        del root[last]
    elif operation == "add":
        root[last] = value
    elif operation == "replace":
        root[last]
        root[last] = value
    else:
        raise ValueError("this operation is not supported here")


def apply(kept: Object, before: Object | None, wanted: Object, *, force: bool) -> Object:
    """Return ``kept`` with what an owner wants now, without what it wanted ``before`` and no longer does.

    Fields of other owners stay. One that another has changed since is a conflict.

    Raises:
        ApiError: 409, naming the fields in conflict.

    """
    if not force and (found := _conflicts(kept, before if before is not None else {}, wanted, "", "")):
        raise ApiError(409, f"Apply failed with {len(found)} conflicts: {', '.join(found)}")
    merged: Object = strategic_merge_patch(kept, wanted)
    return merged if before is None else _without_dropped(merged, before, wanted, "")


def _conflicts(kept: Any, before: Any, wanted: Any, field: str, path: str) -> list[str]:
    if isinstance(wanted, dict) and isinstance(kept, dict):
        old = before if isinstance(before, dict) else {}
        return [
            conflict
            for key, value in wanted.items()
            if key in kept
            for conflict in _conflicts(kept[key], old.get(key, _MISSING), value, key, f"{path}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(kept, list) and (key := _key_of(field, wanted)):
        mine = {each.get(key): each for each in kept}
        old = {each.get(key): each for each in before} if isinstance(before, list) else {}
        return [
            conflict
            for each in wanted
            if each.get(key) in mine
            for conflict in _conflicts(
                mine[each.get(key)], old.get(each.get(key), _MISSING), each, "", f"{path}[{key}={each.get(key)!r}]"
            )
        ]
    return [] if wanted == kept or before is _MISSING or before == kept else [path]


def _without_dropped(merged: Any, before: Any, wanted: Any, field: str) -> Any:
    """Return ``merged`` without what is in ``before`` and not in ``wanted``; nothing if that leaves nothing."""
    if isinstance(merged, dict) and isinstance(before, dict):
        new = wanted if isinstance(wanted, dict) else {}
        kept: Any = {
            key: value if key not in before else _without_dropped(value, before[key], new.get(key, _MISSING), key)
            for key, value in merged.items()
        }
        kept = {key: value for key, value in kept.items() if value is not _MISSING}
    elif isinstance(merged, list) and isinstance(before, list) and (name := _key_of(field, merged)):
        kept = _without_dropped_items(merged, before, wanted if isinstance(wanted, list) else [], name)
    else:
        return _MISSING if wanted is _MISSING else merged
    return _MISSING if wanted is _MISSING and not kept else kept


def _without_dropped_items(
    merged: Sequence[Object], before: Sequence[Object], wanted: Sequence[Object], name: str
) -> list[Any]:
    old = {each.get(name): each for each in before}
    new = {each.get(name): each for each in wanted}
    kept = []
    for each in merged:
        one = each.get(name)
        if one in new or one not in old:
            kept.append(_without_dropped(each, old.get(one, {}), new.get(one, {}), ""))
    return kept
