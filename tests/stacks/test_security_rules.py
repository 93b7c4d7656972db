"""What the rules find in all environments: cdk-nag's AwsSolutions, our Guard rules, and IAM statements."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from operations.synthesis import walk
from stacks.acknowledge import METADATA
from tests.stacks.assembly import ENVIRONMENTS, Assembly, environment, whole


def assembly(name: str) -> Assembly:
    """An environment as it is deployed by hand, or everything as the pipeline takes it."""
    return whole() if name == "all" else environment(name)


everywhere = pytest.mark.parametrize("name", [*ENVIRONMENTS, "all"])


def is_account(principal: Any) -> bool:
    """Whether a principal is the account itself: IAM then decides."""
    parts = principal.get("AWS", {}).get("Fn::Join", ["", []])[1] if isinstance(principal, dict) else []
    return len(parts) >= 3 and parts[-2:] == [{"Ref": "AWS::AccountId"}, ":root"]


def acknowledged(synthesized: Assembly) -> Iterator[tuple[str, str, str]]:
    """Path of the construct, identity and reason of every exception that the code makes."""
    for path, entries in synthesized.metadata.items():
        for entry in entries:
            if entry["type"] == METADATA:
                yield path.lstrip("/"), entry["data"]["id"], entry["data"]["reason"]


def test_no_finding_is_left_open() -> None:
    plugins = whole().validation["pluginReports"]

    assert len(plugins) >= 2, "cdk-nag and the Guard rules"
    assert [
        f"{found['ruleName']}: {where['constructPath']}"
        for plugin in plugins
        for found in plugin["violations"]
        for where in found["violatingConstructs"]
    ] == []


def test_every_exception_is_asked_for_by_a_finding() -> None:
    used = {
        (found["acknowledgedAt"], found["acknowledgedId"])
        for plugin in whole().validation["pluginReports"]
        for found in plugin.get("suppressedViolations", [])
    }
    made = list(acknowledged(whole()))

    assert made, "the exceptions are read from the assembly"
    assert sorted((path, identity) for path, identity, _ in made if (path, identity) not in used) == []


def test_every_exception_is_made_by_us_with_a_reason() -> None:
    made = {(path, identity): reason for path, identity, reason in acknowledged(whole())}
    for plugin in whole().validation["pluginReports"]:
        for found in plugin.get("suppressedViolations", []):
            assert (found["acknowledgedAt"], found["acknowledgedId"]) in made, "hidden elsewhere than in one place"
    assert [where for where, reason in made.items() if len(reason.split()) < 5] == []


@everywhere
def test_no_role_has_a_managed_policy_for_everything(name: str) -> None:
    text = json.dumps(assembly(name).templates)

    assert "FullAccess" not in text
    assert "AdministratorAccess" not in text


@everywhere
def test_no_statement_allows_every_action_of_a_service(name: str) -> None:
    wild = [
        f"{stack}/{logical}: {action}"
        for stack, logical, statement in statements(assembly(name))
        for action in as_list(statement.get("Action", []))
        if statement["Effect"] == "Allow"
        and action.split(":")[-1] == "*"
        # In a key's own policy `kms:*` for the account hands the decision to IAM; it grants nobody anything.
        and not (action == "kms:*" and is_account(statement.get("Principal")))
    ]
    assert wild == []


@everywhere
def test_nobody_outside_the_account_is_trusted(name: str) -> None:
    open_to = [
        f"{stack}/{logical}: {statement['Principal']}"
        for stack, logical, statement in statements(assembly(name))
        if statement["Effect"] == "Allow"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        # An endpoint's policy limits actions and resources; who may call is the business of each identity.
        and "Endpoint" not in logical
    ]
    assert open_to == []


def statements(synthesized: Assembly) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Stack, logical id and statement of every policy document in the templates."""
    for stack, template in synthesized.templates.items():
        for logical, resource in template["Resources"].items():
            for part in walk(resource.get("Properties", {})):
                if isinstance(part.get("Statement"), list):
                    for statement in part["Statement"]:
                        yield stack, logical, statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
