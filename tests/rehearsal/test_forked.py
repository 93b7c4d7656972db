"""Programs that begin as forks of a process with their libraries loaded."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rehearsal.forked import Forked
from tests.control_plane import eventually

PROGRAMS = "tests.rehearsal.forked_programs"
ROOT = Path(__file__).parents[2]


def fork(name: str, folder: Path, *arguments: str) -> Forked:
    """Begin one of the programs in ``folder``."""
    return Forked(
        f"{PROGRAMS}:{name}",
        [name, *arguments],
        log=folder / "log.txt",
        environment={"GIVEN": "variable"},
        cwd=folder,
    )


def runs(pid: int) -> bool:
    """Say whether there is such a process that is not over."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_has_its_own_arguments_variables_folder_output_and_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INHERITED", "nothing of this")
    assert fork("tell", tmp_path, "7", "more").wait(30) == 7
    assert (tmp_path / "log.txt").read_text() == f"['7', 'more'] variable None {tmp_path.name}\ncomplaint\n"


def test_many_that_begin_and_end_at_once_each_have_their_exit_code(tmp_path: Path) -> None:
    def code_of(number: int) -> int:
        folder = tmp_path / str(number)
        folder.mkdir()
        return fork("tell", folder, str(number)).wait(60)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(code_of, range(24))) == list(range(24))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_one_that_is_killed_with_its_group_ends_by_that_signal_and_so_does_what_it_began(
    tmp_path: Path, how: signal.Signals
) -> None:
    program = fork("sleep", tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.05)
    eventually((tmp_path / "child").exists)
    assert program.poll() is None
    os.killpg(program.pid, how)
    assert program.wait(30) == -how
    child = int((tmp_path / "child").read_text())
    eventually(lambda: not runs(child))


def test_all_end_with_the_process_that_began_them_however_that_ends(tmp_path: Path) -> None:
    began = (
        "import sys, time; from pathlib import Path; from rehearsal.forked import preload;"
        " from tests.rehearsal.test_forked import fork; preload([], Path(sys.argv[1]));"
        " print(fork('sleep', Path(sys.argv[1])).pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", began, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert runs(pid)
        process.kill()
    eventually(lambda: not runs(pid))


def test_they_begin_with_files_in_a_folder_of_any_name_and_none_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 120)
    deep.mkdir()
    begin = (
        "import sys; from pathlib import Path; from rehearsal.forked import preload; preload([], Path(sys.argv[1]));"
        " from tests.rehearsal.test_forked import fork; sys.exit(fork('tell', Path(sys.argv[2]), '7').wait(30))"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    variables = {**os.environ, "TMPDIR": str(elsewhere)}
    command = [sys.executable, "-c", begin, str(deep), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)

    assert done.returncode == 7, done.stderr
    assert list(elsewhere.iterdir()) == []
