"""What a request to the API server asks for, read from its method, path and query."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rehearsal.cluster.access import Asked
from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.kinds import Kind, Object, at

_ONE: Final = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_MANY: Final = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


@dataclass(frozen=True)
class Target:
    """What a path leads to. ``kind`` is None for what is not served."""

    asked: Asked
    kind: Kind | None
    version: str
    part: str


def target_of(method: str, path: str, *, watches: bool) -> Target:
    """Return what ``path`` leads to.

    Raises:
        ApiError: the path is none of an object or list (404), or the method is not one for it (405).

    """
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise ApiError(404, "the server could not find the requested resource")
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
    plural, name, part = (*rest, "", "")[:3]
    verbs = _ONE if name else _MANY
    if method not in verbs:
        raise ApiError(405, "the server does not allow this method on the requested resource")
    verb = "watch" if watches and not name else verbs[method]
    asked = Asked(verb, group, f"{plural}/{part}" if part else plural, namespace, name)
    return Target(asked, at(group, version, plural), version, part)


def selected(thing: Object, query: Mapping[str, str]) -> bool:
    """Whether an object is what ``labelSelector`` and ``fieldSelector`` of a query ask for."""
    labels = thing["metadata"].get("labels", {})
    metadata = {f"metadata.{key}": thing["metadata"].get(key) for key in ("name", "namespace")}
    return all(_meets(term, labels) for term in _terms(query.get("labelSelector", ""))) and all(
        _meets(term, {**metadata, "spec.nodeName": thing.get("spec", {}).get("nodeName", "")})
        for term in _terms(query.get("fieldSelector", ""))
    )


def _terms(selector: str) -> list[str]:
    """Split at the commas that are outside of brackets."""
    terms, depth = [""], 0
    for character in selector:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            terms.append("")
        else:
            terms[-1] += character
    return [term.strip() for term in terms if term.strip()]


def _meets(term: str, labels: Mapping[str, object]) -> bool:
    for word, wanted in ((" notin ", False), (" in ", True)):
        if word in term:
            key, _, values = term.partition(word)
            allowed = {each.strip() for each in values.strip(" ()").split(",")}
            return (labels.get(key.strip()) in allowed) is wanted
    if "!=" in term:
        key, _, value = term.partition("!=")
        return labels.get(key.strip()) != value.strip()
    if "=" in term:
        key, _, value = term.partition("=")
        return labels.get(key.strip()) == value.lstrip("=").strip()
    return term.removeprefix("!") not in labels if term.startswith("!") else term in labels
