"""The roles of pods: a pod is made anew and has to get ready by its role; the metrics agent has to send.

No CronJob runs here: of what one is for, a pod of its service account does the first calls.
"""

import json
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from config.names import ETL_SERVICE_ACCOUNT, NAMESPACE, RAW
from rehearsal.manifests import kubectl
from rehearsal.story.stage import Stage
from rehearsal.story.uses import Use, role_name
from rehearsal.world import REGISTRY

# The CloudWatch agent is no pod here: it is in the cluster's own process.
_AGENT: Final = ("amazon-cloudwatch", "cloudwatch-agent")
_PUT: Final = "logs:PutLogEvents"
_ETL: Final = (NAMESPACE, ETL_SERVICE_ACCOUNT)
# What the ETL's first container does by the AWS command line, which is not in this environment.
_FETCH: Final = """
import sys
import boto3
bucket, prefix = sys.argv[1:]
s3 = boto3.client("s3")
key = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"][0]["Key"]
s3.get_object(Bucket=bucket, Key=key)["Body"].read()
"""
_READY: Final = "ready"


def pods(stage: Stage) -> Iterator[Use]:
    """Yield the roles of service accounts that have something running."""
    eks = stage.client("eks")
    for page in stage.pages("eks", "list_clusters"):
        for cluster in page["clusters"]:
            for listed in eks.get_paginator("list_pod_identity_associations").paginate(clusterName=cluster):
                for each in listed["associations"]:
                    found = eks.describe_pod_identity_association(
                        clusterName=cluster, associationId=each["associationId"]
                    )["association"]
                    yield from _of(stage, role_name(found["roleArn"]), each["namespace"], each["serviceAccount"])


def _of(stage: Stage, role: str, namespace: str, account: str) -> Iterator[Use]:
    what = f"service account {namespace}/{account}"
    if (namespace, account) == _AGENT:
        yield Use(role=role, what=what, again=_sent(stage, role), repeatable=True)
    elif (namespace, account) == _ETL:
        yield Use(role=role, what=f"{what}, to fetch raw weeks", again=_fetched(stage), repeatable=True)
    elif _pods(stage, namespace, account):
        yield Use(role=role, what=what, again=_made_anew(stage, namespace, account), repeatable=True)


def _made_anew(stage: Stage, namespace: str, account: str) -> Callable[[], str | None]:
    def again() -> str | None:
        before = _pods(stage, namespace, account)
        kubectl(stage.world.folder, _kubeconfig(stage), "delete", "pod", next(iter(before)), "-n", namespace)

        def look() -> str | None:
            now = _pods(stage, namespace, account)
            new = [name for name in now if name not in before]
            if new and all(now.values()):
                return _READY
            log = kubectl(stage.world.folder, _kubeconfig(stage), "logs", new[0], "-n", namespace) if new else ""
            return next((line for line in log.splitlines() if "not authorized to perform" in line), None)

        said = stage.until("a new pod gets ready, or says why not", look)
        return None if said == _READY else said

    return again


def _pods(stage: Stage, namespace: str, account: str) -> dict[str, bool]:
    """Return the pods of a service account that are not ending, and whether each is ready."""
    said = kubectl(stage.world.folder, _kubeconfig(stage), "get", "pods", "-n", namespace, "-o", "json")
    return ready_of(json.loads(said), account)


def ready_of(listed: dict[str, Any], account: str) -> dict[str, bool]:
    """Return the names of a service account's pods that are not ending, and whether each is ready."""
    return {
        each["metadata"]["name"]: any(
            (condition["type"], condition["status"]) == ("Ready", "True")
            for condition in each.get("status", {}).get("conditions", [])
        )
        for each in listed["items"]
        if each["spec"].get("serviceAccountName") == account and "deletionTimestamp" not in each["metadata"]
    }


def _fetched(stage: Stage) -> Callable[[], str | None]:
    def again() -> str | None:
        pod = of_account(*_ETL, command=[sys.executable, "-c", _FETCH, stage.lake.bucket, f"{RAW}/"])
        name, options = pod["metadata"]["name"], ("-n", NAMESPACE)
        file = stage.world.folder / f"{name}.json"
        file.write_text(json.dumps(pod), encoding="utf-8")

        def run(*arguments: str) -> str:
            return kubectl(stage.world.folder, _kubeconfig(stage), *arguments, *options)

        run("create", "--validate=false", "-f", str(file))

        def ended() -> str | None:
            phase = str(json.loads(run("get", "pod", name, "-o", "json")).get("status", {}).get("phase"))
            return phase if phase in {"Succeeded", "Failed"} else None

        phase, said = stage.until(f"pod {name} ends", ended), run("logs", name)
        run("delete", "pod", name)
        return None if phase == "Succeeded" else said

    return again


def of_account(namespace: str, account: str, *, command: Sequence[str]) -> dict[str, Any]:
    """Return a pod of a service account that runs a command once."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{account}-again-{uuid.uuid4().hex[:8]}", "namespace": namespace},
        "spec": {
            "serviceAccountName": account,
            "restartPolicy": "Never",
            "containers": [{"name": "again", "image": f"{REGISTRY}/mlops-jobs:1", "command": list(command)}],
        },
    }


def _kubeconfig(stage: Stage) -> str:
    return f"--kubeconfig={stage.world.folder / 'cluster' / 'kubeconfig'}"


def _sent(stage: Stage, role: str) -> Callable[[], str | None]:
    log: Path = stage.world.folder / "cluster.log"

    def again() -> str | None:
        began, read = datetime.now(UTC), log.stat().st_size
        body = stage.sample(1)[0]

        def look() -> str | None:
            stage.predict(body)
            if _PUT in stage.decisions(role, since=began)["allowed"]:
                return _READY
            with log.open("rb") as file:
                file.seek(read)
                lines = file.read().decode(errors="replace").splitlines()
            return next((line for line in lines if "could not be sent" in line), None)

        said = stage.until("the agent sends metrics", look)
        return None if said == _READY else said

    return again
