"""The good end of a release."""

import hashlib
import json

import pytest

from lambdas.common.errors import FlowError
from lambdas.deploy.handler import deploy
from lambdas.promote.handler import promote
from tests.flow import Account, Cluster, Tools
from tests.releases import deploy_event, promote_event, released

DESCRIPTORS = "artifacts/registry/price_sensitivity/deployments"


def test_the_version_becomes_the_champion_and_the_one_before_stays_to_go_back_to(cloud: Account) -> None:
    tools = Tools(Cluster())
    released(cloud, tools, "v1")

    _, answer = released(cloud, tools, "v2", minutes=60)

    assert (answer.status, answer.version, answer.from_version) == ("promoted", "v2", "v1")
    ledger = cloud.ledger
    assert (ledger["version"], ledger["release"]) == ("v2", None)
    assert ledger["healthy"] == [{"version": "v1", "package": cloud.packages["v1"]}]
    assert ledger["since"] == "2026-03-02T11:10:00Z"
    assert ledger["alarms_from"] == "2026-03-02T11:00:00Z", "it was watched since it was deployed"
    outcomes = {each["to_version"]: each["outcome"] for each in cloud.records("released")}
    assert outcomes == {"v1": "promoted", "v2": "promoted"}


def test_the_descriptor_says_what_the_cluster_runs(cloud: Account) -> None:
    released(cloud, Tools(Cluster()), "v1")

    descriptor = cloud.object(f"{DESCRIPTORS}/v1.json")

    assert cloud.object(f"{DESCRIPTORS}/latest.json") == descriptor
    manifest = cloud.object("artifacts/models/v1/manifest.json")
    assert descriptor["metrics"] == manifest["metrics"]
    assert descriptor["image"] == {"repository": "registry.local/mlops-api", "tag": "0.1.0"}
    assert descriptor["scaling"] == {"minimum": 2, "maximum": 10, "target_cpu_percent": 60}
    assert descriptor["model_package"]["arn"] == cloud.packages["v1"]
    assert descriptor["model_package"]["manifest_sha256"] == hashlib.sha256(json.dumps(manifest).encode()).hexdigest()


def test_a_release_that_is_not_under_way_is_not_promoted(cloud: Account) -> None:
    answer = promote(promote_event("v1"), Tools(Cluster("v1")))

    assert answer.status == "refused"
    assert cloud.records("released") == []


def test_a_version_that_a_person_rejected_meanwhile_is_not_promoted(cloud: Account) -> None:
    tools = Tools(Cluster())
    deploy(deploy_event(cloud, "v1"), tools)
    cloud.set_status("v1", "Rejected")

    answer = promote(promote_event("v1", minutes=10), tools)

    assert (answer.status, answer.reason) == ("refused", "the model package is Rejected by now")
    assert cloud.ledger["version"] is None


def test_a_version_that_does_not_run_is_not_promoted(cloud: Account) -> None:
    cluster = Cluster()
    deploy(deploy_event(cloud, "v1"), Tools(cluster))
    cluster.release("v2")

    answer = promote(promote_event("v1", minutes=10), Tools(cluster))

    assert (answer.status, answer.reason) == ("refused", "the Deployment asks for v2, not for v1")


def test_a_promotion_asked_for_again_after_a_later_release_is_still_the_first_ones(cloud: Account) -> None:
    tools = Tools(Cluster())
    _, first = released(cloud, tools, "v1")
    released(cloud, tools, "v2", minutes=60)
    before = cloud.state()

    assert promote(promote_event("v1", minutes=10), tools) == first

    assert cloud.state() == before


def test_a_version_without_a_bundle_is_named(cloud: Account) -> None:
    tools = Tools(Cluster())
    cloud.packages["v9"] = cloud.packages["v1"]
    deploy(deploy_event(cloud, "v9"), tools)

    with pytest.raises(FlowError, match="v9: there is no bundle at artifacts/models/v9"):
        promote(promote_event("v9", minutes=10), tools)

    assert cloud.ledger["version"] is None


def test_a_promotion_that_goes_on_after_another_release_began_describes_the_champion(cloud: Account) -> None:
    tools = Tools(Cluster())
    released(cloud, tools, "v1")
    cloud.remove("artifacts/audit/2026-03-02/released-release-v1.json")
    cloud.remove(f"{DESCRIPTORS}/latest.json")
    cloud.put(f"{DESCRIPTORS}/v2.json", {"model_package": {"version": "v2"}})
    deploy(deploy_event(cloud, "v2", minutes=60), tools)

    assert promote(promote_event("v1", minutes=10), tools).status == "promoted"

    assert cloud.object(f"{DESCRIPTORS}/latest.json")["model_package"]["version"] == "v1"
