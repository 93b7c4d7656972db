"""Kinds of states, with what each of them must have: a comment, a time limit, another try, and a way out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lambdas.common.errors import ServiceBusyError

State = dict[str, Any]
States = dict[str, State]

# Where every failure goes, in every machine: it is recorded, somebody is told, and nothing that serves is touched.
FAILURE: Final = "Record the failure"
_FAILURE_TOLD: Final = "Tell of the failure"
_FAILED: Final = "Failed"
# What a state knows of an error, for the record.
ERROR: Final = "error"

# JSONata: the execution's name, when it began, and the day.
EXECUTION: Final = "$states.context.Execution.Name"
START: Final = "$states.context.Execution.StartTime"
DAY: Final = f"$substring({START}, 0, 10)"
# Of a model package that was described: its version, who decided about it last, and why.
PACKAGE_VERSION: Final = "$states.result.CustomerMetadataProperties.version"
DECIDED_BY: Final = "$states.result.LastModifiedBy.IamIdentity.Arn"
DECIDED_WHY: Final = "$states.result.ApprovalDescription[$ != '']"
ENTERED: Final = "{% $states.context.State.EnteredTime %}"

# Errors that another try can mend. Jitter, so that those who failed together do not come back together.
_LAMBDA: Final = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    # A process that was killed, and a function's time limit; older runtimes tell of both as Unknown.
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "Lambda.Unknown",
    "States.Timeout",
    # What the function itself could not reach.
    ServiceBusyError.__name__,
)
_JOBS: Final = (
    "SageMaker.AmazonSageMakerException",
    "SageMaker.ResourceLimitExceededException",
    "SageMaker.ThrottlingException",
    "SageMaker.ConflictException",
)


def retry(errors: Sequence[str], *, seconds: int, attempts: int, most_seconds: int) -> State:
    """Return a Retry of ``errors`` with doubling waits and full jitter."""
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": seconds,
        "BackoffRate": 2,
        "MaxAttempts": attempts,
        "MaxDelaySeconds": most_seconds,
        "JitterStrategy": "FULL",
    }


def catch(then: str, *, error: str = ERROR) -> State:
    """Return a Catch of everything, which goes to ``then`` and keeps the error in the variable ``error``."""
    return {"ErrorEquals": ["States.ALL"], "Assign": {error: "{% $states.errorOutput %}"}, "Next": then}


def task(
    comment: str,
    *,
    resource: str,
    arguments: Any,
    retries: Sequence[State],
    seconds: int,
    then: str | None,
    assign: Mapping[str, Any] | None = None,
    output: Any = None,
    caught: str = FAILURE,
    error: str = ERROR,
) -> State:
    """Return a Task that stops after ``seconds`` and goes to ``caught`` with the error when all tries are used up."""
    state: State = {
        "Type": "Task",
        "Comment": comment,
        "Resource": resource,
        "Arguments": arguments,
        "TimeoutSeconds": seconds,
        "Retry": list(retries),
        "Catch": [catch(caught, error=error)],
    }
    if assign is not None:
        state["Assign"] = dict(assign)
    if output is not None:
        state["Output"] = output
    return state | _then(then)


def call(
    comment: str,
    function: str,
    *,
    payload: Any,
    seconds: int,
    then: str | None,
    errors: Sequence[str] = (),
    attempts: int = 5,
    before: Sequence[State] = (),
    **more: Any,
) -> State:
    """Return a Task that calls a Lambda function by its ARN; its answer is ``$states.result.Payload``.

    ``errors`` of the function's own are tried again like Lambda's, unless a Retry in ``before`` is for them.
    """
    return task(
        comment,
        resource="arn:aws:states:::lambda:invoke",
        arguments={"FunctionName": function, "Payload": payload},
        retries=[*before, retry([*_LAMBDA, *errors], seconds=2, attempts=attempts, most_seconds=60)],
        seconds=seconds,
        then=then,
        **more,
    )


def job(
    comment: str,
    operation: str,
    *,
    request: Any,
    seconds: int,
    then: str | None,
    retries: Sequence[State] = (),
    **more: Any,
) -> State:
    """Return a Task that starts a SageMaker job, such as ``createTrainingJob``, and waits for its end."""
    return task(
        comment,
        resource=f"arn:aws:states:::sagemaker:{operation}.sync",
        arguments=request,
        # Capacity comes back in minutes. A job that ran and failed is not tried again: it would fail again, unless
        # ``retries`` know better.
        retries=[retry(_JOBS, seconds=30, attempts=6, most_seconds=600), *retries],
        seconds=seconds,
        then=then,
        **more,
    )


def plain(comment: str, action: str, *, arguments: Any, then: str | None, **more: Any) -> State:
    """Return a Task that calls one action of AWS by itself, such as ``s3:putObject``; trying again does no harm."""
    return task(
        comment,
        resource=f"arn:aws:states:::aws-sdk:{action}",
        arguments=arguments,
        retries=[retry(["States.TaskFailed", "States.Timeout"], seconds=2, attempts=5, most_seconds=60)],
        seconds=30,
        then=then,
        **more,
    )


def choice(comment: str, *options: tuple[str, str], otherwise: str) -> State:
    """Return a Choice: the first ``(condition, next state)`` that holds, else ``otherwise``."""
    return {
        "Type": "Choice",
        "Comment": comment,
        "Choices": [{"Condition": f"{{% {condition} %}}", "Next": then} for condition, then in options],
        "Default": otherwise,
    }


def keep(comment: str, *, variables: Mapping[str, Any], then: str) -> State:
    """Return a Pass that sets variables."""
    return {"Type": "Pass", "Comment": comment, "Assign": dict(variables), "Next": then}


def wait(comment: str, *, seconds: int | str, then: str) -> State:
    """Return a Wait."""
    return {"Type": "Wait", "Comment": comment, "Seconds": seconds, "Next": then}


def end(comment: str) -> State:
    """Return a Succeed: also a decision not to go on is an end as it should be."""
    return {"Type": "Succeed", "Comment": comment}


def fail(comment: str, *, error: str, cause: str) -> State:
    """Return a Fail; ``error`` and ``cause`` are JSONata."""
    return {"Type": "Fail", "Comment": comment, "Error": f"{{% {error} %}}", "Cause": f"{{% {cause} %}}"}


def tell(comment: str, topic: str, *, subject: str, message: str, then: str | None, **more: Any) -> State:
    """Return a Task that publishes to the alerts; ``subject`` and ``message`` are JSONata."""
    return plain(
        comment,
        "sns:publish",
        # SNS takes at most 100 characters for a subject.
        arguments={
            "TopicArn": topic,
            "Subject": f"{{% $substring({subject}, 0, 100) %}}",
            "Message": f"{{% {message} %}}",
        },
        then=then,
        **more,
    )


def record(comment: str, bucket: str, *, key: str, content: str, then: str | None, **more: Any) -> State:
    """Return a Task that writes JSON to the lake; ``key`` and ``content`` are JSONata."""
    return plain(
        comment,
        "s3:putObject",
        arguments={
            "Bucket": bucket,
            "Key": f"{{% {key} %}}",
            "Body": f"{{% $string({content}) %}}",
            "ContentType": "application/json",
        },
        then=then,
        **more,
    )


def failure_path(name: str, *, bucket: str, key: str, topic: str, facts: str) -> States:
    """Return the states that every failure of machine ``name`` goes through; none of them can fail to end it.

    ``facts`` is JSONata: an object that says what was being done. What fails on the way does not take the place of the
    failure that this is about.
    """
    told = f"'{name}: ' & $error.Error & ' in ' & $states.context.Execution.Name & '. ' & $error.Cause"
    return {
        FAILURE: record(
            "What went wrong, for whoever looks later",
            bucket,
            key=key,
            content=f"$merge([{facts}, {{'outcome': 'failed', 'error': $error}}])",
            then=_FAILURE_TOLD,
            caught=_FAILURE_TOLD,
            error="record_error",
        ),
        _FAILURE_TOLD: tell(
            "Once: what serves goes on serving",
            topic,
            subject=f"'{name} failed'",
            message=told,
            then=_FAILED,
            caught=_FAILED,
            error="told_error",
        ),
        _FAILED: fail("Nothing that serves was changed", error="$error.Error", cause="$error.Cause"),
    }


def given(path: str, otherwise: str) -> str:
    """Return JSONata: what is at ``path``, or ``otherwise`` where nothing is."""
    return f"($exists({path}) ? {path} : {otherwise})"


def seconds_since(variable: str) -> str:
    """Return JSONata: the seconds from the time in ``variable`` until this state was entered."""
    return f"($toMillis($states.context.State.EnteredTime) - $toMillis({variable})) / 1000"


def machine(comment: str, *, first: str, states: States, seconds: int) -> State:
    """Return a whole definition."""
    return {
        "Comment": comment,
        "QueryLanguage": "JSONata",
        "StartAt": first,
        "TimeoutSeconds": seconds,
        "States": states,
    }


def _then(name: str | None) -> State:
    return {"End": True} if name is None else {"Next": name}
