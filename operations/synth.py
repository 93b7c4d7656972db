"""Synthesize all environments and the delivery, and check every rule: no network, no credentials.

    python -m operations.synth

Ends with 0 if all is well, 1 with the findings if a rule is broken, 2 if a setting is wrong.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsii.errors import JSIIError

from operations.options import changes, changes_parser, finish
from operations.synthesis import flags
from stacks.assembly import ALL, build_app
from stacks.constructs.image_build import REVISION

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "cdk.out"
REPORT = "validation-report.json"


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A rule that a construct breaks."""

    rule: str
    construct: str
    description: str


def synthesize_all(folder: Path, context: dict[str, Any]) -> list[Broken]:
    """Write everything into ``folder`` and return which rules are broken.

    Raises:
        ConfigError: a settings file has a wrong key or value.

    """
    shutil.rmtree(folder, ignore_errors=True)
    app = build_app(context={**flags(), **context, "environment": ALL}, outdir=str(folder), analytics_reporting=False)
    try:
        app.synth()
    except (JSIIError, RuntimeError):
        # A broken rule raises, and its report says more than the exception does. Anything else is ours.
        if not (found := list(broken(folder))):
            raise
        return found
    return list(broken(folder))


def broken(folder: Path) -> Iterator[Broken]:
    """Yield the broken rules that the report in ``folder`` lists."""
    file = folder / REPORT
    if not file.is_file():
        return
    for plugin in json.loads(file.read_text(encoding="utf-8"))["pluginReports"]:
        for violation in plugin["violations"]:
            places = [each["constructPath"] for each in violation["violatingConstructs"]]
            for construct in places or ["the app"]:
                yield Broken(rule=violation["ruleName"], construct=construct, description=violation["description"])


def summary(folder: Path) -> Iterator[str]:
    """Yield a line for each stack: its name and how many resources it has."""
    for manifest in sorted(folder.rglob("manifest.json")):
        artifacts = json.loads(manifest.read_text(encoding="utf-8"))["artifacts"]
        for name, artifact in artifacts.items():
            if artifact["type"] == "aws:cloudformation:stack":
                properties = artifact["properties"]
                template = json.loads((manifest.parent / properties["templateFile"]).read_text(encoding="utf-8"))
                # Left out where it is the artifact's own.
                stack = properties.get("stackName", name)
                yield f"{stack:<28} {len(template.get('Resources', {})):>4} resources"


def main() -> int:
    """Synthesize, and print what came of it."""
    parser = changes_parser(__doc__, "synth")
    parser.add_argument("--revision", default="", help="commit that images are tagged with")
    arguments = parser.parse_args()
    found = synthesize_all(OUTPUT, {**changes(arguments), REVISION: arguments.revision})
    print("\n".join(summary(OUTPUT)))
    for each in found:
        print(f"\n{each.rule} at {each.construct}\n  {each.description}")
    print(f"\n{len(found)} broken rule{'' if len(found) == 1 else 's'}; written to {OUTPUT.relative_to(ROOT)}")
    return 1 if found else 0


if __name__ == "__main__":
    finish(main)
