"""The service over TCP among callers that are slow, many, rude or gone: short forms of `make prove-serving`."""

import sys
from collections.abc import Iterator

import pytest

from tests.integration.runs import command
from tests.proofs import crowds, fuzz, load, slow_clients
from tests.proofs.hostile import requests
from tests.server_process import Server, serving
from tests.versions import trained


@pytest.fixture(scope="module")
def impatient() -> Iterator[Server]:
    with serving([sys.executable, "-m", "tests.impatient_service", "--model", str(trained())]) as server:
        yield server


def test_each_kind_of_slow_client_is_closed_and_one_that_is_owed_an_answer_gets_it(impatient: Server) -> None:
    watched = {each.name: each for each in slow_clients.watch(impatient.connect, seconds=20.0, step=0.05)}

    assert {name for name, each in watched.items() if each.closed is None} == set()
    assert watched["a body a byte at a time"].status == 408
    assert watched["refused (413) and still sending"].status == 413
    assert watched["half-closed after the request"].status == 200
    assert watched["a second request's headers a byte at a time"].status == 200


def test_callers_that_read_nothing_are_let_go(impatient: Server) -> None:
    assert crowds.never_reading(impatient, connections=2, seconds=30.0) is not None


def test_requests_that_are_no_http_are_closed_or_refused(impatient: Server) -> None:
    found = fuzz.Found()
    for name, request in requests("/predict").items():
        found.saw(name, *fuzz.exchange(impatient, request))

    assert found.wrong == []
    assert found.statuses["200"] > 0
    assert impatient.ask("GET", "/ready")[0] == 200


def test_pipelined_requests_are_answered_in_order_and_a_flood_of_them_is_cut(impatient: Server) -> None:
    assert crowds.pipelined(impatient, requests=40) == 40
    assert crowds.flood_pipeline(impatient, megabytes=50) < 50
    assert impatient.ask("GET", "/ready")[0] == 200


def test_idle_and_trickling_connections_keep_nobody_out() -> None:
    serve = ("bash", "-c", 'ulimit -S -n 64 && exec "$@"', "bash", *command("serve", "--model", str(trained())))
    with serving(serve) as server:
        assert crowds.idle(server, connections=150, requests=5).answered == 5
        assert crowds.trickling(server, connections=80, requests=5).answered == 5


def test_all_that_was_accepted_is_answered_when_sigterm_comes_under_load() -> None:
    with serving(command("serve", "--model", str(trained()))) as server:
        drained = load.end_under_load(server, rate=80, seconds=2)

    assert drained.load.lost == {}
    assert drained.load.answered > 0
    assert drained.code == 0
