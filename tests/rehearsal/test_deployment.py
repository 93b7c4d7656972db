"""All stacks of dev, by CDK's command line, from nothing and back."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws import ROOT, emulated
from rehearsal.deployment import Deployment
from rehearsal.processes import RehearsalError
from rehearsal.world import REGISTRY, World, inherited

pytestmark = pytest.mark.rehearsal

_STACKS = {"data-lake", "eks", "monitoring", "network", "pipeline", "registry", "security"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with emulated(tmp_path_factory.mktemp("deployment")) as started:
        deployment = Deployment(started)
        deployment.bootstrap()
        deployment.synthesize()
        deployment.deploy()
        yield started


def test_every_stack_stands_and_is_what_its_template_says(world: World) -> None:
    stacks = world.client("cloudformation").describe_stacks()["Stacks"]

    assert {stack["StackName"] for stack in stacks} == {f"mlops-dev-{name}" for name in _STACKS} | {"CDKToolkit"}
    assert {stack["StackStatus"] for stack in stacks} == {"CREATE_COMPLETE"}
    Deployment(world).diff()


def test_no_type_is_refused_and_most_are_emulated(world: World) -> None:
    types = json.loads((world.folder / "aws" / "fidelity.json").read_text(encoding="utf-8"))["types"].values()
    count = {how: sum(known["resources"] for known in types if known["how"] == how) for how in ("emulated", "accepted")}

    assert [known for known in types if known["how"] == "refused"] == []
    assert count["emulated"] > 2 * count["accepted"]


def test_the_smoke_test_of_a_real_deployment_passes(world: World) -> None:
    found = _operation(world, "smoke")

    assert "0 problems" in found.stdout, found.stdout + found.stderr


def test_a_changed_template_is_a_difference_until_it_is_deployed(world: World) -> None:
    changed = Deployment(world, context={"images": f"{REGISTRY}:2"})
    changed.synthesize()

    with pytest.raises(RehearsalError, match="cdk diff: exit code 1"):
        changed.diff()
    changed.deploy()
    changed.diff()


def test_nothing_is_left_when_everything_is_destroyed(world: World) -> None:
    s3 = world.client("s3")
    lake = f"mlops-dev-lake-{world.account}-{world.region}"
    s3.put_object(Bucket=lake, Key="raw/one.csv", Body=b"first")
    s3.put_object(Bucket=lake, Key="raw/one.csv", Body=b"second")
    s3.delete_object(Bucket=lake, Key="raw/one.csv")

    Deployment(world).destroy()

    found = _operation(world, "leftovers")
    assert found.returncode == 0, found.stdout + found.stderr
    assert [each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"].startswith("mlops-")] == []


def _operation(world: World, name: str) -> Any:
    """Run a command of operations/ in the world, as anybody would run it in an account."""
    command = [sys.executable, "-m", f"operations.{name}", "dev", "--account", world.account]
    environment = {**inherited(), **world.environment}
    return subprocess.run(command, env=environment, cwd=Path(ROOT), capture_output=True, text=True, check=False)
