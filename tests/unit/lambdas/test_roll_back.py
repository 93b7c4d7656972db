"""Taking a version back: to which, for what, and when not."""

import pytest

from lambdas.common.errors import EventError
from lambdas.common.events import parse
from lambdas.deploy.handler import deploy
from lambdas.promote.handler import promote
from lambdas.roll_back.handler import RollBack, roll_back
from tests.flow import Account, Cluster, Tools
from tests.releases import alarm_event, at, deploy_event, failure_event, promote_event, released


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def tools(cloud: Account, cluster: Cluster) -> Tools:
    """Tools of a cloud where v1 and then v2 were released: v2 serves since minute 60."""
    tools = Tools(cluster)
    released(cloud, tools, "v1")
    released(cloud, tools, "v2", minutes=60)
    return tools


def test_an_alarm_takes_the_champion_back_to_its_predecessor(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    answer = roll_back(alarm_event(minutes=90), tools)

    assert (answer.status, answer.from_version, answer.to_version) == ("rolled_back", "v2", "v1")
    assert cluster.version == "v1"
    assert cloud.ledger["version"] == "v1"
    assert cloud.ledger["healthy"] == []
    assert cloud.status("v2") == "Rejected"
    assert cloud.status("v1") == "Approved"
    (decision,), (outcome,) = cloud.records("roll-back"), cloud.records("rolled-back")
    assert decision["by"] == outcome["by"] == "alarm error-rate"
    assert decision["evidence"]["alarm"] == {"name": "error-rate", "at": "2026-03-02T11:30:00Z"}
    assert outcome["outcome"] == "rolled_back"
    descriptor = cloud.object("artifacts/registry/price_sensitivity/deployments/latest.json")
    assert descriptor["model_package"]["version"] == "v1"


def test_the_same_alarm_does_nothing_the_second_time(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    first = roll_back(alarm_event(minutes=90), tools)
    before = (cluster.state(), cloud.state())

    assert roll_back(alarm_event(minutes=90), tools) == first

    assert (cluster.state(), cloud.state()) == before


def test_another_alarm_for_the_same_cause_does_nothing(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    roll_back(alarm_event(minutes=90), tools)

    answer = roll_back(alarm_event(minutes=95, key="alarm-2"), tools)

    assert answer.status == "nothing"
    assert "v1 is judged by alarms from 2026-03-02T11:40:00+00:00 on" in answer.reason
    assert cluster.version == "v1"
    assert cloud.status("v1") == "Approved"


def test_an_alarm_that_arrives_late_does_nothing(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    answer = roll_back(alarm_event(minutes=90, raised=59), tools)

    assert answer.status == "nothing"
    assert cluster.version == "v2"


def test_without_a_healthy_predecessor_it_refuses_and_leaves_what_serves(
    cloud: Account, cluster: Cluster, tools: Tools
) -> None:
    roll_back(alarm_event(minutes=90), tools)

    answer = roll_back(alarm_event(minutes=200, key="alarm-2"), tools)

    assert (answer.status, answer.from_version, answer.to_version) == ("refused", "v1", None)
    assert "there is no healthy version before v1" in answer.reason
    assert cluster.version == "v1"
    assert cloud.status("v1") == "Approved", "it serves"
    assert sorted(each["outcome"] for each in cloud.records("rolled-back")) == ["refused", "rolled_back"]


def test_a_release_that_failed_goes_back_to_the_champion(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    cloud.add_version("v3")
    deploy(deploy_event(cloud, "v3", minutes=100), tools)
    assert cluster.version == "v3"

    answer = roll_back(failure_event(cloud, "v3", minutes=110, evidence={"pod": "inference-1"}), tools)

    assert (answer.status, answer.from_version, answer.to_version) == ("rolled_back", "v3", "v2")
    assert cluster.version == "v2"
    assert cloud.ledger["release"] is None
    assert [each["version"] for each in cloud.ledger["healthy"]] == ["v1"], "v3 never was"
    assert cloud.status("v3") == "Rejected"
    (decision,) = cloud.records("roll-back")
    assert decision["evidence"]["pod"] == "inference-1"


def test_a_first_release_that_failed_ends_and_asks_for_a_person(cloud: Account) -> None:
    cluster = Cluster()
    tools = Tools(cluster)
    deploy(deploy_event(cloud, "v1"), tools)

    answer = roll_back(failure_event(cloud, "v1", minutes=10), tools)

    assert answer.status == "refused"
    assert cloud.ledger["release"] is None
    assert cloud.status("v1") == "Rejected"
    assert deploy(deploy_event(cloud, "v2", minutes=20), tools).status == "deploying", "nothing is in its way"


def test_a_release_that_never_began_changes_nothing_and_cannot_begin_later(
    cloud: Account, cluster: Cluster, tools: Tools
) -> None:
    cloud.add_version("v3")

    answer = roll_back(failure_event(cloud, "v3", minutes=110), tools)

    assert (answer.status, answer.reason) == ("nothing", "the release had not begun")
    assert cluster.version == "v2"
    cloud.set_status("v3", "Approved")
    assert deploy(deploy_event(cloud, "v3", minutes=100), tools).status == "ended"


@pytest.mark.parametrize("promoted", [False, True])
def test_another_execution_of_the_same_event_undoes_nothing_and_does_not_decide_for_the_first(
    cloud: Account, cluster: Cluster, tools: Tools, promoted: bool
) -> None:
    cloud.add_version("v3")
    deploy(deploy_event(cloud, "v3", minutes=100), tools)
    if promoted:
        promote(promote_event("v3", minutes=105), tools)
    before = (cluster.state(), cloud.state())

    answer = roll_back(failure_event(cloud, "v3", minutes=110, execution="another"), tools)

    assert (answer.status, answer.reason) == ("nothing", "execution an-execution has this release")
    assert (cluster.state(), cloud.state()) == before
    assert roll_back(failure_event(cloud, "v3", minutes=120), tools).status == "rolled_back"
    assert cluster.version == "v2"


def test_an_alarm_during_a_release_takes_the_release_back(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    cloud.add_version("v3")
    deploy(deploy_event(cloud, "v3", minutes=100), tools)

    answer = roll_back(alarm_event(minutes=105), tools)

    assert (answer.from_version, answer.to_version) == ("v3", "v2")
    assert roll_back(failure_event(cloud, "v3", minutes=106), tools).status == "nothing"
    assert deploy(deploy_event(cloud, "v3", minutes=100), tools).status == "ended"
    assert cluster.version == "v2"


def test_an_alarm_about_a_release_that_was_taken_back_leaves_the_champion(
    cloud: Account, cluster: Cluster, tools: Tools
) -> None:
    cloud.add_version("v3")
    deploy(deploy_event(cloud, "v3", minutes=100), tools)
    roll_back(failure_event(cloud, "v3", minutes=110), tools)

    early = roll_back(alarm_event(minutes=111), tools)
    late = roll_back(alarm_event(minutes=121, key="alarm-2"), tools)

    assert (early.status, late.status) == ("nothing", "rolled_back"), "alarms settle for ten minutes"
    assert "v2 is judged by alarms from 2026-03-02T12:00:00+00:00 on" in early.reason


def test_an_alarm_about_the_release_before_is_not_taken_for_the_next(
    cloud: Account, cluster: Cluster, tools: Tools
) -> None:
    cloud.add_version("v3")
    cloud.add_version("v4")
    deploy(deploy_event(cloud, "v3", minutes=100), tools)
    roll_back(failure_event(cloud, "v3", minutes=110), tools)
    deploy(deploy_event(cloud, "v4", minutes=111), tools)

    assert roll_back(alarm_event(minutes=115), tools).status == "nothing"
    assert cluster.version == "v4"


def test_an_alarm_from_before_a_release_is_not_taken_for_the_releases(
    cloud: Account, cluster: Cluster, tools: Tools
) -> None:
    cloud.add_version("v3")
    deploy(deploy_event(cloud, "v3", minutes=100), tools)

    assert roll_back(alarm_event(minutes=101, raised=99), tools).status == "nothing"

    assert cluster.version == "v3"


def test_a_release_that_failed_after_its_promotion_is_undone(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    answer = roll_back(failure_event(cloud, "v2", minutes=80), tools)

    assert (answer.status, answer.from_version, answer.to_version) == ("rolled_back", "v2", "v1")
    assert cluster.version == "v1"


def test_a_person_takes_back_the_version_that_runs_and_no_other(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    def by_hand(version: str, key: str) -> RollBack:
        return RollBack(key=key, at=at(90), by="ann", reason="prices look odd", version=version)

    wrong = roll_back(by_hand("v1", "hand-1"), tools)
    right = roll_back(by_hand("v2", "hand-2"), tools)

    assert (wrong.status, wrong.reason) == ("nothing", "v1 does not run; v2 does")
    assert (right.status, right.to_version) == ("rolled_back", "v1")
    assert cluster.version == "v1"


def test_before_any_release_there_is_nothing_to_take_back(cloud: Account) -> None:
    answer = roll_back(alarm_event(minutes=5), Tools(Cluster("v0")))

    assert (answer.status, answer.reason) == ("nothing", "no version has been released yet")


def test_several_steps_back_each_go_to_one_that_was_healthy(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    cloud.add_version("v3")
    released(cloud, tools, "v3", minutes=100)

    first = roll_back(alarm_event(minutes=150), tools)
    second = roll_back(alarm_event(minutes=200, key="alarm-2"), tools)

    assert [first.to_version, second.to_version] == ["v2", "v1"]
    assert [each["version"] for each in cloud.ledger["taken_back"]] == ["v3", "v2"]


def test_a_decision_whose_ledger_has_moved_on_is_not_carried_out(
    cloud: Account, cluster: Cluster, tools: Tools
) -> None:
    cloud.add_version("v3")
    event = alarm_event(minutes=90)
    key = "artifacts/audit/2026-03-02/roll-back-alarm-1.json"
    roll_back(event, tools)
    decision = cloud.object(key)
    released(cloud, tools, "v3", minutes=120)
    late = event.model_copy(update={"key": "alarm-late"})
    cloud.put(key.replace("alarm-1", "alarm-late"), {**decision, "key": "alarm-late"})

    answer = roll_back(late, tools)

    assert (answer.status, answer.reason) == ("nothing", "v3 runs by now")
    assert cluster.version == "v3"


@pytest.mark.parametrize("causes", [{}, {"version": "v2", "alarm": {"name": "a", "at": "2026-03-02T10:00:00Z"}}])
def test_an_event_has_one_cause(causes: dict[str, object]) -> None:
    with pytest.raises(EventError, match="exactly one of alarm, release and version"):
        parse(RollBack, {"key": "k", "at": "2026-03-02T10:00:00Z", "by": "x", "reason": "y", **causes})


def test_a_promotion_that_comes_too_late_is_refused(cloud: Account, cluster: Cluster, tools: Tools) -> None:
    cloud.add_version("v3")
    deploy(deploy_event(cloud, "v3", minutes=100), tools)
    roll_back(alarm_event(minutes=105), tools)

    answer = promote(promote_event("v3", minutes=110), tools)

    assert answer.status == "refused"
    assert cloud.ledger["version"] == "v2"
