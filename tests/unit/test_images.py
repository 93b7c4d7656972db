"""What the Dockerfiles promise beyond what hadolint looks at. Building and running them takes a container engine."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = sorted(file.parent.name for file in (ROOT / "images").glob("*/Dockerfile"))

each_image = pytest.mark.parametrize("name", IMAGES)


def dockerfile(name: str) -> str:
    """Return a Dockerfile with continued lines joined and comments left out."""
    text = (ROOT / "images" / name / "Dockerfile").read_text(encoding="utf-8")
    return re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))


def instructions(name: str, word: str) -> list[str]:
    return re.findall(rf"^{word} (.+)$", dockerfile(name), re.MULTILINE)


def final_stage(name: str) -> str:
    return dockerfile(name).rpartition("FROM ")[2]


def copied(name: str) -> set[str]:
    """What is taken from the context."""
    return {file for line in instructions(name, "COPY") if not line.startswith("--from") for file in line.split()[:-1]}


def test_there_is_one_for_the_jobs_and_one_for_the_api() -> None:
    assert IMAGES == ["api", "jobs"]


def test_all_stand_on_the_same_base_by_version_and_digest() -> None:
    bases = {base for name in IMAGES for base in re.findall(r"^ARG PYTHON=(\S+)$", dockerfile(name), re.MULTILINE)}

    assert len(bases) == 1
    assert re.fullmatch(r"\S+:3\.11\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", bases.pop())
    for name in IMAGES:
        assert {line.split()[0] for line in instructions(name, "FROM")} == {"${PYTHON}"}


@each_image
def test_the_user_is_a_number_and_not_root_unless_the_builder_says_so(name: str) -> None:
    assert re.findall(r"^ARG RUN_AS=(.+)$", final_stage(name), re.MULTILINE) == ["10001:10001"]
    assert instructions(name, "USER") == ["${RUN_AS}"]
    assert final_stage(name).index("\nUSER") < final_stage(name).index("\nENTRYPOINT")


@each_image
def test_whatever_is_installed_has_a_hash_and_the_last_stage_installs_nothing(name: str) -> None:
    installed = re.findall(r"pip \S+ \S+ install [^&\n]+", dockerfile(name))

    assert len(installed) == 3
    assert all("--require-hashes --only-binary :all:" in each or "--no-index" in each for each in installed)
    assert "pip" not in final_stage(name)


@each_image
def test_the_image_is_made_of_what_it_runs_and_of_nothing_secret(name: str) -> None:
    lines = (ROOT / "images" / name / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    taken = {line[1:] for line in lines if line.startswith("!")}

    assert "*" in lines, "nothing is taken unless it is named"
    assert all((ROOT / each).exists() for each in taken)
    assert not {".git", "tests", "stacks", "docs", ".venv"} & taken
    assert copied(name) == taken - {f"images/{name}"}


@each_image
def test_every_package_of_the_wheel_is_there_to_be_packed(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= copied(name)


def test_the_api_carries_the_serving_group_alone() -> None:
    assert {file for file in copied("api") if file.startswith("requirements/")} == {
        "requirements/serving.txt",
        "requirements/dev.txt",
    }
    assert re.search(
        r"/opt/mlops/bin/python install \S+ \S+ \S+ --requirement requirements/serving.txt", dockerfile("api")
    )


@each_image
def test_the_command_line_is_the_first_process_so_that_it_hears_signals(name: str) -> None:
    assert instructions(name, "ENTRYPOINT") == ['["mlops"]']


def test_without_an_argument_the_api_serves() -> None:
    assert instructions("api", "CMD") == ['["serve"]']


@each_image
def test_the_commit_is_a_label_and_a_new_one_rebuilds_no_layer(name: str) -> None:
    _, _, after = dockerfile(name).partition("ARG REVISION=unknown\n")

    assert 'org.opencontainers.image.revision="${REVISION}"' in after
    assert not re.search(r"^(RUN|COPY) ", after, re.MULTILINE)


@pytest.fixture
def healthy() -> Iterator[int]:
    """A server that is alive, by its port."""

    class Alive(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Alive) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def health_check(**environment: str) -> int:
    [line] = [line for line in instructions("api", "HEALTHCHECK") if line != "NONE"]
    command: list[str] = json.loads(line.partition("CMD ")[2])
    inherited = {key: value for key, value in os.environ.items() if key != "MLOPS_PORT"}
    done = subprocess.run(
        [sys.executable, *command[1:]], env=inherited | environment, stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode


@pytest.mark.parametrize("variable", ["MLOPS_PORT", "SAGEMAKER_BIND_TO_PORT"])
def test_the_health_check_asks_the_port_that_is_served(healthy: int, variable: str) -> None:
    assert health_check(**{variable: str(healthy)}) == 0


def test_the_health_check_fails_where_nobody_answers(healthy: int) -> None:
    # Port 1: nobody listens there, and the right one is second in rank.
    assert health_check(MLOPS_PORT="1", SAGEMAKER_BIND_TO_PORT=str(healthy)) == 1
