"""The release walked with its real functions: what the cluster, the ledger and the registry say after it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from lambdas.common.errors import FlowError
from lambdas.common.events import parse
from lambdas.deploy.handler import Deploy, deploy
from lambdas.promote.handler import Promote, promote
from lambdas.roll_back.handler import RollBack, roll_back
from lambdas.rollout.handler import Rollout, rollout
from lambdas.verify.handler import Verify, verify
from tests.flow import Account, Answer, Cluster, PodsHttp, Tools, account, prediction
from tests.machines import TaskError, Walk
from tests.stacks.definitions import actions, definition
from tests.stacks.test_release_machine import NAMES, alarms, told

FUNCTIONS: Mapping[str, tuple[Any, Callable[[Any, Tools], Any]]] = {
    "Deploy the version": (Deploy, deploy),
    "Look at the rollout": (Rollout, rollout),
    "Ask each pod": (Verify, verify),
    "Promote the version": (Promote, promote),
    "Take the version back": (RollBack, roll_back),
    "Look at the old version": (Rollout, rollout),
}


class World:
    """An account and a cluster, and executions of the release in them."""

    def __init__(self, cloud: Account) -> None:
        self.cloud = cloud
        self.cluster = Cluster()
        self.pods = PodsHttp(version="v1")
        self.works: set[str] = {"v1", "v2"}

    def release(self, version: str, execution: str = "an-execution", /, **answers: Any) -> tuple[str, Walk]:
        self.pods.version = version
        event = {
            "key": f"event-{version}",
            "at": "2026-03-02T10:00:00Z",
            "package": self.cloud.packages[version],
        }
        return self.execute(event, version, execution, **answers)

    def execute(
        self, event: dict[str, Any], version: str = "", execution: str = "an-execution", /, **answers: Any
    ) -> tuple[str, Walk]:
        given: dict[str, Any] = {name: self.calling(name) for name in FUNCTIONS}
        given["Describe the package"] = {"CustomerMetadataProperties": {"version": version}}
        given["Read the alarms"] = alarms()
        walk = Walk(definition("release"), given | answers, event, name=execution)
        return walk.run(), walk

    def calling(self, name: str) -> Callable[[Any], Any]:
        """Return what calls the function of a state, by its real handler."""
        kind, act = FUNCTIONS[name]

        def answer(arguments: Any) -> Any:
            self._roll()
            try:
                event = parse(kind, arguments["Payload"])
                return {"Payload": act(event, Tools(self.cluster, self.pods)).as_json()}
            except FlowError as error:
                raise TaskError(type(error).__name__, str(error)) from error

        return answer

    def _roll(self) -> None:
        """Do what the Deployment's controller does: pods of a version that works get ready."""
        replicas = self.cluster.deployment["spec"]["replicas"]
        self.cluster.ready = self.cluster.version in self.works
        counts = dict.fromkeys(("replicas", "updatedReplicas"), replicas)
        available = dict.fromkeys(("readyReplicas", "availableReplicas"), replicas if self.cluster.ready else 0)
        generation = self.cluster.deployment["metadata"]["generation"]
        self.cluster.deployment["status"] = {"observedGeneration": generation, **counts, **available}


@pytest.fixture
def world() -> Iterator[World]:
    """Return a world in which v1 is the champion and v2 is approved."""
    with account() as cloud:
        for version in ("v1", "v2"):
            cloud.add_version(version)
        found = World(cloud)
        assert found.release("v1")[0] == "Released"
        yield found


def test_a_good_version_is_the_champion_in_ledger_cluster_and_registry(world: World) -> None:
    end, _ = world.release("v2")

    assert end == "Released"
    assert (world.cloud.ledger["version"], world.cluster.version) == ("v2", "v2")
    assert [each["version"] for each in world.cloud.ledger["healthy"]] == ["v1"]
    (outcome,) = [each for each in world.cloud.records("released") if each["to_version"] == "v2"]
    assert set(outcome["evidence"]) == {"rollout", "smoke_test", "bake"}


def test_a_version_whose_pods_never_get_ready_is_undone_and_rejected(world: World) -> None:
    world.works = {"v1"}

    end, walk = world.release("v2")

    assert end == "Release failed"
    assert (world.cloud.ledger["version"], world.cluster.version) == ("v1", "v1")
    assert world.cloud.ledger["release"] is None
    assert world.cloud.status("v2") == "Rejected"
    assert "progressing" in told(walk)["Message"]


