"""Single steps of a rollout, on a store by itself."""

import asyncio
import copy

import pytest

from rehearsal.cluster.control import control
from rehearsal.cluster.deployments import reconcile_deployments
from rehearsal.cluster.kinds import Object, kind
from rehearsal.cluster.replicasets import reconcile_autoscalers
from rehearsal.cluster.store import Store
from tests.rehearsal.cluster.clusters import manifests

DEPLOYMENT, SET, AUTOSCALER = kind("Deployment"), kind("ReplicaSet"), kind("HorizontalPodAutoscaler")


@pytest.fixture
def store() -> Store:
    """A Deployment of two pods, whose first template has its ReplicaSet."""
    found = Store()
    for each in manifests():
        if each["kind"] in {"Namespace", "Deployment"}:
            found.create(kind(each["kind"]), each)
    step(found)
    return found


def step(store: Store) -> dict[str, int]:
    """Take one step; return how many pods each version is to have."""
    reconcile_deployments(store, speed=12.0)
    return {version_of(each): each["spec"]["replicas"] for each in store.list(SET)}


def version_of(replica_set: Object) -> str:
    return str(replica_set["spec"]["template"]["metadata"]["labels"].get("version", ""))


def ask_for(store: Store, version: str, **spec: object) -> None:
    deployment = store.get(DEPLOYMENT, "shop", "web")
    if version:
        deployment["spec"]["template"]["metadata"]["labels"]["version"] = version
    deployment["spec"].update(spec)
    store.update(DEPLOYMENT, deployment)


def available(store: Store, version: str, count: int) -> None:
    (found,) = (each for each in store.list(SET) if version_of(each) == version)
    present = found["spec"]["replicas"]
    found["status"] = {"replicas": present, "readyReplicas": count, "availableReplicas": count}
    store.update(SET, found, status=True)


def rolling(surge: int | str, unavailable: int | str) -> Object:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def test_pods_that_never_served_stay_until_the_new_ones_do(store: Store) -> None:
    ask_for(store, "new")
    available(store, "", 0)

    assert step(store) == {"": 2, "new": 1}
    available(store, "new", 0)
    assert step(store) == {"": 2, "new": 1}
    available(store, "new", 1)
    assert step(store) == {"": 1, "new": 1}


@pytest.mark.parametrize(
    ("surge", "unavailable", "first"),
    [
        (1, 0, {"": 4, "new": 1}),
        (0, 1, {"": 3, "new": 0}),
        ("50%", "50%", {"": 2, "new": 2}),
        ("25%", "25%", {"": 3, "new": 1}),
        ("100%", 0, {"": 4, "new": 4}),
    ],
)
def test_the_first_step_is_as_large_as_surge_and_unavailable_say(
    store: Store, surge: int | str, unavailable: int | str, first: dict[str, int]
) -> None:
    ask_for(store, "", replicas=4)
    step(store)
    available(store, "", 4)

    ask_for(store, "new", strategy=rolling(surge, unavailable))

    assert step(store) == first


def test_a_template_that_was_there_before_gets_a_new_number_and_no_second_replica_set(store: Store) -> None:
    before = store.get(DEPLOYMENT, "shop", "web")["spec"]["template"]
    ask_for(store, "new")
    step(store)
    deployment = store.get(DEPLOYMENT, "shop", "web")
    deployment["spec"]["template"] = copy.deepcopy(before)
    store.update(DEPLOYMENT, deployment)
    step(store)

    numbers = {
        version_of(each): each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        for each in store.list(SET)
    }
    assert numbers == {"": "3", "new": "2"}


@pytest.mark.parametrize(("present", "wanted"), [(1, 2), (3, 3), (9, 5), (0, 0)])
def test_an_autoscaler_keeps_the_number_between_its_own(store: Store, present: int, wanted: int) -> None:
    spec = {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}
    store.create(AUTOSCALER, {"metadata": {"name": "web", "namespace": "shop"}, "spec": spec})
    ask_for(store, "", replicas=present)

    reconcile_autoscalers(store)

    assert store.get(DEPLOYMENT, "shop", "web")["spec"]["replicas"] == wanted


def test_the_controllers_outlive_pods_that_go_before_their_namespace(store: Store) -> None:
    pods = kind("Pod")

    async def ended() -> None:
        controlling = asyncio.create_task(control(store, speed=12.0))
        while not store.list(pods):
            await asyncio.sleep(0.01)
        store.delete(kind("Namespace"), "", "shop")
        for each in store.list(pods):
            store.delete(pods, "shop", each["metadata"]["name"], grace=0)
        while store.find(kind("Namespace"), "", "shop") and not controlling.done():
            await asyncio.sleep(0.01)
        assert not controlling.done(), controlling
        controlling.cancel()

    asyncio.run(ended())

    assert store.list(SET) == []
