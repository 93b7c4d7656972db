import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_s3 as s3
from constructs import IValidation

from operations import synth
from operations.synth import summary, synthesize_all
from stacks.assembly import add_rules


def one_bucket(*, within_a_stage: bool) -> Any:
    """An app with a bucket that breaks rules, in place of ours."""

    def build(**options: Any) -> cdk.App:
        app = cdk.App(outdir=options["outdir"], analytics_reporting=False, builtin_cloud_formation_validation=False)
        scope = cdk.Stage(app, "Stage") if within_a_stage else app
        s3.Bucket(cdk.Stack(scope, "Open"), "Bucket")
        add_rules(app)
        return app

    return build


@pytest.mark.parametrize("within_a_stage", [False, True])
def test_a_broken_rule_is_named_with_its_construct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, within_a_stage: bool
) -> None:
    monkeypatch.setattr(synth, "build_app", one_bucket(within_a_stage=within_a_stage))

    found = {(each.rule, each.construct) for each in synthesize_all(tmp_path / "cdk.out", {})}

    path = "Stage/Open/Bucket/Resource" if within_a_stage else "Open/Bucket/Resource"
    assert ("AwsSolutions-S1", path) in found


def test_what_was_there_before_is_not_taken_for_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synth, "build_app", one_bucket(within_a_stage=False))
    old = tmp_path / "cdk.out" / "old.template.json"
    old.parent.mkdir()
    old.write_text("{}")

    synthesize_all(tmp_path / "cdk.out", {})

    assert not old.exists()


@jsii.implements(IValidation)
class Refuses:
    def validate(self) -> list[str]:
        return ["nothing comes of it"]


def test_a_mistake_of_ours_is_not_reported_as_a_broken_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(**options: Any) -> cdk.App:
        app = cdk.App(outdir=options["outdir"], analytics_reporting=False, builtin_cloud_formation_validation=False)
        cdk.Stack(app, "Empty").node.add_validation(Refuses())
        return app

    monkeypatch.setattr(synth, "build_app", build)

    with pytest.raises(Exception, match="nothing comes of it"):
        synthesize_all(tmp_path / "cdk.out", {})


def test_the_summary_counts_the_resources_of_every_stack(tmp_path: Path) -> None:
    def artifact(**properties: str) -> dict[str, Any]:
        return {"type": "aws:cloudformation:stack", "properties": {"templateFile": "one.json", **properties}}

    manifest = {"artifacts": {"mlops-delivery": artifact(), "NetworkABC": artifact(stackName="mlops-dev-network")}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "one.json").write_text(json.dumps({"Resources": {"A": {}, "B": {}}}))

    lines = [" ".join(line.split()) for line in summary(tmp_path)]

    assert lines == ["mlops-delivery 2 resources", "mlops-dev-network 2 resources"]
