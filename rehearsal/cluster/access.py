"""Who may do what: Kubernetes' roles and their bindings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.kinds import Object, kind
from rehearsal.cluster.store import Store

ADMINISTRATORS: Final = "system:masters"
_EVERYBODY: Final = "system:authenticated"


@dataclass(frozen=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...]

    @property
    def is_administrator(self) -> bool:
        """Whether no rule holds for them."""
        return ADMINISTRATORS in self.groups


@dataclass(frozen=True)
class Asked:
    """What is asked for: ``resource`` may have a part, such as ``pods/log``."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


class Access:
    """The rules in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, user: User, asked: Asked) -> None:
        """Return if ``user`` may.

        Raises:
            ApiError: 403.

        """
        if not self.allows(user, asked):
            where = f' in the namespace "{asked.namespace}"' if asked.namespace else " at the cluster scope"
            named = f' "{asked.name}"' if asked.name else ""
            raise ApiError(
                403,
                f'{asked.resource}{"." * bool(asked.group)}{asked.group}{named} is forbidden: User "{user.name}" '
                f'cannot {asked.verb} resource "{asked.resource}" in API group "{asked.group}"{where}',
            )

    def allows(self, user: User, asked: Asked) -> bool:
        """Whether a rule lets ``user``."""
        return user.is_administrator or any(_covers(rule, asked) for rule in self.rules(user, asked.namespace))

    def rules(self, user: User, namespace: str) -> Iterator[Object]:
        """Yield the rules that hold for ``user`` in ``namespace``, the whole cluster's included."""
        for binding in self._store.list(kind("ClusterRoleBinding")):
            yield from self._bound(user, binding, "")
        if namespace:
            for binding in self._store.list(kind("RoleBinding"), namespace):
                yield from self._bound(user, binding, namespace)

    def _bound(self, user: User, binding: Object, namespace: str) -> Sequence[Object]:
        if not any(_is(user, subject, namespace) for subject in binding.get("subjects", [])):
            return []
        role = binding["roleRef"]
        found = self._store.find(kind(role["kind"]), namespace if role["kind"] == "Role" else "", role["name"])
        rules: list[Object] = [] if found is None else found.get("rules", [])
        return rules


def _is(user: User, subject: Mapping[str, Any], namespace: str) -> bool:
    match subject["kind"]:
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in {*user.groups, _EVERYBODY}
        case _:
            account = f"system:serviceaccount:{subject.get('namespace', namespace)}:{subject['name']}"
            return user.name == account


def _covers(rule: Mapping[str, Any], asked: Asked) -> bool:
    names = rule.get("resourceNames", [])
    return (
        bool({asked.verb, "*"} & set(rule.get("verbs", [])))
        and bool({asked.group, "*"} & set(rule.get("apiGroups", [])))
        and bool({asked.resource, "*"} & set(rule.get("resources", [])))
        and (not names or asked.name in names)
    )
