"""The definitions by AWS's own schema and rules of Amazon States Language, as asl-validator has them."""

import copy
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.machines import State
from tests.stacks.assembly import ROOT
from tests.stacks.definitions import definition
from tests.stacks.test_state_machines import MACHINES

VALIDATOR = ROOT / "node_modules" / "asl-validator" / "dist" / "bin" / "asl-validator.js"
pytestmark = pytest.mark.skipif(not VALIDATOR.exists(), reason="asl-validator is not there: make cli installs it")


def faults(state_machine: State, folder: Path) -> str:
    """Return what the validator finds."""
    file = folder / "machine.json"
    file.write_text(json.dumps(state_machine))
    done = subprocess.run(
        [os.environ["JSII_NODE"], VALIDATOR, "--json-path", file], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("machine", MACHINES)
def test_a_definition_is_valid(machine: str, tmp_path: Path) -> None:
    assert faults(definition(machine), tmp_path) == ""


def test_a_state_that_is_not_there_is_noticed(tmp_path: Path) -> None:
    broken = copy.deepcopy(definition("release"))
    broken["States"]["Let it serve"]["Next"] = "Nowhere"

    assert "Nowhere" in faults(broken, tmp_path)
