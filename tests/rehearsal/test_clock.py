"""Waiting is shortened, and a definition does not notice: its own clock goes on by all of it."""

import json
import subprocess
import sys

# The plug-in changes the emulator's module for good: in a process of its own.
_TRY = """
import json, types
from pathlib import Path
from ministack.services import stepfunctions as machines
from rehearsal.emulator import clock
from rehearsal.emulator.settings import Settings

here = Path(".")
clock.install(Settings(folder=here, port=1, account="000000000000", region="eu-west-1", speed=30.0,
                       image_registry="", program=here, cluster=here))
slept = []
machines.time = types.SimpleNamespace(sleep=slept.append)
context = {"Execution": {"Id": "one"}, "State": {"EnteredTime": "2026-01-01T00:00:00.000Z"}, "variables": {},
           "QueryLanguage": "JSONata"}
machines._execute_wait({"Type": "Wait", "Seconds": 3, "Next": "x"}, {}, context)
entered = "$states.context.State.EnteredTime"
own = machines._evaluate_jsonata(entered, {}, context)
other = machines._evaluate_jsonata(entered, {}, {**context, "Execution": {"Id": "two"}})
print(json.dumps([slept, own, other]))
"""


def test_a_wait_takes_its_share_and_moves_the_executions_clock_by_the_rest() -> None:
    done = subprocess.run([sys.executable, "-c", _TRY], capture_output=True, text=True, check=True)

    slept, own, other = json.loads(done.stdout.splitlines()[-1])

    assert slept == [0.1]
    assert own == "2026-01-01T00:00:02.900Z"
    assert other == "2026-01-01T00:00:00.000Z", "another execution has its own clock"
