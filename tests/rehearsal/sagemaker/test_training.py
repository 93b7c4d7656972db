"""Training jobs run: channels in, a model out, and checkpoints from one attempt to the next."""

import io
import json
import os
import signal
import tarfile
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.world import World
from tests.rehearsal.jobs_world import BUCKET, IMAGE, ended

DAY = 86_400
# Goes on where the checkpoints end; the first attempt waits at the second step to be killed.
RESUMES = """
for step in 1 2 3; do
    [ -f checkpoints/$step ] && continue
    echo "step $step"
    [ $step = 2 ] && [ ! -f checkpoints/waited ] && touch checkpoints/waited && sleep 1000
    touch checkpoints/$step
done
ls checkpoints > model/steps.txt
"""


@pytest.fixture
def job(job_role: str, put: Callable[..., None]) -> Callable[..., dict[str, Any]]:
    """Make a request for a training whose program is a script in its channel ``code``."""

    def request(script: str, **more: Any) -> dict[str, Any]:
        name = f"train-{uuid.uuid4().hex[:12]}"
        put(**{f"{name}/train.sh": script})
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/"}
        return {
            "TrainingJobName": name,
            "RoleArn": job_role,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "InputDataConfig": [{"ChannelName": "code", "DataSource": {"S3DataSource": source}}],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": DAY},
            **more,
        }

    return request


def run(sagemaker: Any, request: dict[str, Any], meanwhile: Callable[[], None] | None = None) -> dict[str, Any]:
    sagemaker.create_training_job(**request)
    if meanwhile is not None:
        meanwhile()
    name = request["TrainingJobName"]
    return ended(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")


def files_of(world: World, uri: str) -> dict[str, str]:
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    packed = world.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = [each for each in tar.getmembers() if each.isfile()]
        return {each.name: content.read().decode() for each in members if (content := tar.extractfile(each))}


def kill(world: World, name: str, *, when: str) -> None:
    """Kill the job's program when its log has ``when``."""
    folder = world.folder / "aws"
    log = folder / "jobs" / name / "log.txt"
    until = time.monotonic() + 30
    while not log.is_file() or when not in log.read_text():
        assert time.monotonic() < until, f"{log}: no {when}"
        time.sleep(0.05)
    lines = [json.loads(line) for line in (folder / "jobs.jsonl").read_text().splitlines()]
    os.kill([each["pid"] for each in lines if each["name"] == name and each["pid"]][-1], signal.SIGKILL)


def test_hyper_parameters_and_channels_come_in_and_a_model_goes_out(
    world: World, sagemaker: Any, job: Callable[..., dict[str, Any]]
) -> None:
    script = "cp input/config/*.json model/; mkdir model/deep; echo $TRAINING_JOB_NAME > model/deep/name"

    request = job(script, HyperParameters={"depth": "3"})
    done = run(sagemaker, request)

    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Completed", "Completed"), done
    assert done["ModelArtifacts"]["S3ModelArtifacts"] == (
        f"s3://{BUCKET}/models/{request['TrainingJobName']}/output/model.tar.gz"
    )
    model = files_of(world, done["ModelArtifacts"]["S3ModelArtifacts"])
    assert json.loads(model["hyperparameters.json"]) == {"depth": "3"}
    assert json.loads(model["inputdataconfig.json"])["code"]["TrainingInputMode"] == "File"
    assert json.loads(model["resourceconfig.json"])["current_host"] == "algo-1"
    assert model["deep/name"].strip() == request["TrainingJobName"]
    stages = [each["Status"] for each in done["SecondaryStatusTransitions"]]
    assert stages == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_a_killed_spot_training_goes_on_from_its_checkpoints(
    world: World, sagemaker: Any, job: Callable[..., dict[str, Any]]
) -> None:
    request = job(
        RESUMES,
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": DAY, "MaxWaitTimeInSeconds": DAY},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/{uuid.uuid4()}"},
    )

    done = run(sagemaker, request, lambda: kill(world, request["TrainingJobName"], when="step 2"))

    assert done["TrainingJobStatus"] == "Completed", done
    assert "Interrupted" in [each["Status"] for each in done["SecondaryStatusTransitions"]]
    steps = (world.folder / "aws" / "jobs" / request["TrainingJobName"] / "log.txt").read_text().splitlines()
    assert steps == ["step 1", "step 2", "step 2", "step 3"]


def test_a_killed_training_on_capacity_of_its_own_fails(
    world: World, sagemaker: Any, job: Callable[..., dict[str, Any]]
) -> None:
    request = job("echo up; sleep 1000")

    failed = run(sagemaker, request, lambda: kill(world, request["TrainingJobName"], when="up"))

    assert failed["TrainingJobStatus"] == "Failed"
    assert "exit code: 137" in failed["FailureReason"]


def test_a_trainings_failure_is_told_in_its_own_words(sagemaker: Any, job: Callable[..., dict[str, Any]]) -> None:
    failed = run(sagemaker, job("printf 'no such label' > output/failure; exit 3"))

    assert failed["FailureReason"] == "AlgorithmError: no such label, exit code: 3"


def test_an_image_of_another_registry_cannot_be_run(sagemaker: Any, job: Callable[..., dict[str, Any]]) -> None:
    image = {"TrainingImage": "docker.io/library/x:1", "TrainingInputMode": "File"}

    failed = run(sagemaker, job("true", AlgorithmSpecification=image))

    assert failed["TrainingJobStatus"] == "Failed"
    assert "not an image of rehearsal.local" in failed["FailureReason"]


@pytest.mark.parametrize(
    "change",
    [
        {"EnableManagedSpotTraining": True},
        {"StoppingCondition": {"MaxRuntimeInSeconds": DAY, "MaxWaitTimeInSeconds": DAY}},
    ],
)
def test_spot_and_its_waiting_time_go_together(
    sagemaker: Any, job: Callable[..., dict[str, Any]], change: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*MaxWaitTimeInSeconds"):
        sagemaker.create_training_job(**job("true", **change))
