"""SageMaker's JSON protocol: a request to its operation, an answer or an error back."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from rehearsal.emulator.parameters import model_of, problems
from rehearsal.emulator.sagemaker import features, jobs, packages, tags
from rehearsal.emulator.sagemaker.access import further_checks
from rehearsal.emulator.sagemaker.state import ApiError, Caller, Item, State

Response = tuple[int, dict[str, str], bytes]
Operation = Callable[[State, Item, Caller], Item]

OPERATIONS: Final[Mapping[str, Operation]] = {
    "CreateModelPackageGroup": packages.create_group,
    "DescribeModelPackageGroup": packages.describe_group,
    "ListModelPackageGroups": packages.list_groups,
    "DeleteModelPackageGroup": packages.delete_group,
    "CreateModelPackage": packages.create_package,
    "DescribeModelPackage": packages.describe_package,
    "ListModelPackages": packages.list_packages,
    "UpdateModelPackage": packages.update_package,
    "DeleteModelPackage": packages.delete_package,
    "CreateProcessingJob": jobs.create_processing,
    "DescribeProcessingJob": jobs.describe_processing,
    "ListProcessingJobs": jobs.list_processing,
    "StopProcessingJob": jobs.stop_processing,
    "CreateTrainingJob": jobs.create_training,
    "DescribeTrainingJob": jobs.describe_training,
    "ListTrainingJobs": jobs.list_training,
    "StopTrainingJob": jobs.stop_training,
    "CreateFeatureGroup": features.create_group,
    "DescribeFeatureGroup": features.describe_group,
    "ListFeatureGroups": features.list_groups,
    "DeleteFeatureGroup": features.delete_group,
    "AddTags": tags.add,
    "DeleteTags": tags.delete,
    "ListTags": tags.list_tags,
}
_JSON: Final = "application/x-amz-json-1.1"


def answer(state: State, operation: str, request: Any, caller: Caller) -> Response:
    """Do an operation whose own permission has been checked; return what goes over the wire."""
    try:
        if operation not in model_of("sagemaker").operation_names:
            raise ApiError("UnknownOperationException", f"SageMaker has no operation {operation}")
        if operation not in OPERATIONS:
            raise ApiError("UnknownOperationException", f"{operation} is not emulated")
        found = problems("sagemaker", operation, request)
        if found:
            count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
            raise ApiError("ValidationException", f"{operation}: {count}: {'; '.join(found)}")
        with state.lock:
            further_checks(state, operation, request, caller)
            result = OPERATIONS[operation](state, request, caller)
    except ApiError as error:
        return refusal(error)
    return 200, {"Content-Type": _JSON, "x-amzn-requestid": str(uuid.uuid4())}, json.dumps(public(result)).encode()


def refusal(error: ApiError) -> Response:
    """Return an error as it goes over the wire."""
    content = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
    return 400, {"Content-Type": _JSON, "x-amzn-errortype": error.code}, content.encode()


def public(item: Item) -> Item:
    """Return an item without what is only ours."""
    return {key: each for key, each in item.items() if not key.startswith("_")}
