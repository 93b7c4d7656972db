"""The manifests as an older control plane, and one whose time cannot be shortened, gets them."""

import pytest

from rehearsal.older import older, shortened
from tests.manifests import EVERY_OVERLAY, Object, only, overlay


def differences(minor: int, environment: str) -> set[str]:
    """Return the kinds of what is another for Kubernetes 1.``minor``."""
    return {each["kind"] for each in overlay(environment) if older(each, minor=minor) != each}


@EVERY_OVERLAY
def test_a_present_one_gets_them_as_they_are(environment: str) -> None:
    assert differences(30, environment) == set()


@pytest.mark.parametrize(
    ("minor", "kinds"),
    [
        (29, {"Deployment"}),
        (26, {"Deployment", "PodDisruptionBudget"}),
        (25, {"Deployment", "PodDisruptionBudget", "CronJob"}),
        (22, {"Deployment", "PodDisruptionBudget", "CronJob", "HorizontalPodAutoscaler"}),
    ],
)
def test_the_older_it_is_the_more_it_does_not_know(minor: int, kinds: set[str]) -> None:
    assert differences(minor, "prod") == kinds


def test_a_sleep_becomes_a_program_that_sleeps_as_long() -> None:
    hook = container(older(only(overlay("dev"), "Deployment"), minor=29))["lifecycle"]["preStop"]

    assert hook == {"exec": {"command": ["sleep", "20"]}}


def test_its_versions_are_those_before() -> None:
    found = {each["kind"]: older(each, minor=20)["apiVersion"] for each in overlay("prod")}

    assert found["CronJob"] == "batch/v1beta1"
    assert found["HorizontalPodAutoscaler"] == "autoscaling/v2beta2"
    assert found["PodDisruptionBudget"] == "policy/v1beta1"


def test_a_controllers_times_are_shortened_and_nothing_else() -> None:
    for each in overlay("dev"):
        found = shortened(each, speed=12.0)
        if each["kind"] == "Deployment":
            times = [found["spec"].pop(name) for name in ("minReadySeconds", "progressDeadlineSeconds")]
            assert times == [0, 30]
            for name in ("minReadySeconds", "progressDeadlineSeconds"):
                each["spec"].pop(name)
        assert found == each


def container(deployment: Object) -> Object:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)
