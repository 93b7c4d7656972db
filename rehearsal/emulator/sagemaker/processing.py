"""How a Processing job runs."""

from rehearsal.emulator.sagemaker.container import Container, command, variables
from rehearsal.emulator.sagemaker.runs import End, Run, Work
from rehearsal.emulator.sagemaker.state import now
from rehearsal.emulator.sagemaker.transfer import Mirror, Place, download


def run_processing(run: Run) -> None:
    """Run the job from its inputs to its outputs.

    Raises:
        TransferError: data could not be moved.
        ImageError: the image, or a path in it, is not one that can be had here.

    """
    run.tell(ProcessingStartTime=now())
    container = Container.new(run.folder)
    outputs = _outputs(run, container)
    work = _work(run, container, [mirror for mirror, continuous in outputs if continuous])
    for each in run.job.get("ProcessingInputs", []):
        source = each["S3Input"]
        download(run.s3, source, container.path(source["LocalPath"]))
    container.configure("processingjobconfig", _config(run))
    container.configure("resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1"]})
    end = run.execute(work)
    said = container.said("message")
    message = {"ExitMessage": said} if said else {}
    if end.why == "stopped":
        run.end("Stopped", **message)
    elif end.why:
        run.end("Stopped", FailureReason="MaxRuntimeExceeded: the job ran longer than MaxRuntimeInSeconds", **message)
    elif end.code:
        run.fail(_reason(end, said), **message)
    else:
        for mirror, continuous in outputs:
            if not continuous:
                mirror.send(run.s3, all_of_it=True)
        run.end("Completed", **message)


def _outputs(run: Run, container: Container) -> list[tuple[Mirror, bool]]:
    """Return what goes to S3, each with whether it goes while the job runs."""
    config = run.job.get("ProcessingOutputConfig", {})
    outputs = []
    for each in config.get("Outputs", []):
        output = each["S3Output"]
        folder = container.path(output["LocalPath"])
        folder.mkdir(parents=True, exist_ok=True)
        mirror = Mirror(folder, Place.of(output["S3Uri"]), config.get("KmsKeyId"))
        outputs.append((mirror, output["S3UploadMode"] == "Continuous"))
    return outputs


def _work(run: Run, container: Container, mirrors: list[Mirror]) -> Work:
    app, network = run.job["AppSpecification"], run.job.get("NetworkConfig", {})
    reach = {} if network.get("EnableNetworkIsolation") else run.reach
    return Work(
        command=command(
            run.settings,
            app["ImageUri"],
            entrypoint=app.get("ContainerEntrypoint"),
            arguments=app.get("ContainerArguments", []),
        ),
        variables=variables(run.settings, container, reach, run.job.get("Environment", {})),
        seconds=run.job["StoppingCondition"]["MaxRuntimeInSeconds"],
        mirrors=mirrors,
    )


def _config(run: Run) -> dict[str, object]:
    names = (
        "ProcessingJobArn",
        "ProcessingJobName",
        "AppSpecification",
        "Environment",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "RoleArn",
        "StoppingCondition",
    )
    return {name: run.job[name] for name in names if name in run.job}


def _reason(end: End, said: str) -> str:
    return f"AlgorithmError: {said or 'See job logs for more information'}, exit code: {end.exit_code}"
