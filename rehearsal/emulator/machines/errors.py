"""Names of errors, as Step Functions gives them to what it calls."""

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

# Of the optimized integrations, what an error is called that the service's model does not name.
_OPTIMIZED: Final[Mapping[str, str]] = {
    "lambda": "Lambda.AWSLambdaException",
    "sagemaker": "SageMaker.AmazonSageMakerException",
    "sns": "SNS.AmazonSNSException",
    "sqs": "SQS.AmazonSQSException",
    "states": "StepFunctions.AWSStepFunctionsException",
    "events": "EventBridge.AmazonEventBridgeException",
}
_SDK: Final[Mapping[str, str]] = {"sagemaker": "SageMaker"}


def optimized_error(service: str, model: Any, error: ClientError | BotoCoreError) -> tuple[str, str]:
    """Return error and cause of a failed call by an integration such as ``arn:aws:states:::lambda:invoke``."""
    general = _OPTIMIZED.get(service, f"{service.capitalize()}.{service.capitalize()}Exception")
    prefix = general.split(".", 1)[0]
    if not isinstance(error, ClientError):
        return f"{prefix}.SdkClientException", str(error)
    code = _code(error)
    modelled = _modelled(model, error)
    name = f"{prefix}.{modelled}" if modelled else general
    answer = error.response["ResponseMetadata"]
    facts = f"Service: {model.service_model.service_id}; Status Code: {answer['HTTPStatusCode']}; Error Code: {code}"
    return name, f"{_message(error)} ({facts}; Request ID: {answer.get('RequestId', '')})"


def sdk_error(service: str, model: Any, error: ClientError | BotoCoreError) -> tuple[str, str]:
    """Return error and cause of a failed call by ``arn:aws:states:::aws-sdk:<service>:<action>``."""
    from ministack.services import stepfunctions

    known: Mapping[str, str] = stepfunctions._AWS_SDK_ERROR_PREFIX
    prefix = _SDK.get(service) or known.get(service, service.capitalize())
    if not isinstance(error, ClientError):
        return f"{prefix}.SdkClientException", str(error)
    name = _modelled(model, error) or f"{prefix}Exception"
    answer = error.response["ResponseMetadata"]
    facts = f"Service: {prefix}, Status Code: {answer['HTTPStatusCode']}, Request ID: {answer.get('RequestId', '')}"
    return f"{prefix}.{name}", f"{_message(error)} ({facts})"


def function_error(payload: bytes) -> tuple[str, str]:
    """Return error and cause of a function that failed: its own error's type, and all that it said of it."""
    text = payload.decode("utf-8", errors="replace")
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    kind = said.get("errorType") if isinstance(said, dict) else None
    return str(kind or "Lambda.Unknown"), text


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code", "Unknown"))


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message", "")) or str(error)


def _modelled(model: Any, error: ClientError) -> str | None:
    """Return the SDK's class of an error that the operation's model names, None for any other."""
    code = _code(error)
    for shape in model.error_shapes:
        if code in {shape.name, shape.error_code}:
            name = str(shape.name)
            return name if name.endswith("Exception") else f"{name}Exception"
    return None
