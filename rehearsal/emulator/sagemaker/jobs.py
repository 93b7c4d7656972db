"""Processing and training jobs as the API has them; ``runs`` runs them."""

from typing import Any, Final

from rehearsal.emulator.roles import AssumeRoleError, assume
from rehearsal.emulator.sagemaker.state import ApiError, Caller, Item, State, listed, now, page_of

SERVICE: Final = "sagemaker.amazonaws.com"
# Of a request, what is not described again.
_ONLY_ASKED: Final = ("Tags",)
_DAY: Final = 86_400


def create_processing(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """CreateProcessingJob."""
    limit = request.get("StoppingCondition", {"MaxRuntimeInSeconds": _DAY})
    for each in request.get("ProcessingInputs", []):
        if "S3Input" not in each:
            raise ApiError("ValidationException", f"ProcessingInputs: {each['InputName']}: only S3Input is emulated")
        _file_mode(each["InputName"], each["S3Input"].get("S3InputMode", "File"))
    for each in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        if "S3Output" not in each:
            raise ApiError("ValidationException", f"Outputs: {each['OutputName']}: only S3Output is emulated")
    return _create(state, request, "Processing", {"StoppingCondition": limit})


def create_training(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """CreateTrainingJob."""
    algorithm, limit = request["AlgorithmSpecification"], request.get("StoppingCondition", {})
    if "TrainingImage" not in algorithm:
        raise ApiError("ValidationException", "AlgorithmSpecification: TrainingImage: required and missing")
    for each in request.get("InputDataConfig", []):
        if "S3DataSource" not in each["DataSource"]:
            raise ApiError("ValidationException", f"InputDataConfig: {each['ChannelName']}: only S3 is emulated")
        _file_mode(each["ChannelName"], each.get("InputMode", algorithm["TrainingInputMode"]))
    spot, runtime = request.get("EnableManagedSpotTraining", False), limit.get("MaxRuntimeInSeconds", _DAY)
    wait = limit.get("MaxWaitTimeInSeconds")
    if spot and (wait is None or wait < runtime):
        raise ApiError(
            "ValidationException",
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
        )
    if not spot and wait is not None:
        raise ApiError(
            "ValidationException",
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is enabled",
        )
    names = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
    return _create(state, request, "Training", dict.fromkeys(names, False) | {"SecondaryStatusTransitions": []})


def describe_processing(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """DescribeProcessingJob."""
    return _job(state, request, "Processing")


def describe_training(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """DescribeTrainingJob."""
    return _job(state, request, "Training")


def list_processing(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """ListProcessingJobs."""
    return _list(state, request, "Processing")


def list_training(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """ListTrainingJobs."""
    return _list(state, request, "Training")


def stop_processing(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """StopProcessingJob."""
    return _stop(state, request, "Processing")


def stop_training(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """StopTrainingJob."""
    return _stop(state, request, "Training")


def _create(state: State, request: Item, kind: str, defaults: Item) -> Item:
    name = request[f"{kind}JobName"]
    arn = state.arn(f"{kind.lower()}-job", name)
    if name in state.jobs[kind]:
        raise ApiError(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name already exists "
            f"({arn})",
        )
    try:
        credentials = assume(request["RoleArn"], service=SERVICE, session="SageMaker")
    except AssumeRoleError as error:
        raise ApiError(
            "ValidationException",
            f"Could not assume role {request['RoleArn']}. Please ensure that the role exists and allows principal "
            f"'{SERVICE}' to assume the role. {error}",
        ) from error
    at = now()
    job = {
        **defaults,
        **{key: value for key, value in request.items() if key not in _ONLY_ASKED},
        f"{kind}JobArn": arn,
        f"{kind}JobStatus": "InProgress",
        "CreationTime": at,
        "LastModifiedTime": at,
    }
    state.jobs[kind][name] = job
    state.tag(arn, request.get("Tags"))
    state.runner.begin(kind, name, credentials)
    return {f"{kind}JobArn": arn}


def _list(state: State, request: Item, kind: str) -> Item:
    wanted = request.get("StatusEquals")
    named = f"{kind}JobName"
    items = [each for each in state.jobs[kind].values() if wanted in (None, each[f"{kind}JobStatus"])]
    page, following = page_of(listed(items, request, name=named), request, most=10)
    names = (
        named,
        f"{kind}JobArn",
        "CreationTime",
        f"{kind}EndTime",
        "LastModifiedTime",
        f"{kind}JobStatus",
        *(("SecondaryStatus",) if kind == "Training" else ("FailureReason", "ExitMessage")),
    )
    summaries: list[dict[str, Any]] = [{key: each[key] for key in names if key in each} for each in page]
    return {f"{kind}JobSummaries": summaries, **following}


def _stop(state: State, request: Item, kind: str) -> Item:
    job = _job(state, request, kind)
    if job[f"{kind}JobStatus"] not in {"InProgress", "Stopping"}:
        raise ApiError(
            "ValidationException",
            f"The request was rejected because the {kind.lower()} job is in status {job[f'{kind}JobStatus']}",
        )
    job[f"{kind}JobStatus"] = "Stopping"
    state.runner.stop(kind, job[f"{kind}JobName"])
    return {}


def _job(state: State, request: Item, kind: str) -> Item:
    name = request[f"{kind}JobName"]
    if name not in state.jobs[kind]:
        # Two spellings of the same, as the service has them.
        if kind == "Processing":
            raise ApiError("ValidationException", f"Could not find requested job with name: {name}")
        raise ApiError("ValidationException", "Requested resource not found.")
    return state.jobs[kind][name]


def _file_mode(name: str, mode: str) -> None:
    if mode != "File":
        raise ApiError("ValidationException", f"{name}: input mode {mode} is not emulated, only File")
