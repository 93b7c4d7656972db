"""How a training job runs, on capacity that may be taken from it."""

import signal
import time
from pathlib import Path
from typing import Any, Final

from rehearsal.emulator.sagemaker.container import CONTRACT, Container, command, variables
from rehearsal.emulator.sagemaker.runs import End, Run, Work
from rehearsal.emulator.sagemaker.state import now
from rehearsal.emulator.sagemaker.transfer import Mirror, Place, download, pack, upload

# So often spot capacity comes back here; in AWS as often as it does within MaxWaitTimeInSeconds.
_RESTARTS: Final = 1


def run_training(run: Run) -> None:
    """Run the job from its channels to its model.

    A spot training whose program is killed by SIGKILL counts as interrupted: it starts again, with its checkpoints.

    Raises:
        TransferError: data could not be moved.
        ImageError: the image, or a path in it, is not one that can be had here.

    """
    begun, limit = time.monotonic(), run.job.get("StoppingCondition", {})
    restarts = _RESTARTS if run.job["EnableManagedSpotTraining"] else 0
    _stage(run, "Starting", "Preparing the instances for training", TrainingStartTime=now())
    while True:
        container = Container.new(run.folder)
        end = _attempt(run, container)
        interrupted = end.code == -signal.SIGKILL and not end.why
        if not interrupted or not restarts or time.monotonic() - begun > limit["MaxWaitTimeInSeconds"]:
            break
        restarts -= 1
        _stage(run, "Interrupted", "Training job interrupted: the spot capacity was taken")
        _stage(run, "Restarting", "Preparing the instances for training")
    _finish(run, container, end)


def _attempt(run: Run, container: Container) -> End:
    key_id = run.job["OutputDataConfig"].get("KmsKeyId")
    for name in ("model", "output/data"):
        (container.root / name).mkdir(parents=True, exist_ok=True)
    _stage(run, "Downloading", "Downloading input data")
    channels = {}
    for each in run.job.get("InputDataConfig", []):
        source, name = each["DataSource"]["S3DataSource"], each["ChannelName"]
        download(run.s3, source, container.root / "input" / "data" / name)
        channels[name] = {
            "TrainingInputMode": "File",
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": each.get("RecordWrapperType", "None"),
            **({"ContentType": each["ContentType"]} if "ContentType" in each else {}),
        }
    container.configure("inputdataconfig", channels)
    container.configure("hyperparameters", run.job.get("HyperParameters", {}))
    container.configure("resourceconfig", _resources(run))
    mirrors = _checkpoints(run, container)
    _stage(run, "Training", "Training image download completed. Training in progress.")
    algorithm = run.job["AlgorithmSpecification"]
    reach = {} if run.job["EnableNetworkIsolation"] else run.reach
    named = {"TRAINING_JOB_NAME": run.name, "TRAINING_JOB_ARN": run.job["TrainingJobArn"]}
    end = run.execute(
        Work(
            command=command(
                run.settings,
                algorithm["TrainingImage"],
                entrypoint=algorithm.get("ContainerEntrypoint"),
                arguments=algorithm.get("ContainerArguments", ["train"]),
            ),
            variables=variables(run.settings, container, named, reach, run.job.get("Environment", {})),
            seconds=run.job["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400),
            mirrors=mirrors,
        )
    )
    if end.code == 0 or end.why:
        _stage(run, "Uploading", "Uploading generated training model")
        _upload(run, container, key_id)
    return end


def _checkpoints(run: Run, container: Container) -> list[Mirror]:
    """Fetch the checkpoints of an attempt before, and have those of this one kept; none if none are asked for."""
    config = run.job.get("CheckpointConfig")
    if config is None:
        return []
    folder = container.path(config.get("LocalPath", f"{CONTRACT}/checkpoints"))
    download(run.s3, config, folder, may_be_empty=True)
    mirror = Mirror(folder, Place.of(config["S3Uri"]))
    mirror.seen()
    return [mirror]


def _upload(run: Run, container: Container, key_id: str | None) -> None:
    place = Place.of(run.job["OutputDataConfig"]["S3OutputPath"]).below(f"{run.name}/output")
    for folder, name in (("model", "model.tar.gz"), ("output/data", "output.tar.gz")):
        content = container.root / folder
        if name == "output.tar.gz" and not any(content.iterdir()):
            continue
        archive = Path(container.home, name)
        pack(content, archive)
        upload(run.s3, archive, place.below(name), key_id=key_id)
    run.job["ModelArtifacts"] = {"S3ModelArtifacts": place.below("model.tar.gz").uri}


def _finish(run: Run, container: Container, end: End) -> None:
    seconds = int(time.time() - run.job["TrainingStartTime"])
    times = {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
    if end.why == "stopped":
        _stage(run, "Stopped", "Training job stopped", status="Stopped", **times)
    elif end.why:
        _stage(
            run, "MaxRuntimeExceeded", "Training job runtime exceeded MaxRuntimeInSeconds", status="Stopped", **times
        )
    elif end.code:
        said = container.said("failure") or "See job logs for more information"
        run.fail(f"AlgorithmError: {said}, exit code: {end.exit_code}", **times)
    else:
        _stage(run, "Completed", "Training job completed", status="Completed", **times)


def _stage(run: Run, name: str, message: str, *, status: str | None = None, **facts: Any) -> None:
    """Go to a secondary status; with ``status`` it is the last one."""
    at = now()
    stages = [dict(each) for each in run.job["SecondaryStatusTransitions"]]
    if stages:
        stages[-1].setdefault("EndTime", at)
    stages.append({"Status": name, "StartTime": at, "StatusMessage": message, **({"EndTime": at} if status else {})})
    changed = {"SecondaryStatus": name, "SecondaryStatusTransitions": stages, **facts}
    if status is None:
        run.tell(**changed)
    else:
        run.end(status, **changed)


def _resources(run: Run) -> dict[str, Any]:
    kind = run.job["ResourceConfig"].get("InstanceType", "")
    group = {"instance_group_name": "homogeneousCluster", "instance_type": kind, "hosts": ["algo-1"]}
    return {
        "current_host": "algo-1",
        "current_instance_type": kind,
        "current_group_name": group["instance_group_name"],
        "hosts": ["algo-1"],
        "instance_groups": [group],
        "network_interface_name": "lo",
    }
