"""cfn-lint over every template, in one process; it also finds IAM actions that do not exist (W3037)."""

import json
from collections.abc import Sequence
from pathlib import Path

from cfnlint import ConfigMixIn
from cfnlint.runner import Runner

from tests.stacks.assembly import whole

# W3005: CDK writes dependencies that a reference implies too. W3010: the zones are settings, so that synthesis
# looks nothing up.
_IGNORED = ["W3005", "W3010"]
# A remark on style that E3703, which reads the configuration of pipeline actions, hands on as an error.
_REMARK = "Prefer using Fn::Sub over Fn::Join"


def findings(templates: Sequence[Path]) -> list[str]:
    config = ConfigMixIn(
        templates=[str(path) for path in templates], regions=["ap-southeast-1"], ignore_checks=_IGNORED
    )
    return [
        f"{Path(match.filename).name} {match.rule.id} {'/'.join(map(str, match.path or []))}: {match.message}"
        for match in Runner(config).run()
        if not (match.rule.id == "E3703" and match.message.startswith(_REMARK))
    ]


def test_the_templates_of_all_environments_are_clean() -> None:
    templates = sorted(whole().folder.rglob("*.template.json"))

    assert len(templates) > 3 * 6, "six stacks of three environments, and the delivery's"
    assert findings(templates) == []


def test_an_unknown_action_is_noticed(tmp_path: Path) -> None:
    policy = {
        "PolicyName": "p",
        "Roles": ["r"],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:ReadObject", "Resource": "arn:aws:s3:::bucket/key"}],
        },
    }
    template = tmp_path / "broken.template.json"
    template.write_text(json.dumps({"Resources": {"Policy": {"Type": "AWS::IAM::Policy", "Properties": policy}}}))

    (found,) = findings([template])

    assert "W3037" in found
