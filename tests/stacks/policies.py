"""Templates read as AWS would read them: intrinsics resolved, and policies evaluated for a request."""

import fnmatch
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.stacks.assembly import Assembly

ACCOUNT = "123456789012"
REGION = "ap-southeast-1"
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}

Statement = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """An environment as deployed to one account: names instead of references."""

    assembly: Assembly

    @functools.cached_property
    def _exports(self) -> dict[str, tuple[dict[str, Any], Any]]:
        return {
            output["Export"]["Name"]: (template, output["Value"])
            for template in self.assembly.templates.values()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def resolved(self, value: Any, template: dict[str, Any]) -> Any:
        """Return ``value`` of ``template`` with every intrinsic replaced by what it will stand for."""
        match value:
            case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::ImportValue": _}:
                return self._reference(value, template)
            case {"Fn::Join": [separator, parts]}:
                return separator.join(str(each) for each in self.resolved(parts, template))
            case {"Fn::Sub": str(text)}:
                return functools.reduce(lambda done, each: done.replace(f"${{{each}}}", _PSEUDO[each]), _PSEUDO, text)
            case {"Fn::Select": [index, {"Fn::Split": [separator, text]}]}:
                return self.resolved(text, template).split(separator)[int(index)]
        return self._resolved_within(value, template)

    def _resolved_within(self, value: Any, template: dict[str, Any]) -> Any:
        if isinstance(value, list):
            return [self.resolved(each, template) for each in value]
        if isinstance(value, dict):
            return {key: self.resolved(each, template) for key, each in value.items()}
        return value

    def _reference(self, value: dict[str, Any], template: dict[str, Any]) -> str:
        match value:
            case {"Ref": name}:
                return _PSEUDO.get(name) or self._attribute(name, None, template)
            case {"Fn::GetAtt": [name, attribute]}:
                return self._attribute(name, attribute, template)
        source, exported = self._exports[self.resolved(value["Fn::ImportValue"], template)]
        return str(self.resolved(exported, source))

    def _attribute(self, name: str, attribute: str | None, template: dict[str, Any]) -> str:
        resource = template["Resources"].get(name, {"Type": "Parameter"})
        properties = resource.get("Properties", {})
        kind = resource["Type"]
        if kind == "AWS::S3::Bucket":
            bucket = self.resolved(properties["BucketName"], template)
            return f"arn:aws:s3:::{bucket}" if attribute == "Arn" else bucket
        if kind == "AWS::KMS::Key":
            return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}"
        if kind == "AWS::ECR::Repository":
            repository = properties["RepositoryName"]
            return f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{repository}" if attribute == "Arn" else repository
        return f"<{name}.{attribute}>" if attribute else f"<{name}>"

    def properties(self, kind: str, *, component: str) -> dict[str, dict[str, Any]]:
        """Return the resolved properties of a stack's resources of a type, by logical id."""
        template = self.assembly.template(component)
        return {
            logical: self.resolved(resource.get("Properties", {}), template)
            for logical, resource in template["Resources"].items()
            if resource["Type"] == kind
        }

    def of_role(self, role: str, *, component: str) -> list[Statement]:
        """Return the statements of all policies of the role whose logical id starts with ``role``."""
        found: list[Statement] = []
        template = self.assembly.template(component)
        names = [
            name
            for name, each in template["Resources"].items()
            if each["Type"] == "AWS::IAM::Role" and name.startswith(role)
        ]
        assert len(names) == 1, f"one role called {role}: {names}"
        for policy in self.properties("AWS::IAM::Policy", component=component).values():
            if f"<{names[0]}>" in policy["Roles"]:
                found += policy["PolicyDocument"]["Statement"]
        assert found, f"{role} may do something"
        return found

    def of_bucket(self, logical: str, *, component: str) -> list[Statement]:
        """Return the statements of a bucket's own policy."""
        bucket = self._attribute(logical, None, self.assembly.template(component))
        (policy,) = [
            each
            for each in self.properties("AWS::S3::BucketPolicy", component=component).values()
            if each["Bucket"] == bucket
        ]
        return list(policy["PolicyDocument"]["Statement"])


def allows(statements: Iterable[Statement], action: str, resource: str, **context: str) -> bool:
    """Say whether a policy allows a request: something allows it and nothing denies it.

    Keywords are condition keys with ``__`` for the colon: ``kms__ViaService``.
    """
    request = {key.replace("__", ":"): value for key, value in context.items()}
    effects = {each["Effect"] for each in statements if _concerns(each, action, resource, request)}
    return effects == {"Allow"}


def denies(statements: Iterable[Statement], action: str, resource: str, **context: str) -> bool:
    """Say whether a policy denies a request outright, whatever another policy says."""
    request = {key.replace("__", ":"): value for key, value in context.items()}
    return any(each["Effect"] == "Deny" and _concerns(each, action, resource, request) for each in statements)


def principals(statement: Statement) -> Iterator[str]:
    """Yield who a statement is for: ARNs, services and ``*``."""
    principal = statement["Principal"]
    for each in principal.values() if isinstance(principal, dict) else [principal]:
        yield from as_list(each)


def as_list(value: Any) -> list[Any]:
    """Return a value that JSON policies spell as one or as many."""
    return value if isinstance(value, list) else [value]


def _concerns(statement: Statement, action: str, resource: str, request: dict[str, str]) -> bool:
    return (
        any(fnmatch.fnmatchcase(action.lower(), each.lower()) for each in as_list(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, each) for each in as_list(statement["Resource"]))
        and all(
            _holds(operator, as_list(wanted), request.get(key))
            for operator, conditions in statement.get("Condition", {}).items()
            for key, wanted in conditions.items()
        )
    )


def _holds(operator: str, wanted: list[Any], value: str | None) -> bool:
    """Evaluate one condition as IAM does: of a key that is missing, only negations and ``IfExists`` hold."""
    if operator == "Null":
        return wanted == [str(value is None).lower()]
    if value is None:
        return operator.endswith("IfExists") or operator == "StringNotEquals"
    match operator.removesuffix("IfExists"):
        case "StringEquals" | "Bool" | "ArnEquals":
            return value in wanted
        case "StringNotEquals":
            return value not in wanted
        case "StringLike" | "ArnLike":
            return any(fnmatch.fnmatchcase(value, each) for each in wanted)
        case "NumericLessThan":
            return any(float(value) < float(each) for each in wanted)
        case _:
            raise NotImplementedError(operator)
