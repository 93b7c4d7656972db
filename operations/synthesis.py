"""The app's templates, read from a synthesis into a temporary folder: no credentials, no network, no assets."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stacks.assembly import build_app  # first: it finds Node for CDK

from aws_cdk.cx_api import CloudAssembly  # isort: skip

Template = Mapping[str, Any]

# CDK ends a logical id with eight hexadecimal digits; pinned ones have none.
_HASH = re.compile(r"(?<=[a-z0-9A-Z])[0-9A-F]{8}$")
_ROOT = Path(__file__).parents[1]
# Nothing is built or copied: templates do not depend on it.
QUICK = {"aws:cdk:disable-asset-staging": True, "aws:cdk:bundling-stacks": []}


def synthesize(environment: str, **context: Any) -> dict[str, Template]:
    """Return template by stack name of one environment, in the order in which the stacks are defined.

    ``context`` stands in for ``cdk synth -c key=value``: prefix, account, region.

    Raises:
        ConfigError: a settings file has a wrong key or value.

    """
    with tempfile.TemporaryDirectory(prefix="synthesis-") as folder:
        return {stack.stack_name: stack.template for stack in synthesize_into(folder, environment, **context).stacks}


def synthesize_into(folder: str, environment: str, **context: Any) -> CloudAssembly:
    """Write the templates of one environment, or of ``all``, into ``folder``; rules are not looked at."""
    app = build_app(
        rules=False,
        context={**flags(), **QUICK, **context, "environment": environment},
        outdir=folder,
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
    )
    return app.synth()


def flags() -> dict[str, Any]:
    """Return cdk.json's context. Python does not read it: without it the templates are others than the deployed."""
    context: dict[str, Any] = json.loads((_ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return context


def resources(template: Template) -> Mapping[str, Mapping[str, Any]]:
    """Return the resources of a template by logical id."""
    found: Mapping[str, Mapping[str, Any]] = template.get("Resources", {})
    return found


def plain_id(logical: str) -> str:
    """Return a logical id without the hash that CDK ends it with."""
    return _HASH.sub("", logical)


def text_of(value: Any) -> str:
    """Return a template value as text, references as ``{name}``: a joined service name, a description."""
    if isinstance(value, Mapping):
        if "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return str(separator).join(text_of(part) for part in parts)
        if "Fn::Sub" in value:
            return str(value["Fn::Sub"]).replace("${", "{")
        if "Ref" in value:
            return f"{{{value['Ref']}}}"
        if "Fn::GetAtt" in value:
            return f"{{{value['Fn::GetAtt'][0]}}}"
        return "{" + ",".join(value) + "}"
    return str(value)


def walk(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every mapping within a template value, outermost first."""
    if isinstance(value, Mapping):
        yield value
        for each in value.values():
            yield from walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each)
