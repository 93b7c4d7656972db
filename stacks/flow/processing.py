"""Processing jobs of the jobs' image, as states: a command, what it is given, and where its results go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from config.settings import EnvironmentSettings
from stacks.flow.states import State, job

_HOUR: Final = 3600
_CONTAINER: Final = "/opt/ml/processing"


@dataclass(frozen=True, kw_only=True)
class JobParts:
    """What all jobs of a machine have in common: ARNs and URIs, some of them tokens."""

    settings: EnvironmentSettings
    image: str
    data_key: str
    role: str


def job_name(settings: EnvironmentSettings, subject: str, what: str) -> str:
    """Return JSONata for a job's name: at most 63 letters, and another for each try; the two last are JSONata."""
    place = f"{settings.prefix}-{settings.environment}"
    return f"'{place}-' & {subject} & '-' & $substring($uuid(), 0, 8) & '-' & {what}"


def job_input(name: str, uri: str, *, kind: str = "S3Prefix") -> str:
    """Return JSONata for what a job is given below ``input/<name>``; ``uri`` is JSONata."""
    return (
        f"{{'InputName': '{name}', 'S3Input': {{'S3Uri': {uri}, 'LocalPath': '{_CONTAINER}/input/{name}', "
        f"'S3DataType': '{kind}', 'S3InputMode': 'File'}}}}"
    )


def job_output(folder: str, uri: str, *, name: str = "", mode: str = "EndOfJob") -> str:
    """Return JSONata for where ``output/<folder>`` of a job goes; ``uri`` is JSONata."""
    return (
        f"{{'OutputName': '{name or folder}', 'S3Output': {{'S3Uri': {uri}, "
        f"'LocalPath': '{_CONTAINER}/output/{folder}', 'S3UploadMode': '{mode}'}}}}"
    )


def processing(
    parts: JobParts,
    command: str,
    *,
    name: str,
    comment: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    then: str,
    arguments: Sequence[str] = (),
    optional_inputs: str = "",
    region: str | None = None,
    **more: Any,
) -> State:
    """Return a Processing job that runs ``mlops <command>``; ``name``, inputs and outputs are JSONata.

    One that is given its ``region`` reaches AWS by its role; all others reach nothing.
    """
    jobs = parts.settings.jobs
    listed = f"[{', '.join(inputs)}]"
    request = {
        "ProcessingJobName": f"{{% {name} %}}",
        "RoleArn": parts.role,
        "AppSpecification": {"ImageUri": parts.image, "ContainerArguments": [command, *arguments]},
        "ProcessingInputs": f"{{% {f'$append({listed}, {optional_inputs})' if optional_inputs else listed} %}}",
        "ProcessingOutputConfig": {"KmsKeyId": parts.data_key, "Outputs": f"{{% [{', '.join(outputs)}] %}}"},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": jobs.processing_instance,
                "VolumeSizeInGB": jobs.volume_gb,
                "VolumeKmsKeyId": parts.data_key,
            }
        },
        # SageMaker moves the data.
        "NetworkConfig": {"EnableNetworkIsolation": region is None},
        "StoppingCondition": {"MaxRuntimeInSeconds": jobs.run_hours * _HOUR},
    }
    if region is not None:
        # SageMaker does not promise to tell a container of its own where it is.
        request["Environment"] = {"AWS_REGION": region}
    return job(
        comment,
        "createProcessingJob",
        request=request,
        # The job's own limit comes first; the rest is for its machines.
        seconds=jobs.run_hours * _HOUR + 900,
        then=then,
        **more,
    )
