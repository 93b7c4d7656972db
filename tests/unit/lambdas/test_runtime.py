"""The frame of a handler: events and the environment are checked, and both are told by name."""

import json
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdas.common.errors import EventError, ServiceBusyError, SettingsError
from lambdas.common.runtime import handler_of
from lambdas.common.settings import ReleaseSettings
from lambdas.deploy.handler import Deploy
from lambdas.rollout.handler import Rollout, handler, rollout
from tests.flow import SETTINGS, Cluster, Tools

ENVIRONMENT = {f"MLOPS_{name.upper()}": str(value) for name, value in SETTINGS.as_json().items()}


@dataclass
class Context:
    """What Lambda tells of an invocation."""

    function_name: str = "rollout"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:ap-southeast-1:111111111111:function:rollout"
    aws_request_id: str = "request-1"


def test_settings_come_from_the_environment() -> None:
    assert ReleaseSettings.of({**ENVIRONMENT, "PATH": "/bin"}) == SETTINGS


def test_what_is_missing_or_wrong_in_the_environment_is_named() -> None:
    wrong = {**ENVIRONMENT, "MLOPS_RELEASE_LIMIT_SECONDS": "soon"}
    del wrong["MLOPS_BUCKET"]

    with pytest.raises(SettingsError, match=r"MLOPS_BUCKET: Field required; MLOPS_RELEASE_LIMIT_SECONDS: Input"):
        ReleaseSettings.of(wrong)


def test_a_handler_answers_json_and_logs_what_was_asked(cloud: object, capsys: pytest.CaptureFixture[str]) -> None:
    tools = Tools(Cluster("v1"))

    answer = handler_of("a-look", Rollout, rollout, lambda: tools)({"version": "v1"}, Context())  # type: ignore[arg-type]

    assert answer["status"] == "progressing"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["asked", "answered"]
    assert lines[0]["asked"] == {"version": "v1"}
    assert {line["service"] for line in lines} == {"a-look"}
    assert {line["function_request_id"] for line in lines} == {"request-1"}


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ({}, "Rollout: version: Field required"),
        ({"version": "v1/../v2"}, "Rollout: version: String should match pattern"),
        ({"version": "v1", "versoin": "v2"}, "Rollout: versoin: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_event_is_refused_by_the_name_of_the_field(event: dict[str, str], fault: str) -> None:
    with pytest.raises(EventError, match=fault):
        handler(event, Context())  # type: ignore[arg-type]


def _refused(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetObject")


def _fail_of(error: Exception) -> None:
    def act(_: Rollout, __: object) -> Rollout:
        raise error

    handler_of("a-look", Rollout, act, object)({"version": "v1"}, Context())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        _refused("SlowDown", 503),
        _refused("InternalError", 500),
        _refused("ThrottlingException", 400),
        EndpointConnectionError(endpoint_url="https://s3.example.com"),
    ],
)
def test_what_aws_could_not_answer_has_a_name_that_is_tried_again(error: Exception, cloud: object) -> None:
    with pytest.raises(ServiceBusyError, match=type(error).__name__):
        _fail_of(error)


def test_what_aws_refused_keeps_its_own_name(cloud: object) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        _fail_of(_refused("AccessDenied", 403))


def test_a_time_without_its_zone_is_refused() -> None:
    event = Deploy.model_validate(
        {
            "key": "k",
            "execution": "e",
            "at": "2026-03-02T10:00:00.123Z",
            "by": "x",
            "reason": "y",
            "version": "v1",
            "package": "arn:aws:sagemaker:ap-southeast-1:111111111111:model-package/g/1",
        }
    )

    with pytest.raises(ValueError, match="timezone"):
        Deploy.model_validate({**event.as_json(), "at": "2026-03-02T10:00:00"})
