"""The serving benchmark's promises: right answers only are measured, and the arithmetic is what it says."""

import gzip
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import cpu_seconds, family, memory
from benchmarks.serving import __main__ as bench
from benchmarks.serving import section
from benchmarks.serving.baskets import columns_of, of_lines, read_baskets
from benchmarks.serving.contenders import OWN_WAY, ROOT, WITH_OURS, Contender
from benchmarks.serving.measure import OpenLoop, Rounds, Running, Spread, alternate, compare
from benchmarks.serving.server import Cost, Server, free_port
from ml.data.generate import generate_weeks

BASKET: dict[str, Any] = {"basket_id": "1", "lines": []}


class _Server:
    """Answers and takes time as it is told; keeps when it was asked."""

    def __init__(
        self, name: str = "", reply: Any = None, milliseconds: float = 1.0, turns: list[str] | None = None
    ) -> None:
        self.name, self.reply, self.milliseconds, self.turns = name, reply, milliseconds, turns

    def ask(self, _: str, __: bytes) -> Any:
        return self.reply

    def load(self, _: str, __: bytes, *, seconds: float) -> Cost:
        assert self.turns is not None
        self.turns.append(self.name)
        return Cost(requests=100, cpu=self.milliseconds / 10, wall=seconds)


def _running(**what: Any) -> Running:
    contender = Contender("fake", "Fake", lambda *_: [])
    return Running(contender, _Server(**what), b"")  # type: ignore[arg-type]


def _reply(word: str = "High", shares: tuple[float, ...] = (0.75, 0.25)) -> dict[str, Any]:
    return {"prediction": word, "probabilities": dict(zip(("High", "Low"), shares, strict=True))}


def _rounds(ours: float, other: float) -> Rounds:
    return Rounds.of([(Cost(1_000, ours, 1.0), Cost(1_000, other, 1.0))])


def test_a_ratio_is_taken_within_its_round_and_the_median_of_ratios_counts() -> None:
    costs = [(1.0, 10.0), (2.0, 10.0), (4.0, 80.0)]
    rounds = Rounds.of([(Cost(1_000, ours, 1.0), Cost(1_000, other, 1.0)) for ours, other in costs])
    assert rounds.ours == Spread(2.0, 1.0, 4.0)
    assert rounds.other == Spread(10.0, 10.0, 80.0)
    assert rounds.ratio == Spread(10.0, 5.0, 20.0)


def test_servers_take_turns_and_the_order_changes() -> None:
    turns: list[str] = []
    ours = _running(name="ours", milliseconds=0.5, turns=turns)
    other = _running(name="other", milliseconds=4.0, turns=turns)
    rounds = alternate(ours, other, rounds=3, seconds=1.0)
    assert turns[2:] == ["ours", "other", "other", "ours", "ours", "other"]
    assert (rounds.ours.median, rounds.other.median, rounds.ratio.median) == (0.5, 4.0, 8.0)


def test_equal_answers_may_be_measured() -> None:
    other = _reply(shares=(0.750009, 0.249991))
    assert compare(_running(reply=_reply()), _running(reply=other), [BASKET]) == pytest.approx(9e-6)


@pytest.mark.parametrize(
    "wrong",
    [_reply("Low"), _reply(shares=(0.75002, 0.24998)), _reply(shares=(float("nan"), 0.25))],
    ids=["another class", "other probabilities", "no number"],
)
def test_a_peer_that_answers_otherwise_is_not_measured(wrong: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="basket 1"):
        compare(_running(reply=_reply()), _running(reply=wrong), [BASKET])


def test_a_peer_that_fails_is_named_and_the_next_goes_on() -> None:
    contender = Contender("gone", "Gone", lambda *_: [], peer="gone")
    peer = bench._peer(None, None, contender, bench.QUICK, ROOT)  # type: ignore[arg-type]
    assert peer.rounds is None
    assert "gone" in peer.failure


def test_the_processor_time_and_memory_of_a_server_include_its_children() -> None:
    child = "x = bytearray(50_000_000); sum(range(6_000_000)); print('done', flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    resident, proportional = memory(process.pid)
    assert len(family(process.pid)) == 2
    assert cpu_seconds(process.pid) > family(process.pid)[process.pid].cpu + 0.02
    assert resident > proportional > 50e6
    process.communicate("\n")


