"""The real server process: it becomes ready, answers, ends politely, and closes connections that say nothing."""

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml.serving.examples import EXAMPLE
from tests.integration.service import LONGEST_START, ask, serving
from tests.versions import copy_as

BODY = json.dumps(EXAMPLE)


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_as("200609-champion", tmp_path_factory.mktemp("models") / "200609-champion")


def test_a_bundle_is_served_and_what_was_predicted_is_kept(champion: Path, tmp_path: Path) -> None:
    with serving("--model", champion, "--capture", tmp_path) as (port, process):
        assert ask(port, "GET", "/ready") == (200, {"status": "ready", "model_version": champion.name})
        status, answer = ask(port, "POST", "/predict", BODY)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)

    assert (status, answer["model_version"]) == (200, champion.name)
    assert process.returncode in (0, -signal.SIGTERM), err
    (line,) = (json.loads(line) for file in tmp_path.glob("*.jsonl") for line in file.read_text().splitlines())
    assert line["prediction"]["prediction"] == answer["prediction"]
    assert json.loads(out.splitlines()[-1])["Requests"] == 1


def test_metrics_are_written_as_often_as_is_asked(champion: Path) -> None:
    with serving("--model", champion, "--metrics-seconds", "0.1") as (port, process):
        for _ in range(2):
            ask(port, "POST", "/predict", BODY)
            time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)

    assert [json.loads(line)["Requests"] for line in out.splitlines() if line.startswith("{")] == [1, 1]


def test_without_a_bundle_it_lives_and_is_not_ready() -> None:
    with serving() as (port, _):
        assert ask(port, "GET", "/healthz")[0] == 200
        assert ask(port, "GET", "/ready")[0] == 503
        assert ask(port, "POST", "/predict", BODY)[0] == 503


def test_a_damaged_bundle_ends_the_start_with_its_name(champion: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with serving("--model", tmp_path) as (_, process):
        _, err = process.communicate(timeout=LONGEST_START)

    assert process.returncode == 2
    assert f"{tmp_path / 'manifest.json'}: has no version" in err
    assert "Traceback" not in err


def test_what_was_accepted_before_sigterm_is_answered(champion: Path) -> None:
    many = json.dumps([EXAMPLE] * 3_000)
    with serving("--model", champion) as (port, process), ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask, port, "POST", "/predict", many) for _ in range(8)]
        while ask(port, "GET", "/version")[0] != 200:
            pass
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        statuses = [each.result()[0] for each in answers]

    assert statuses == [200] * 8


def test_idle_connections_keep_nobody_out(champion: Path) -> None:
    with serving("--model", champion) as (port, _):
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        try:
            assert ask(port, "POST", "/predict", BODY)[0] == 200
        finally:
            for each in idle:
                each.close()
