"""Waiting is shortened, and a definition that asks how long ago something was does not notice."""

import json
import subprocess
import sys

from stacks.flow.states import seconds_since

# The plug-in changes the emulator's module for good: in a process of its own.
_TRY = """
import json, sys, types
from pathlib import Path
from ministack.services import stepfunctions as machines
from rehearsal.emulator import clock
from rehearsal.emulator.settings import Settings

here = Path(".")
clock.install(Settings(folder=here, port=1, account="000000000000", region="eu-west-1", speed=30.0, image_registry="",
                       program=here, cluster=here, image_environment={}))
slept = []
machines.time = types.SimpleNamespace(sleep=slept.append)
now = "2020-01-01T00:00:05.000Z"
context = {"Execution": {"Id": "one"}, "State": {"EnteredTime": now}, "QueryLanguage": "JSONata",
           "variables": {"before": "2020-01-01T00:00:00.000Z", "after": "2999-01-01T00:00:00.000Z"}}
machines._execute_wait({"Type": "Wait", "Seconds": 3, "Next": "x"}, {}, context)
look = lambda text, **more: machines._evaluate_jsonata(text, {}, {**context, **more})
gone, none, entered = sys.argv[1:4]
print(json.dumps([slept, look(gone), look(none), look(gone, Execution={"Id": "two"}), look(entered)]))
"""


def test_a_wait_takes_its_share_and_counts_in_full_where_time_gone_by_is_asked_for() -> None:
    asked = (seconds_since("$before"), seconds_since("$after"), "$states.context.State.EnteredTime")

    done = subprocess.run([sys.executable, "-c", _TRY, *asked], capture_output=True, text=True, check=True)
    slept, gone, since_later, of_another, entered = json.loads(done.stdout.splitlines()[-1])

    assert slept == [0.1]
    assert gone == 5 + 2.9
    assert since_later < 0, "what was waited before it does not count"
    assert of_another == 5, "another execution has not waited"
    assert entered == "2020-01-01T00:00:05.000Z", "a time is when it was"
