"""The beginning of a release."""

import pytest

from lambdas.common.errors import ReleaseUnderWayError
from lambdas.deploy.handler import deploy
from lambdas.promote.handler import promote
from lambdas.roll_back.handler import roll_back
from tests.flow import Account, Cluster, Tools
from tests.releases import at, deploy_event, failure_event, promote_event, released


def test_a_version_is_recorded_entered_in_the_ledger_and_deployed(cloud: Account) -> None:
    cluster = Cluster()

    answer = deploy(deploy_event(cloud, "v1"), Tools(cluster))

    assert answer.status == "deploying"
    assert cluster.version == "v1"
    assert cloud.ledger["version"] is None, "it is no champion yet"
    assert cloud.ledger["release"]["version"] == "v1"
    (record,) = cloud.records("release")
    assert (record["by"], record["from_version"], record["to_version"]) == ("registry", None, "v1")
    assert record["evidence"] == {"package": cloud.packages["v1"], "execution": "an-execution"}


def test_label_and_variable_are_patched_together_and_other_variables_stay(cloud: Account) -> None:
    cluster = Cluster("v1")

    deploy(deploy_event(cloud, "v2"), Tools(cluster))

    assert cluster.template["metadata"]["labels"]["model-version"] == "v2"
    (container,) = cluster.template["spec"]["containers"]
    assert container["env"] == [{"name": "HOME", "value": "/tmp"}, {"name": "MODEL_VERSION", "value": "v2"}]


def test_the_champion_is_not_deployed_again(cloud: Account) -> None:
    cluster = Cluster()
    released(cloud, Tools(cluster), "v1")
    before = cluster.state()

    answer = deploy(deploy_event(cloud, "v1", minutes=60, key="again"), Tools(cluster))

    assert answer.status == "serves_already"
    assert cluster.state() == before
    assert [each["outcome"] for each in cloud.records("released") if each["key"] == "again"] == ["serves_already"]


def test_a_version_that_was_rejected_meanwhile_is_not_deployed(cloud: Account) -> None:
    cluster = Cluster("v1")
    cloud.set_status("v2", "Rejected")

    answer = deploy(deploy_event(cloud, "v2"), Tools(cluster))

    assert (answer.status, answer.reason) == ("refused", "the model package is Rejected by now")
    assert cluster.version == "v1"
    (outcome,) = cloud.records("released")
    assert outcome["outcome"] == "refused"


def test_a_release_that_ended_is_answered_by_its_record_whatever_has_changed_since(cloud: Account) -> None:
    cluster = Cluster("v1")
    cloud.set_status("v2", "Rejected")
    refused = deploy(deploy_event(cloud, "v2"), Tools(cluster))
    cloud.set_status("v2", "Approved")

    assert deploy(deploy_event(cloud, "v2"), Tools(cluster)) == refused
    assert cluster.version == "v1"


@pytest.mark.parametrize("promoted", [False, True])
def test_another_execution_of_the_same_event_leaves_the_release_to_the_first(cloud: Account, promoted: bool) -> None:
    cluster = Cluster()
    tools = Tools(cluster)
    deploy(deploy_event(cloud, "v1"), tools)
    if promoted:
        promote(promote_event("v1", minutes=10), tools)
    before = (cluster.state(), cloud.state())

    answer = deploy(deploy_event(cloud, "v1", execution="another"), tools)

    assert (answer.status, answer.reason) == ("duplicate", "execution an-execution has this release")
    assert (cluster.state(), cloud.state()) == before


def test_another_execution_of_the_same_event_leaves_a_refusal_to_the_first(cloud: Account) -> None:
    cloud.set_status("v2", "Rejected")
    deploy(deploy_event(cloud, "v2"), Tools(Cluster("v1")))

    assert deploy(deploy_event(cloud, "v2", execution="another"), Tools(Cluster("v1"))).status == "duplicate"


def test_the_execution_that_waits_for_its_turn_has_the_release_before_it_begins(cloud: Account) -> None:
    tools = Tools(Cluster())
    deploy(deploy_event(cloud, "v1"), tools)
    with pytest.raises(ReleaseUnderWayError):
        deploy(deploy_event(cloud, "v2", minutes=5), tools)
    promote(promote_event("v1", minutes=10), tools)

    assert deploy(deploy_event(cloud, "v2", minutes=5, execution="another"), tools).status == "duplicate"
    assert deploy(deploy_event(cloud, "v2", minutes=5), tools).status == "deploying"


def test_a_second_release_waits_for_the_first(cloud: Account) -> None:
    cluster = Cluster()
    deploy(deploy_event(cloud, "v1"), Tools(cluster))

    with pytest.raises(ReleaseUnderWayError, match=r"v1 is being released since 2026-03-02T10:00:00\+00:00"):
        deploy(deploy_event(cloud, "v2", minutes=5), Tools(cluster))

    assert cluster.version == "v1"


def test_a_release_whose_time_is_over_is_in_nobodys_way(cloud: Account) -> None:
    cluster = Cluster()
    deploy(deploy_event(cloud, "v1"), Tools(cluster))

    answer = deploy(deploy_event(cloud, "v2", minutes=60), Tools(cluster))

    assert answer.status == "deploying"
    assert cluster.version == "v2"
    (abandoned,) = cloud.ledger["taken_back"]
    assert (abandoned["version"], abandoned["reason"]) == ("v1", "never ended")


def test_an_event_that_comes_after_the_release_failed_does_not_begin_it_again(cloud: Account) -> None:
    cluster = Cluster()
    released(cloud, Tools(cluster), "v1")
    deploy(deploy_event(cloud, "v2", minutes=60), Tools(cluster))
    roll_back(failure_event(cloud, "v2", minutes=70), Tools(cluster))
    before = (cluster.state(), cloud.state())

    answer = deploy(deploy_event(cloud, "v2", minutes=60), Tools(cluster))

    assert answer.status == "ended"
    assert (cluster.state(), cloud.state()) == before


def test_a_version_that_was_taken_back_is_released_when_it_is_approved_again(cloud: Account) -> None:
    cluster = Cluster()
    released(cloud, Tools(cluster), "v1")
    deploy(deploy_event(cloud, "v2", minutes=60), Tools(cluster))
    roll_back(failure_event(cloud, "v2", minutes=70), Tools(cluster))
    cloud.set_status("v2", "Approved")

    answer = deploy(deploy_event(cloud, "v2", minutes=90, key="second-try"), Tools(cluster))

    assert answer.status == "deploying"
    assert cluster.version == "v2"


def test_the_version_in_the_cluster_is_put_right_where_somebody_changed_it_by_hand(cloud: Account) -> None:
    cluster = Cluster()
    deploy(deploy_event(cloud, "v2"), Tools(cluster))
    cluster.release("v1")

    deploy(deploy_event(cloud, "v2"), Tools(cluster))

    assert cluster.version == "v2"


def test_times_are_those_of_the_event(cloud: Account) -> None:
    deploy(deploy_event(cloud, "v1", minutes=3), Tools(Cluster()))

    assert cloud.ledger["release"]["since"] == at(3).isoformat().replace("+00:00", "Z")
    assert cloud.ledger["release"]["until"] == at(63).isoformat().replace("+00:00", "Z")
    assert promote_event("v1").key == cloud.ledger["release"]["key"]
