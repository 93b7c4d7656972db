"""Questions about access: what may I do, may somebody do this."""

from collections.abc import Callable
from typing import Final

from rehearsal.cluster.access import Access, Asked, User
from rehearsal.cluster.kinds import Object

Review = Callable[[Access, User, Object], Object]
_GROUP: Final = "/apis/authorization.k8s.io/v1/"


def of(path: str) -> Review | None:
    """Return what answers the questions sent to ``path``, if it is one for them."""
    return _REVIEWS.get(path.removeprefix(_GROUP)) if path.startswith(_GROUP) else None


def _own_rules(access: Access, user: User, question: Object) -> Object:
    rules = list(access.rules(user, question["spec"].get("namespace", "")))
    return {**question, "status": {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}}


def _own_access(access: Access, user: User, question: Object) -> Object:
    return _allowed(access, user, question)


def _access(access: Access, user: User, question: Object) -> Object:
    access.check(user, Asked("create", "authorization.k8s.io", "subjectaccessreviews"))
    spec = question["spec"]
    return _allowed(access, User(spec.get("user", ""), tuple(spec.get("groups", []))), question)


def _allowed(access: Access, user: User, question: Object) -> Object:
    asked = question["spec"]["resourceAttributes"]
    resource, part = asked.get("resource", ""), asked.get("subresource")
    allowed = access.allows(
        user,
        Asked(
            asked.get("verb", ""),
            asked.get("group", ""),
            f"{resource}/{part}" if part else resource,
            asked.get("namespace", ""),
            asked.get("name", ""),
        ),
    )
    return {**question, "status": {"allowed": allowed}}


_REVIEWS: Final = {
    "selfsubjectrulesreviews": _own_rules,
    "selfsubjectaccessreviews": _own_access,
    "subjectaccessreviews": _access,
}
