"""The app as tests see it: each environment synthesized once per process, assets left where they are."""

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.synthesis import QUICK, flags
from stacks.assembly import build_app  # first: it finds Node for CDK
from tests.shared import made_once, new_folder
from tests.stacks.mutations import mutate

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("dev", "stg", "prod")
FLAGS: Mapping[str, Any] = flags()


@dataclass(frozen=True)
class Assembly:
    """A synthesized app: its folder."""

    folder: Path

    @functools.cached_property
    def templates(self) -> dict[str, dict[str, Any]]:
        """Template by stack name."""
        found = {}
        for manifest, identity, artifact in _artifacts(self.folder):
            if artifact["type"] == "aws:cloudformation:stack":
                name = artifact["properties"].get("stackName", identity)
                found[name] = json.loads((manifest.parent / artifact["properties"]["templateFile"]).read_text())
        return found

    def template(self, component: str) -> dict[str, Any]:
        """Return the template of the one stack whose name ends with ``component``."""
        (found,) = [template for name, template in self.templates.items() if name.endswith(f"-{component}")]
        return found

    def resources(self, kind: str, *, component: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the resources of a type by logical id, of one stack or of all."""
        templates = self.templates.values() if component is None else [self.template(component)]
        return {
            logical: resource
            for template in templates
            for logical, resource in template.get("Resources", {}).items()
            if resource["Type"] == kind
        }

    @property
    def validation(self) -> dict[str, Any]:
        """What the rules found: cdk-nag's and Guard's report."""
        report: dict[str, Any] = json.loads((self.folder / "validation-report.json").read_text())
        return report

    @functools.cached_property
    def metadata(self) -> dict[str, list[dict[str, Any]]]:
        """Metadata entries by construct path."""
        found: dict[str, list[dict[str, Any]]] = {}
        for file in sorted(self.folder.rglob("*.metadata.json")):
            found |= json.loads(file.read_text())
        return found

    @property
    def manifests(self) -> list[dict[str, Any]]:
        """The manifests of the app and of its stages."""
        return [json.loads(path.read_text()) for path in sorted(self.folder.rglob("manifest.json"))]


def _artifacts(folder: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Manifest, id and content of every artifact of the app and its stages."""
    for manifest in sorted(folder.rglob("manifest.json")):
        for identity, artifact in json.loads(manifest.read_text())["artifacts"].items():
            yield manifest, identity, artifact


def synthesize(*, rules: bool = False, folder: Path | None = None, **context: Any) -> Assembly:
    """Synthesize the app anew with ``context`` on top of cdk.json's.

    What the rules find does not stop it: the report is for the tests to read.
    """
    outdir = folder or new_folder()
    app = build_app(
        rules=rules,
        context={**FLAGS, **QUICK, **context},
        outdir=str(outdir),
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
    )
    mutate(app)
    try:
        app.synth()
    except RuntimeError:
        if not (outdir / "validation-report.json").exists():
            raise
    return Assembly(outdir)


@functools.cache
def environment(name: str) -> Assembly:
    """Return one environment as ``cdk deploy --all`` would deploy it, synthesized once per test run."""
    return _shared(name, environment=name)


@functools.cache
def whole() -> Assembly:
    """Return all environments and their delivery with the rules' report, synthesized once per test run."""
    return _shared("all", environment="all", rules=True)


def _shared(name: str, **options: Any) -> Assembly:
    return Assembly(made_once(f"assembly-{name}", lambda folder: synthesize(folder=folder, **options)))
