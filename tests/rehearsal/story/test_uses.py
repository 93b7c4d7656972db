"""What is done once more is what was done before, read from what AWS and the cluster tell of it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal.story.faults import running
from rehearsal.story.pods import ready_of
from rehearsal.story.starters import not_called
from rehearsal.story.uses import calls_of, request_of


def _scheduled(function: str, payload: dict[str, Any]) -> dict[str, Any]:
    parameters = {"FunctionName": f"arn:aws:lambda:ap-southeast-1:000000000000:function:{function}", "Payload": payload}
    details = {"resourceType": "lambda", "resource": "invoke", "parameters": json.dumps(parameters)}
    return {"type": "TaskScheduled", "taskScheduledEventDetails": details}


def test_the_last_event_of_each_function_is_read_from_the_history() -> None:
    other = {"taskScheduledEventDetails": {"resourceType": "aws-sdk:sns", "resource": "publish", "parameters": "{}"}}

    found = calls_of([_scheduled("decide", {"run": 1}), other, {"type": "x"}, _scheduled("decide", {"run": 2})])

    assert found == {"decide": {"run": 2}}


def test_a_job_is_asked_for_again_by_what_its_request_has_and_under_another_name() -> None:
    described = {"ProcessingJobName": "one", "RoleArn": "r", "ProcessingJobStatus": "Completed"}

    request = request_of(described, {"ProcessingJobName": 0, "RoleArn": 0, "Tags": 0}, name="ProcessingJobName")

    assert request.keys() == {"ProcessingJobName", "RoleArn"}
    assert request["RoleArn"] == "r"
    assert request["ProcessingJobName"] != "one"


def test_the_emulators_word_about_a_rule_is_its_own() -> None:
    log = "rule a-b, target x: not called: no\nrule a, target y: called\nrule a, target x: not called: may not"

    assert not_called(log, "a") == "rule a, target x: not called: may not"
    assert not_called(log, "b") is None


def _pod(name: str, ready: str, account: str = "inference", **metadata: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, **metadata},
        "spec": {"serviceAccountName": account},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def test_pods_that_end_or_are_others_do_not_count() -> None:
    listed = [_pod("a", "True"), _pod("b", "False"), _pod("c", "True", "etl"), _pod("d", "True", deletionTimestamp="t")]

    assert ready_of({"items": listed}, "inference") == {"a": True, "b": False}


def test_a_job_runs_by_the_last_line_about_it(tmp_path: Path) -> None:
    since = datetime(2026, 3, 2, tzinfo=UTC)
    at = since.timestamp()
    lines = [
        {"name": "over", "kind": "Training", "created": at, "pid": 1},
        {"name": "over", "kind": "Training", "created": at, "pid": None},
        {"name": "old", "kind": "Training", "created": at - 1, "pid": 2},
        {"name": "other", "kind": "Processing", "created": at, "pid": 3},
        {"name": "mine", "kind": "Training", "created": at, "pid": 4},
    ]
    journal = tmp_path / "jobs.jsonl"
    journal.write_text("".join(json.dumps(each) + "\n" for each in lines))

    assert [each["name"] for each in running(journal, kind="Training", since=since)] == ["mine"]