def test_a_server_is_started_asked_and_ended_with_its_children(tmp_path: Path) -> None:
    program = """
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, content):
        self.send_response(200 if self.path != "/bad" else 503)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    def do_GET(self): self.answer(b"ok")
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(str(child.pid).encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
    port = free_port()
    command = [sys.executable, "-c", program, str(port)]
    with Server(command, port=port, environment={}, folder=tmp_path, ready="/ready", within=30) as server:
        child = server.ask("/predict", b"{}")
        cost = server.load("/predict", b"{}", seconds=0.05)
        assert cost.requests > 0
        assert cost.wall >= 0.05
        with pytest.raises(RuntimeError, match="/bad answered 503"):
            server.ask("/bad", b"{}")
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:  # the kernel takes a moment
        time.sleep(0.01)
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text()


def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    with pytest.raises(RuntimeError, match="no such model"):
        Server(command, port=free_port(), environment={}, folder=tmp_path, ready="/", within=30)


def test_baskets_are_read_as_a_till_sends_them(tmp_path: Path) -> None:
    [file] = generate_weeks(weeks=1, baskets_per_week=50, seed=3, output=tmp_path)
    plain = read_baskets(file, limit=20)
    text = file.read_text()
    packed = tmp_path / "week.csv.gz"
    header, first, *rest = text.splitlines()
    packed.write_bytes(gzip.compress("\n".join([header, first, first, *rest]).encode()))
    assert read_baskets(packed, limit=20) == plain  # a line repeated word for word counts once
    assert len(plain) == 20
    two = of_lines(plain, 2)
    columns = columns_of([two])
    assert {len(values) for values in columns.values()} == {2}
    assert columns["basket_id"] == [two["basket_id"]] * 2
    assert columns["prod_code"] == [line["prod_code"] for line in two["lines"]]
    with pytest.raises(ValueError, match="has 0 lines"):
        of_lines(plain, 0)


def test_every_contender_sends_a_basket_as_json(tmp_path: Path) -> None:
    [file] = generate_weeks(weeks=1, baskets_per_week=50, seed=3, output=tmp_path)
    basket = next(each for each in read_baskets(file, limit=50) if None not in each.values())
    for contender in (*OWN_WAY, *WITH_OURS):
        assert basket["lines"][0]["prod_code"] in json.dumps(json.loads(contender.encoded(basket)))


def test_every_peer_has_a_lock_file_with_hashes_and_no_address() -> None:
    for peer in {each.peer for each in (*OWN_WAY, *WITH_OURS)}:
        lock = (ROOT / "requirements" / "peers" / f"{peer}.txt").read_text()
        assert f"\n{peer}==" in lock
        assert "--hash=sha256:" in lock
        assert "://" not in lock


ALONE = section.Alone(
    constant=_rounds(0.2, 0.1),
    loads=[OpenLoop(1.0, p99, 7_500, 0, ()) for p99 in (4.0, 30.0, 5.0)],
    constant_loads=[OpenLoop(1.0, 3.0, 7_500, 0, ())],
    batch=Spread.of([25_000.0]),
    ready_seconds=Spread.of([1.0, 2.0, 4.0]),
    resident_mb=120.0,
    proportional_mb=80.0,
)


def _text(alone: section.Alone, own_way: list[section.Peer] | None = None) -> str:
    return section.section(about="About.", alone=alone, own_way=own_way or [], with_ours=[])


def test_the_section_says_which_bars_are_met() -> None:
    text = _text(ALONE)
    assert "missed" not in text
    assert "| the same ÷ constant answer | 2.00 (2.00–2.00)× (of 0.100 (0.100–0.100) ms) | ≤ 3× | met |" in text
    assert "| 5.0 (4.0–30.0) ms, 0 of 22,500 failed" in text


@pytest.mark.parametrize(
    "change",
    [
        {"constant": _rounds(0.26, 0.1)},
        {"constant": _rounds(0.2, 0.06)},
        {"loads": [OpenLoop(1.0, 25.1, 1, 0, ())]},
        {"loads": [OpenLoop(1.0, 2.0, 1, 1, ())]},
        {"batch": Spread.of([19_999.0])},
        {"ready_seconds": Spread.of([3.1])},
        {"resident_mb": 151.0},
    ],
)
def test_each_missed_bar_is_said_to_be(change: dict[str, Any]) -> None:
    assert _text(replace(ALONE, **change)).count("**missed**") == 1


def test_peers_are_judged_by_their_ratio_and_a_failed_one_is_listed() -> None:
    peers = [
        section.Peer("Slow", "slow 1", _rounds(0.2, 5.0), 3.21, 200.0),
        section.Peer("Quick", "quick 2", _rounds(0.2, 4.8), 1.0, 100.0),
        section.Peer("Gone", "gone", failure="it does not install"),
    ]
    text = _text(ALONE, peers)
    assert "| Slow | slow 1 | 5.00 (5.00–5.00) | 25.0 (25.0–25.0)× | 3.2 | 200 | met |" in text
    assert "| Quick | quick 2 | 4.80 (4.80–4.80) | 24.0 (24.0–24.0)× | 1.0 | 100 | **missed** |" in text
    assert "| Gone | gone | not measured: it does not install |" in text


def test_a_busy_machine_is_warned_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (3.0, 0.0, 0.0))
    bench.warn_if_busy()
    assert "busy (load 3.0)" in capsys.readouterr().err
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.0, 0.0))
    assert bench.warn_if_busy() == 0.1
    assert not capsys.readouterr().err
