"""The story's short form: deployed, played on invented data, shown and destroyed, by the command that people use."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.names import NAMESPACE
from rehearsal.aws import ROOT
from rehearsal.page.build import PAGE
from rehearsal.story.act import STORY
from rehearsal.story.plot import SHORT
from tests.control_plane import Api, eventually, without_nodes

pytestmark = pytest.mark.rehearsal
_LONGEST = 900
# Other tests may have the machine, too.
_PATIENCE = "3"


def _command(output: Path, *acts: str, **options: str) -> list[str]:
    chosen = [part for act in acts for part in ("--act", act)]
    more = [part for name, value in options.items() for part in (f"--{name}", value)]
    return [sys.executable, "-m", "rehearsal", "--output", str(output), "--patience", _PATIENCE, *chosen, *more]


def _processes(folder: Path) -> list[str]:
    """Return the command lines of processes that name ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and int(entry.parent.name) != os.getpid():
            found.append(words)
    return found


def _played(output: Path, **options: str) -> None:
    """Play the short story; it ends well, and nothing of it runs on."""
    done = subprocess.run(
        _command(output, *SHORT, **options), cwd=ROOT, capture_output=True, text=True, timeout=_LONGEST, check=False
    )

    assert done.returncode == 0, done.stderr[-3_000:]
    acts = json.loads((output / "latest" / STORY).read_text(encoding="utf-8"))
    assert {act["name"]: act["status"] for act in acts} == dict.fromkeys(SHORT, "passed")
    document = json.loads((output / "latest" / "document.json").read_text(encoding="utf-8"))
    assert document["faults"] == []
    assert {"mlops-dev-training", "mlops-dev-release"} <= {each["machine"] for each in document["executions"]}
    assert (output / "latest" / PAGE).stat().st_size > 100_000
    assert _processes(output) == []


def test_the_short_story_ends_well_and_leaves_only_its_folder(tmp_path: Path) -> None:
    _played(tmp_path / "output")


def test_so_it_does_on_a_real_control_plane_which_is_left_as_it_was(tmp_path: Path) -> None:
    with without_nodes(tmp_path / "control-plane") as plane:
        before = _things(plane.admin())

        _played(tmp_path / "output", kubeconfig=str(plane.folder / "kubeconfig"))

        assert _things(plane.admin()) == before


def test_one_that_is_interrupted_leaves_the_real_control_plane_as_it_was(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with without_nodes(tmp_path / "control-plane") as plane:
        before = _things(plane.admin())
        command = _command(output, kubeconfig=str(plane.folder / "kubeconfig"))
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            eventually(lambda: plane.admin().call("GET", f"api/v1/namespaces/{NAMESPACE}").status == 200, seconds=300)

            process.send_signal(signal.SIGINT)
            process.wait(120)
        finally:
            process.kill()

        assert _things(plane.admin()) == before
    assert _processes(output) == []


def _things(api: Api) -> set[str]:
    """Return what a rehearsal may have left in a cluster: nodes, namespaces and pods."""
    kinds = ("nodes", "namespaces", "pods")
    return {
        "/".join((kind, each["metadata"].get("namespace", ""), each["metadata"]["name"]))
        for kind in kinds
        for each in api.get(f"api/v1/{kind}")["items"]
    }


def test_what_is_interrupted_ends_all_that_it_has_started(tmp_path: Path) -> None:
    output = tmp_path / "output"
    process = subprocess.Popen(_command(output), cwd=ROOT, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 120
        while not list(output.glob("*/world.json")) and time.monotonic() < end:
            time.sleep(0.2)
        assert len(_processes(output)) > 1, "the emulator runs"

        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        process.kill()

    assert process.returncode not in {0, -signal.SIGKILL}
    end = time.monotonic() + 20
    while _processes(output) and time.monotonic() < end:
        time.sleep(0.2)
    assert _processes(output) == []
