"""The stacks as the picture knows them: what each holds, and what it uses of others."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.names import STACKS
from operations.architecture.shown import variant, words
from operations.synthesis import Template, resources, text_of, walk

# Types whose physical name other stacks may know, and the property that has it.
_NAMED = {
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::EKS::Cluster": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SageMaker::FeatureGroup": "FeatureGroupName",
    "AWS::SageMaker::ModelPackageGroup": "ModelPackageGroupName",
}


@dataclass(frozen=True, kw_only=True)
class StackView:
    """A stack: its component, what it is for, what it holds, and what of others it uses or knows by name."""

    component: str
    description: str
    holds: tuple[str, ...]
    # By component: what it references, and so must come after.
    uses: Mapping[str, tuple[str, ...]]
    # By component: what it knows the name of, which the settings give, and so may come before or after.
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The component as a heading; three letters are an abbreviation."""
        words = self.component.replace("-", " ")
        return words.upper() if len(words) == 3 else words.capitalize()


def read_stacks(templates: Mapping[str, Template], *, start: str) -> list[StackView]:
    """Return the stacks of an environment from templates by stack name; ``start`` is what all names begin with.

    They come in the order of deployment, whatever the order of ``templates``; stacks without a place in it come last.
    """
    exports = {
        text_of(output["Export"]["Name"]): (stack, _origin(output["Value"]))
        for stack, template in templates.items()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    views = []
    for stack, template in templates.items():
        used: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for each in walk(template.get("Resources", {})):
            if "Fn::ImportValue" in each:
                owner, logical = exports[text_of(each["Fn::ImportValue"])]
                resource = resources(templates[owner]).get(logical)
                if resource is not None:
                    used[owner][variant(resource)].add(logical)
        held: dict[str, set[str]] = defaultdict(set)
        for logical, resource in resources(template).items():
            held[variant(resource)].add(logical)
        views.append(
            StackView(
                component=stack.removeprefix(start),
                description=str(template.get("Description", "")),
                holds=tuple(words(held)),
                uses={owner.removeprefix(start): tuple(words(found)) for owner, found in sorted(used.items())},
                names={
                    owner.removeprefix(start): tuple(words(found))
                    for owner, found in sorted(_known_by_name(stack, templates).items())
                },
            )
        )
    places = {component: place for place, component in enumerate(STACKS)}
    return sorted(views, key=lambda each: (places.get(each.component, len(places)), each.component))


def _origin(value: Any) -> str:
    """Return the logical id that an output is about."""
    for each in walk(value):
        if "Ref" in each:
            return str(each["Ref"])
        if "Fn::GetAtt" in each:
            return str(each["Fn::GetAtt"][0])
    return ""


def _known_by_name(stack: str, templates: Mapping[str, Template]) -> dict[str, dict[str, set[str]]]:
    """Return stack → kind → logical ids of what the template of ``stack`` knows of others by physical name."""
    said = "\n".join(_strings(templates[stack].get("Resources", {})))
    known: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for owner, template in templates.items():
        for logical, resource in resources(template).items() if owner != stack else ():
            name = text_of(resource.get("Properties", {}).get(_NAMED.get(resource["Type"], ""), ""))
            # A name that is a stack's, too, tells nothing about the resource.
            if name and name not in templates and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said):
                known[owner][variant(resource)].add(logical)
    return known


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts within a template value, joined ones whole."""
    if isinstance(value, Mapping):
        if "Fn::Join" in value or "Fn::Sub" in value:
            yield text_of(value)
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    else:
        yield str(value)
