"""A look at a rollout."""

from typing import Any

import pytest

from lambdas.rollout.handler import Rollout, rollout
from tests.flow import Account, Cluster, Object, Tools


class Rolling(Cluster):
    """A cluster whose controller and pods say what a test gives."""

    def __init__(self, status: Object, pods: list[Object] | None = None) -> None:
        super().__init__("v2")
        self.deployment["metadata"]["generation"] = 7
        self.deployment["status"] = {"observedGeneration": 7, **status}
        self._pods = pods or []

    def pods(self, selector: str) -> list[Object]:
        assert selector == "app.kubernetes.io/name=inference,model-version=v2"
        return self._pods


def counts(present: int, updated: int, available: int) -> Object:
    return {
        "replicas": present,
        "updatedReplicas": updated,
        "readyReplicas": available,
        "availableReplicas": available,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}],
    }


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        (counts(2, 2, 2), "done", "all 2 pods are available"),
        ({**counts(2, 2, 2), "observedGeneration": 6}, "progressing", "the change has not been looked at yet"),
        (counts(3, 1, 2), "progressing", "1 of 2 pods are of this version"),
        (counts(3, 2, 2), "progressing", "1 pods of another version are still there"),
        (counts(2, 2, 1), "progressing", "1 of 2 pods are available"),
        ({}, "progressing", "0 of 2 pods are of this version"),
        (
            {
                **counts(3, 1, 2),
                "conditions": [
                    {"type": "Available", "status": "True"},
                    {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"},
                ],
            },
            "failed",
            "ProgressDeadlineExceeded: timed out",
        ),
    ],
)
def test_how_far_it_is(cloud: Account, status: Object, expected: str, reason: str) -> None:
    answer = rollout(Rollout(version="v2"), Tools(Rolling(status)))

    assert (answer.status, answer.reason) == (expected, reason)


def test_another_version_has_taken_its_place(cloud: Account) -> None:
    answer = rollout(Rollout(version="v1"), Tools(Rolling(counts(2, 2, 2))))

    assert (answer.status, answer.reason) == ("superseded", "the Deployment asks for v2")


def pod(name: str, **status: Any) -> Object:
    return {"metadata": {"name": name}, "status": {"phase": "Pending", **status}}


def test_pods_that_are_not_ready_are_named_with_the_reason(cloud: Account) -> None:
    crashed = {"exitCode": 2, "reason": "Error"}
    pods = [
        pod("d-ready", conditions=[{"type": "Ready", "status": "True"}]),
        pod("c-unscheduled", conditions=[{"type": "PodScheduled", "status": "False", "message": "0/2 nodes"}]),
        pod(
            "b-crashing",
            containerStatuses=[
                {
                    "restartCount": 3,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                    "lastState": {"terminated": crashed},
                }
            ],
        ),
        pod("a-quiet", phase="Running"),
        {**pod("e-ending"), "metadata": {"name": "e-ending", "deletionTimestamp": "2026-03-02T10:00:00Z"}},
    ]

    answer = rollout(Rollout(version="v2"), Tools(Rolling(counts(3, 1, 2), pods)))

    assert {each.pod: each.reason for each in answer.not_ready} == {
        "a-quiet": "Running, its readiness probe has not succeeded",
        "b-crashing": "CrashLoopBackOff: back-off 40s, ended with exit code 2 (Error), 3 restarts",
        "c-unscheduled": "no node takes it: 0/2 nodes",
    }
    assert (answer.replicas.wanted, answer.replicas.present, answer.replicas.updated) == (2, 3, 1)


def test_a_label_that_the_variable_contradicts_is_no_version(cloud: Account) -> None:
    cluster = Cluster("v2")
    cluster.template["metadata"]["labels"]["model-version"] = "v3"

    assert rollout(Rollout(version="v3"), Tools(cluster)).status == "superseded"
