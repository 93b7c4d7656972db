"""Each function that changes something, asked twice, twice at once, or after it died anywhere: the same end state."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.common.events import Frozen
from lambdas.deploy.handler import deploy
from lambdas.promote.handler import promote
from lambdas.roll_back.handler import roll_back
from tests.flow import LEDGER, Account, Cluster, Object, Tools, Watch, quick_account, watching
from tests.releases import alarm_event, deploy_event, failure_event, promote_event, released


class CrashError(BaseException):
    """The function's process is gone: nothing in it may catch this."""


@dataclass(frozen=True)
class Scenario:
    """A function's call in a state: ``prepare`` makes the state, ``act`` makes the call."""

    prepare: Callable[[Account, Tools], object]
    act: Callable[[Account, Tools], Frozen]

    def end_state(self, run: Callable[[Account, Cluster], object]) -> Object:
        """Return the state after ``run`` in a prepared cloud of its own."""
        with quick_account() as cloud:
            for version in ("v1", "v2"):
                cloud.add_version(version)
            cluster = Cluster()
            self.prepare(cloud, Tools(cluster, account=cloud))
            run(cloud, cluster)
            return {"cloud": cloud.state(), "cluster": cluster.state()}

    def once(self, cloud: Account, cluster: Cluster) -> Frozen:
        """Make the call."""
        return self.act(cloud, Tools(cluster, account=cloud))


def with_v1(cloud: Account, tools: Tools) -> None:
    released(cloud, tools, "v1")


def with_v2_deployed(cloud: Account, tools: Tools) -> None:
    released(cloud, tools, "v1")
    deploy(deploy_event(cloud, "v2", minutes=60), tools)


def with_v2(cloud: Account, tools: Tools) -> None:
    released(cloud, tools, "v1")
    released(cloud, tools, "v2", minutes=60)


SCENARIOS = {
    "deploy": Scenario(with_v1, lambda cloud, tools: deploy(deploy_event(cloud, "v2", minutes=60), tools)),
    "promote": Scenario(with_v2_deployed, lambda _, tools: promote(promote_event("v2", minutes=70), tools)),
    "roll back for an alarm": Scenario(with_v2, lambda _, tools: roll_back(alarm_event(minutes=90), tools)),
    "roll back a release": Scenario(
        with_v2_deployed, lambda cloud, tools: roll_back(failure_event(cloud, "v2", minutes=70), tools)
    ),
    "refuse to roll back": Scenario(with_v1, lambda _, tools: roll_back(alarm_event(minutes=90), tools)),
}
# Stretches of steps by one and the other, so that one may do all it has to between two steps of the other.
TURNS = st.lists(st.integers(1, 20), min_size=1, max_size=8).map(
    lambda stretches: [number % 2 for number, length in enumerate(stretches) for _ in range(length)]
)
EVERY = pytest.mark.parametrize("name", SCENARIOS)


@pytest.fixture(scope="module")
def end_states() -> dict[str, Object]:
    """The state after one undisturbed call, by scenario."""
    return {name: each.end_state(each.once) for name, each in SCENARIOS.items()}


@EVERY
def test_asked_twice_it_answers_the_same_and_changes_nothing_more(name: str, end_states: dict[str, Object]) -> None:
    scenario = SCENARIOS[name]
    answers: list[Frozen] = []

    state = scenario.end_state(lambda *world: answers.extend(scenario.once(*world) for _ in range(2)))

    assert state == end_states[name]
    assert answers[0] == answers[1]


@EVERY
def test_after_it_died_at_any_step_a_retry_ends_in_the_same_state(name: str, end_states: dict[str, Object]) -> None:
    scenario = SCENARIOS[name]
    steps: list[str] = []
    scenario.end_state(lambda *world: _watched(scenario, world, steps.append))
    changes = [step for step in steps if step.split()[1] in {"PutObject", "UpdateModelPackage", "PATCH"}]
    assert changes, "it changes something, and dies before and after each change below"

    for place in range(len(steps)):

        def crash_and_retry(*world: Any, place: int = place) -> None:
            left = iter(range(place))

            def die(_: str) -> None:
                if next(left, None) is None:
                    raise CrashError

            with pytest.raises(CrashError):
                _watched(scenario, world, die)
            scenario.once(*world)

        assert scenario.end_state(crash_and_retry) == end_states[name], f"died {steps[place]} ({place})"


def _watched(scenario: Scenario, world: tuple[Account, Cluster], step: Callable[[str], None]) -> Frozen:
    with watching(Watch(step)):
        return scenario.once(*world)


class Player:
    """A call in a thread of its own, which stops before each step until it is let go on."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.failure: Exception | None = None
        self.done = False
        threading.Thread(target=self._run, daemon=True).start()

    def go_on(self) -> None:
        """Let it take one step, and wait until it stops again."""
        self._go.release()
        assert self._stopped.acquire(timeout=30)

    def _run(self) -> None:
        self._go.acquire()
        try:
            with watching(Watch(self._step)):
                self._call()
        except Exception as error:  # noqa: BLE001  told by the test's own thread
            self.failure = error
        self.done = True
        self._stopped.release()

    def _step(self, step: str) -> None:
        if step.startswith("before"):
            self._stopped.release()
            self._go.acquire()


def at_once(turns: list[int], *scenarios: Scenario) -> Callable[[Account, Cluster], None]:
    """Return a run of calls at once, which take their steps by ``turns``, and then one after the other."""

    def run(cloud: Account, cluster: Cluster) -> None:
        players = [Player(partial(each.once, cloud, cluster)) for each in scenarios]
        for turn in turns:
            if not players[turn].done:
                players[turn].go_on()
        for player in players:
            while not player.done:
                player.go_on()
        assert not any(player.failure for player in players)

    return run


@EVERY
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=TURNS)
def test_asked_twice_at_once_in_any_order_of_steps(name: str, end_states: dict[str, Object], turns: list[int]) -> None:
    scenario = SCENARIOS[name]

    assert scenario.end_state(at_once(turns, scenario, scenario)) == end_states[name]


def with_v2_begun(cloud: Account, tools: Tools) -> None:
    """Leave a release of v2 that is entered in the ledger, and whose process died before it patched anything."""
    with_v1(cloud, tools)
    begun = tools.deployment.read().body
    deploy(deploy_event(cloud, "v2", minutes=60), tools)
    tools.cluster.deployment = {**begun, "metadata": {**begun["metadata"], "resourceVersion": "100"}}


OTHERS = pytest.mark.parametrize("other", ["roll back a release", "roll back for an alarm", "promote"])


@OTHERS
@pytest.mark.parametrize("first", [0, 1])
def test_whoever_meets_a_release_between_two_of_its_steps_leaves_what_the_ledger_wants(other: str, first: int) -> None:
    for steps in range(12):
        _leaves_what_the_ledger_wants(other, [first] * steps + [1 - first] * 30)


@OTHERS
@settings(max_examples=40, deadline=None)
@given(turns=TURNS)
def test_so_it_does_in_any_order_of_steps(other: str, turns: list[int]) -> None:
    _leaves_what_the_ledger_wants(other, turns)


def _leaves_what_the_ledger_wants(other: str, turns: list[int]) -> None:
    scenario = Scenario(with_v2_begun, SCENARIOS["deploy"].act)

    state = scenario.end_state(at_once(turns, scenario, SCENARIOS[other]))

    ledger = state["cloud"]["objects"][LEDGER]
    wanted = ledger["release"]["version"] if ledger["release"] else ledger["version"]
    assert state["cluster"]["version"] == wanted