def test_a_wrong_answer_of_one_pod_undoes_the_release(world: World) -> None:
    wrong: dict[str, Answer | None] = {"http://10.0.0.2:8080/predict": prediction("v1")}
    world.pods.answers = wrong

    end, walk = world.release("v2")

    assert end == "Release failed"
    assert world.cluster.version == "v1"
    assert "answered with version v1, not v2" in told(walk)["Message"]


def test_an_alarm_while_it_bakes_undoes_the_release_and_its_own_event_then_finds_nothing_to_do(world: World) -> None:
    end, _ = world.release("v2", **{"Read the alarms": alarms(NAMES[0])})

    assert end == "Release failed"
    assert world.cluster.version == "v1"
    event = {"key": "alarm-1", "at": "2026-03-02T10:06:00Z", "by": NAMES[0], "reason": "errors"}
    end, walk = world.execute({**event, "alarm": {"name": NAMES[0], "at": event["at"]}})
    assert end == "Taken back"
    assert "Nothing was taken back" in told(walk)["Message"]
    assert (world.cloud.ledger["version"], world.cluster.version) == ("v1", "v1"), "the champion is not to blame"


def test_an_alarm_after_the_promotion_goes_back_and_a_second_one_pages_a_person(world: World) -> None:
    world.release("v2")

    def alarm(number: int, at: str) -> tuple[str, Walk]:
        event = {"key": f"alarm-{number}", "at": at, "by": NAMES[1], "reason": "accuracy"}
        return world.execute({**event, "alarm": {"name": NAMES[1], "at": at}})

    assert alarm(1, "2026-03-03T10:00:00Z")[0] == "Taken back"
    assert alarm(1, "2026-03-03T10:00:00Z")[0] == "Taken back", "delivered twice"
    assert world.cluster.version == "v1"
    end, walk = alarm(2, "2026-03-04T10:00:00Z")
    assert end == "A person is needed"
    assert "there is no healthy version before v1" in told(walk)["Message"]
    assert world.cluster.version == "v1"


def test_a_version_that_was_rejected_meanwhile_is_not_promoted(world: World) -> None:
    def reject(_: Any) -> dict[str, Any]:
        world.cloud.set_status("v2", "Rejected")
        return alarms()

    end, walk = world.release("v2", **{"Read the alarms": reject})

    assert end == "Release failed"
    assert world.cluster.version == "v1"
    assert "Rejected by now" in told(walk)["Message"]


def test_an_event_that_comes_twice_releases_once_and_is_told_once(world: World) -> None:
    world.release("v2")
    before = world.cloud.state()

    end, walk = world.release("v2", "another")

    assert end == "Left to the other execution"
    assert "sns:Publish" not in actions(walk)
    assert world.cloud.state() == before


@pytest.mark.parametrize(("works", "outcome"), [({"v1", "v2"}, "Released"), ({"v1"}, "Release failed")])
def test_an_event_that_comes_twice_at_once_is_one_executions_alone(world: World, works: set[str], outcome: str) -> None:
    world.works = works
    others: list[tuple[str, Walk]] = []
    deployed = world.calling("Deploy the version")

    def deploy_and_meet_the_other(arguments: Any) -> Any:
        answer = deployed(arguments)
        others.append(world.release("v2", "another"))
        return answer

    end, walk = world.release("v2", **{"Deploy the version": deploy_and_meet_the_other})

    assert end == outcome
    assert told(walk)
    ((other_end, other),) = others
    assert other_end == "Left to the other execution"
    assert actions(other) == {"sagemaker:DescribeModelPackage", "lambda:Invoke", "s3:PutObject"}


def test_another_execution_that_cannot_ask_undoes_neither_the_release_nor_the_champion(world: World) -> None:
    others: list[tuple[str, Walk]] = []

    def fail_beside_it(_: Any = None) -> dict[str, Any]:
        busy = TaskError("Lambda.TooManyRequestsException")
        others.append(world.release("v2", "another", **{"Deploy the version": busy}))
        return alarms()

    end, _ = world.release("v2", **{"Read the alarms": fail_beside_it})
    fail_beside_it()

    assert end == "Released"
    assert (world.cloud.ledger["version"], world.cluster.version) == ("v2", "v2")
    assert world.cloud.status("v2") == "Approved"
    assert {other_end for other_end, _ in others} == {"Release failed"}
    assert "Nothing was taken back: execution an-execution has this release" in told(others[-1][1])["Message"]
