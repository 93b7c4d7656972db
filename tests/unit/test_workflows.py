"""GitHub Actions and Jenkins call make targets and nothing else, and hold no keys."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
JENKINSFILE = (ROOT / "Jenkinsfile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))

workflows = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)


def document(file: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in document(file)["jobs"].values() for step in job["steps"]]


def commands() -> list[str]:
    of_github = [step["run"] for file in WORKFLOWS for step in steps(file) if "run" in step]
    return of_github + re.findall(r"sh '([^']*)'", JENKINSFILE)


def test_the_workflows_are_found() -> None:
    assert [file.name for file in WORKFLOWS] == ["ci.yml", "deploy.yml"]
    assert len(commands()) > 10


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_every_command_is_make_with_targets_that_exist(command: str) -> None:
    words = command.split()

    assert words[0] == "make"
    targets = {word for word in words[1:] if "=" not in word}
    assert targets, "a target is named"
    assert targets <= TARGETS


@pytest.mark.parametrize("file", [*WORKFLOWS, ROOT / "Jenkinsfile"], ids=lambda file: file.name)
def test_no_keys_are_used(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert not re.search(r"secrets\.|access[-_]key|withCredentials|credentials\(", text, flags=re.IGNORECASE)


@workflows
def test_actions_are_pinned_by_commit_with_their_version_beside_it(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))

    assert used
    assert [use for use in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []


@workflows
def test_nothing_is_permitted_that_a_job_does_not_ask_for(file: Path) -> None:
    assert document(file)["permissions"] == {}
    for job in document(file)["jobs"].values():
        writes = {scope for scope, level in job["permissions"].items() if level != "read"}
        assumes = any("configure-aws-credentials" in step.get("uses", "") for step in job["steps"])
        assert writes == ({"id-token"} if assumes else set())


@workflows
def test_the_checkout_leaves_no_token_behind(file: Path) -> None:
    checkouts = [step for step in steps(file) if step.get("uses", "").startswith("actions/checkout@")]

    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_pull_request_gets_no_credentials() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")

    assert "id-token" not in text
    assert "pull_request_target" not in text


def test_deployments_come_from_two_branches_by_hand_and_every_monday_at_two() -> None:
    # YAML reads the key `on` as true.
    triggers = document(ROOT / ".github" / "workflows" / "deploy.yml")[True]

    assert triggers["push"]["branches"] == ["develop", "main"]
    assert triggers["schedule"] == [{"cron": "0 2 * * 1"}]
    assert set(triggers["workflow_dispatch"]["inputs"]) == {"environment", "retrain", "deploy-only"}
    assert triggers["workflow_dispatch"]["inputs"]["environment"]["options"] == ["dev", "stg", "prod"]


def test_every_job_with_credentials_runs_in_a_deployment_environment() -> None:
    jobs = document(ROOT / ".github" / "workflows" / "deploy.yml")["jobs"]
    with_credentials = {name for name, job in jobs.items() if "id-token" in job["permissions"]}

    assert with_credentials == {"deploy", "train"}
    assert all("environment" in jobs[name] for name in with_credentials), "the role trusts only those"


def test_jenkins_offers_the_same_choices() -> None:
    assert "choices: ['dev', 'stg', 'prod']" in JENKINSFILE
    assert {"RETRAIN", "DEPLOY_ONLY"} <= set(re.findall(r"booleanParam\(name: '(\w+)'", JENKINSFILE))
    assert "0 2 * * 1" in JENKINSFILE


def test_build_machines_get_the_uv_of_the_makefile() -> None:
    (pinned,) = re.findall(r"^UV_VERSION := (\S+)$", MAKEFILE, flags=re.MULTILINE)
    versions = {
        step["with"]["version"] for file in WORKFLOWS for step in steps(file) if "setup-uv" in step.get("uses", "")
    }

    assert versions == {pinned}


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())

    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
