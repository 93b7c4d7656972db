"""The tests of manifests and releases that a real control plane passes, on the rehearsal's cluster.

They are the same functions (`make manifests` runs them against Kubernetes' own programs); what differs is how the
cluster is started, and that today's versions of three kinds need no conversion.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.names import DEPLOYERS_GROUP
from rehearsal.cluster.access import User
from rehearsal.cluster.identity import presigned_of
from tests import control_plane
from tests.control_plane import Api, ControlPlane, eventually, path_of
from tests.integration import test_manifests_apply, test_release
from tests.integration.test_manifests_apply import HERE, applied_objects, pods, rolled_out
from tests.integration.test_release import DEADLINE, fast_client, few, world
from tests.rehearsal.cluster.clusters import Running, running

pytestmark = pytest.mark.control_plane
# Fixtures of the tests below.
__all__ = ["fast_client", "few", "world"]

# In this order: the first two look at what has just been applied.
test_every_object_is_stored_as_it_was_sent = test_manifests_apply.test_every_object_is_stored_as_it_was_sent
test_the_autoscaler_brings_up_its_least_and_all_are_ready_on_api_nodes = (
    test_manifests_apply.test_the_autoscaler_brings_up_its_least_and_all_are_ready_on_api_nodes
)
test_applying_again_changes_nothing = test_manifests_apply.test_applying_again_changes_nothing
test_a_released_version_survives_applying_the_manifests_again = (
    test_manifests_apply.test_a_released_version_survives_applying_the_manifests_again
)
test_so_it_does_where_a_client_compares_what_it_applied_last = (
    test_manifests_apply.test_so_it_does_where_a_client_compares_what_it_applied_last
)
test_a_version_that_never_gets_ready_takes_no_pod_away = (
    test_manifests_apply.test_a_version_that_never_gets_ready_takes_no_pod_away
)
test_the_deployer_may_patch_the_one_deployment_and_look = (
    test_manifests_apply.test_the_deployer_may_patch_the_one_deployment_and_look
)
test_a_token_that_eks_did_not_make_is_refused = test_manifests_apply.test_a_token_that_eks_did_not_make_is_refused
test_a_good_release_serves_everywhere_and_is_recorded = (
    test_release.test_a_good_release_serves_everywhere_and_is_recorded
)
test_pods_that_never_get_ready_take_nothing_away_are_noticed_in_time_and_undone = (
    test_release.test_pods_that_never_get_ready_take_nothing_away_are_noticed_in_time_and_undone
)
test_a_pod_that_answers_with_another_version_fails_the_release_by_its_name = (
    test_release.test_a_pod_that_answers_with_another_version_fails_the_release_by_its_name
)
test_an_alarm_takes_the_champion_back_and_its_repetition_does_nothing = (
    test_release.test_an_alarm_takes_the_champion_back_and_its_repetition_does_nothing
)
test_without_a_healthy_predecessor_it_refuses = test_release.test_without_a_healthy_predecessor_it_refuses
test_what_passes_is_outlived_and_pods_are_rolled_once = (
    test_release.test_what_passes_is_outlived_and_pods_are_rolled_once
)
test_a_change_in_between_is_not_lost = test_release.test_a_change_in_between_is_not_lost
test_the_deployer_can_do_nothing_else = test_release.test_the_deployer_can_do_nothing_else

_REGISTRY = "111122223333.dkr.ecr.ap-southeast-1.amazonaws.com"
_PATHS = {
    "CronJob": "apis/batch/v1/namespaces/{}/cronjobs",
    "HorizontalPodAutoscaler": "apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
}


@dataclass(frozen=True)
class Plane(ControlPlane):
    """What the tests know of a control plane: here an administrator has a token."""

    cluster: Running

    def admin(self, **headers: str) -> Api:
        return self.cluster.api(None, **headers)


@pytest.fixture(autouse=True, scope="module")
def of_today() -> Iterator[None]:
    """No conversion to older versions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_manifests_apply, "MINOR", 99)
        for kind, path in _PATHS.items():
            patch.setitem(control_plane._PATHS, kind, path)
        yield


@contextmanager
def plane_in(folder: Path) -> Iterator[Plane]:
    """Run a cluster that takes any token of EKS's shape for a deployer's, as the tests' control plane does."""

    def users(token: str) -> User | None:
        return User("eks-token", (DEPLOYERS_GROUP,)) if presigned_of(token) else None

    with running(folder, speed=60.0, registry=_REGISTRY, users=users) as cluster:
        yield Plane(folder, cluster.ready["url"], cluster)


@pytest.fixture(scope="module", name="control_plane")
def _control_plane(tmp_path_factory: pytest.TempPathFactory, of_today: None) -> Iterator[Plane]:
    with plane_in(tmp_path_factory.mktemp("manifests")) as found:
        yield found


@pytest.fixture(scope="module")
def environment(request: pytest.FixtureRequest, control_plane: Plane) -> Iterator[str]:
    """An environment whose objects have been applied, each accepted; gone afterwards."""
    api = control_plane.admin()
    for each in applied_objects(request.param):
        answer = api.apply(each)
        assert answer.status == 201, (path_of(each), answer.body)
    yield request.param
    api.call("DELETE", f"api/v1/{HERE}")
    eventually(lambda: api.call("GET", f"api/v1/{HERE}").status == 404)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory, of_today: None) -> Iterator[Plane]:
    """A cluster with production's manifests, and a deadline that a test can wait for."""
    with plane_in(tmp_path_factory.mktemp("releases")) as found:
        for each in applied_objects("prod"):
            if each["kind"] == "Deployment":
                each["spec"].update(progressDeadlineSeconds=DEADLINE, minReadySeconds=0)
            assert found.admin().apply(each).status == 201
        eventually(lambda: rolled_out(found.admin(), "") and len(pods(found.admin())) == 2)
        yield found
