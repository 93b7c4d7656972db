"""What each function says that it calls is what it is seen to call: no less, and no more."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import lambdas
from lambdas.common.calls import Call
from lambdas.delivery_metrics.calls import CALLS as DELIVERY_METRICS
from lambdas.delivery_metrics.handler import delivery_metrics
from lambdas.deploy.calls import CALLS as DEPLOY
from lambdas.deploy.handler import deploy
from lambdas.look_back.calls import CALLS as LOOK_BACK
from lambdas.look_back.handler import look_back
from lambdas.promote.calls import CALLS as PROMOTE
from lambdas.promote.handler import promote
from lambdas.publish_metrics.calls import CALLS as PUBLISH_METRICS
from lambdas.publish_metrics.handler import publish_metrics
from lambdas.roll_back.calls import CALLS as ROLL_BACK
from lambdas.roll_back.handler import roll_back
from lambdas.rollout.calls import CALLS as ROLLOUT
from lambdas.rollout.handler import Rollout, rollout
from lambdas.verify.calls import CALLS as VERIFY
from lambdas.verify.handler import Verify, verify
from tests.flow import USE_CASE, Account, Cluster, Tools, Watch, watching
from tests.looks import LOOK, MEASURE, PUBLISH, captured, looked, monitoring_tools, refined
from tests.releases import alarm_event, deploy_event, failure_event, promote_event, released

Run = Callable[[Account, Tools], object]


def with_v1(cloud: Account, tools: Tools) -> None:
    released(cloud, tools, "v1")


def with_v2_deployed(cloud: Account, tools: Tools) -> None:
    with_v1(cloud, tools)
    deploy(deploy_event(cloud, "v2", minutes=60), tools)


def with_v2(cloud: Account, tools: Tools) -> None:
    with_v1(cloud, tools)
    released(cloud, tools, "v2", minutes=60)


def with_v2_rejected(cloud: Account, tools: Tools) -> None:
    cloud.set_status("v2", "Rejected")


def deploy_v2(cloud: Account, tools: Tools) -> None:
    deploy(deploy_event(cloud, "v2", minutes=60), tools)


def twice_recorded(cloud: Account, tools: Tools) -> None:
    """Leave the record of a release that died right after it, and whose ledger was not written."""
    deploy_v2(cloud, tools)
    cloud.put("artifacts/registry/price_sensitivity/champion.json", {"version": "v1"})


def with_a_decision(cloud: Account, tools: Tools) -> None:
    """Leave a roll-back that died before it recorded its outcome."""
    with_v2(cloud, tools)
    roll_back(alarm_event(minutes=90), tools)
    cloud.remove("artifacts/audit/2026-03-02/rolled-back-alarm-1.json")


def with_a_look(cloud: Account, tools: Tools) -> None:
    with_v1(cloud, tools)
    looked(cloud)
    captured(cloud)
    refined(cloud)


def with_history(cloud: Account, tools: Tools) -> None:
    """Leave a release of a run, a roll-back, and what a laptop's registry has."""
    with_v2(cloud, tools)
    roll_back(alarm_event(minutes=90), tools)
    cloud.put("artifacts/models/v1/manifest.json", {"version": "v1", "run": "200608-0123456789"})
    cloud.put("artifacts/runs/200608-0123456789/claim.json", {"at": "2026-03-02T08:00:00Z"})
    cloud.put(f"artifacts/registry/{USE_CASE}/v0.json", {"history": []})


# Each function in states that make it do everything it can.
FUNCTIONS: dict[str, tuple[tuple[Call, ...], list[tuple[Run, Run]]]] = {
    "deploy": (DEPLOY, [(with_v1, deploy_v2), (with_v2_rejected, deploy_v2), (twice_recorded, deploy_v2)]),
    "rollout": (ROLLOUT, [(with_v1, lambda _, tools: rollout(Rollout(version="v1"), tools))]),
    "verify": (VERIFY, [(with_v1, lambda _, tools: verify(Verify(version="v1", basket={}), tools))]),
    "promote": (PROMOTE, [(with_v2_deployed, lambda _, tools: promote(promote_event("v2", minutes=70), tools))]),
    "roll_back": (
        ROLL_BACK,
        [
            (with_v2, lambda _, tools: roll_back(alarm_event(minutes=90), tools)),
            (with_v2_deployed, lambda cloud, tools: roll_back(failure_event(cloud, "v2", minutes=90), tools)),
            (with_a_decision, lambda _, tools: roll_back(alarm_event(minutes=90), tools)),
        ],
    ),
    "look_back": (LOOK_BACK, [(with_a_look, lambda *_: look_back(LOOK, monitoring_tools()))]),
    "publish_metrics": (PUBLISH_METRICS, [(with_a_look, lambda *_: publish_metrics(PUBLISH, monitoring_tools()))]),
    "delivery_metrics": (DELIVERY_METRICS, [(with_history, lambda *_: delivery_metrics(MEASURE, monitoring_tools()))]),
}


def test_every_function_of_releases_and_looks_is_here() -> None:
    folder = Path(lambdas.__path__[0])
    handlers = [path for path in folder.glob("*/handler.py") if "training_tools" not in path.read_text()]

    assert {path.parent.name for path in handlers} == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_calls_what_it_says(cloud: Account, name: str) -> None:
    calls, runs = FUNCTIONS[name]
    said = {Call(each.action, each.resource.format(use_case=USE_CASE)) for each in calls}
    watch = Watch()
    for number, (prepare, run) in enumerate(runs):
        if number:
            cloud.start_again("v1", "v2")
        cluster = Cluster()
        prepare(cloud, Tools(cluster))
        with watching(watch):
            run(cloud, Tools(cluster))

    assert len(said) == len(calls), "none is said twice"
    assert [each for each in watch.seen if not any(_covers(one, each) for one in said)] == []
    assert [each for each in said if not any(_covers(each, one) for one in watch.seen)] == []


def _covers(said: Call, seen: Call) -> bool:
    return said.action == seen.action and fnmatchcase(seen.resource, said.resource)
