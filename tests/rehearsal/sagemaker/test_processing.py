"""Processing jobs run: as their role, on their inputs, to their outputs, or to a failure that says why."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import emulated
from rehearsal.world import World
from tests.rehearsal.jobs_world import BUCKET, DATA, IMAGE, LOGS, PROGRAM, Roles, ended, heard

PLACE = "/opt/ml/processing"


def job(role: str, script: str, **more: Any) -> dict[str, Any]:
    """Return a request for a job that runs ``script`` in its ``/opt/ml``, with an output ``out`` at its end."""
    return {
        "ProcessingJobName": f"job-{uuid.uuid4().hex[:12]}",
        "RoleArn": role,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerArguments": [script]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
        },
        "ProcessingOutputConfig": {"Outputs": [output("out")]},
        **more,
    }


def given(name: str, uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    local = f"{PLACE}/input/{name}"
    return {
        "InputName": name,
        "S3Input": {"S3Uri": uri, "LocalPath": local, "S3DataType": kind, "S3InputMode": "File"},
    }


def output(name: str, mode: str = "EndOfJob") -> dict[str, Any]:
    place = {"S3Uri": f"s3://{BUCKET}/{name}", "LocalPath": f"{PLACE}/output/{name}", "S3UploadMode": mode}
    return {"OutputName": name, "S3Output": place}


def run(sagemaker: Any, request: dict[str, Any]) -> dict[str, Any]:
    sagemaker.create_processing_job(**request)
    name = request["ProcessingJobName"]
    return ended(lambda: sagemaker.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")


def running(world: World, name: str) -> dict[str, Any]:
    """Return the journal's line of a job's program, once it runs."""
    journal, until = world.folder / "aws" / "jobs.jsonl", time.monotonic() + 30
    while time.monotonic() < until:
        lines = [json.loads(line) for line in journal.read_text().splitlines()] if journal.is_file() else []
        mine = [each for each in lines if each["name"] == name and each["pid"]]
        if mine:
            return dict(mine[-1])
        time.sleep(0.02)
    raise AssertionError(f"{name} does not run")


def ends(process: Path) -> bool:
    """Say whether a process, by its folder in /proc, is gone soon, or dead and not yet buried."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def text(world: World, key: str) -> str:
    content: bytes = world.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return content.decode()


def test_inputs_by_prefix_and_manifest_come_in_and_outputs_go_out(
    world: World, sagemaker: Any, job_role: str, put: Callable[..., None]
) -> None:
    manifest = json.dumps([{"prefix": f"s3://{BUCKET}/some/"}, "deep/b.txt"])
    put(**{"all/a.txt": "one", "all/deep/b.txt": "two", "some/deep/b.txt": "three", "some/not.txt": "", "m": manifest})
    script = "cd processing; mkdir output/out/x; find input -type f | sort | xargs cat > output/out/x/all.txt"
    inputs = [given("prefix", f"s3://{BUCKET}/all"), given("chosen", f"s3://{BUCKET}/m", "ManifestFile")]

    done = run(sagemaker, job(job_role, script, ProcessingInputs=inputs))

    assert done["ProcessingJobStatus"] == "Completed", done
    assert text(world, "out/x/all.txt") == "threeonetwo"


def test_a_jobs_program_is_its_role_and_an_isolated_one_nobody(world: World, sagemaker: Any, job_role: str) -> None:
    script = "env > processing/output/out/env.txt"

    run(sagemaker, job(job_role, script))
    connected = text(world, "out/env.txt")
    run(sagemaker, job(job_role, script, NetworkConfig={"EnableNetworkIsolation": True}, Environment={"MINE": "yes"}))
    isolated = text(world, "out/env.txt")

    assert f"AWS_ENDPOINT_URL={world.endpoint}" in connected
    assert "AWS_SESSION_TOKEN=" in connected
    assert "MINE=yes" in isolated
    assert "AWS_" not in isolated


@pytest.mark.parametrize(
    ("missing", "named"),
    [("s3:GetObject", "GetObject"), ("s3:ListBucket", "ListObjectsV2"), ("s3:PutObject", "PutObject")],
)
def test_a_job_whose_role_lacks_a_permission_fails_and_names_it(
    sagemaker: Any, roles: Roles, put: Callable[..., None], missing: str, named: str
) -> None:
    put(**{"all/a.txt": "one"})
    allowed = {**DATA, "Action": [each for each in DATA["Action"] if each != missing]}
    role = roles.make(f"without-{named}", allowed, LOGS)

    failed = run(
        sagemaker, job(role, "echo > processing/output/out/x", ProcessingInputs=[given("a", f"s3://{BUCKET}/all/")])
    )

    assert failed["ProcessingJobStatus"] == "Failed"
    assert "AccessDenied" in failed["FailureReason"]
    assert named in failed["FailureReason"]


def test_a_programs_failure_is_told_in_its_own_words_and_what_was_continuous_is_kept(
    world: World, sagemaker: Any, job_role: str
) -> None:
    script = "echo found > processing/output/report/r.txt; echo lost > processing/output/out/lost.txt; "
    script += "printf 'row 7 is wrong' > output/message; exit 2"
    outputs = {"Outputs": [output("out"), output("report", "Continuous")]}

    failed = run(sagemaker, job(job_role, script, ProcessingOutputConfig=outputs))

    assert failed["ProcessingJobStatus"] == "Failed"
    assert failed["FailureReason"] == "AlgorithmError: row 7 is wrong, exit code: 2"
    assert failed["ExitMessage"] == "row 7 is wrong"
    assert text(world, "report/r.txt") == "found\n"
    with pytest.raises(ClientError, match="NoSuchKey"):
        text(world, "out/lost.txt")


def test_its_output_is_in_the_logs(world: World, sagemaker: Any, job_role: str) -> None:
    request = job(job_role, "echo hello; printf bye >&2")
    run(sagemaker, request)

    logs, group = world.client("logs"), "/aws/sagemaker/ProcessingJobs"
    [stream] = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=request["ProcessingJobName"])[
        "logStreams"
    ]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    assert [each["message"] for each in events] == ["hello", "bye"]


def test_a_job_is_stopped_and_so_is_what_it_started(world: World, sagemaker: Any, job_role: str) -> None:
    request = job(job_role, "sleep 1000 & echo $!; wait")
    name = request["ProcessingJobName"]
    sagemaker.create_processing_job(**request)
    log = Path(running(world, name)["log"])
    while not log.read_text().strip():
        time.sleep(0.02)
    child = Path("/proc", log.read_text().strip())
    assert child.exists()

    sagemaker.stop_processing_job(ProcessingJobName=name)
    stopped = ended(lambda: sagemaker.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")

    assert stopped["ProcessingJobStatus"] == "Stopped"
    assert ends(child)


def test_a_job_ends_with_the_emulator(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    with emulated(tmp_path / "world", program=program) as world:
        role = Roles(world).make("jobs")
        request = job(role, "sleep 1000", ProcessingOutputConfig={"Outputs": []})
        world.client("sagemaker").create_processing_job(**request)
        process = Path("/proc", str(running(world, request["ProcessingJobName"])["pid"]))
        assert process.exists()

    assert ends(process)


def test_each_change_of_a_job_is_an_event(world: World, sagemaker: Any, job_role: str) -> None:
    with heard(world, "SageMaker Processing Job State Change") as details:
        request = job(job_role, "true")
        run(sagemaker, request)

        statuses = [each["ProcessingJobStatus"] for each in details(2)]

    assert statuses == ["InProgress", "Completed"]


def test_a_job_that_takes_too_long_is_ended(sagemaker: Any, job_role: str) -> None:
    ended_early = run(sagemaker, job(job_role, "sleep 1000", StoppingCondition={"MaxRuntimeInSeconds": 1}))

    assert ended_early["ProcessingJobStatus"] == "Stopped"
    assert "MaxRuntime" in ended_early["FailureReason"]


def test_the_journal_says_how_each_job_stands(world: World, sagemaker: Any, job_role: str) -> None:
    request = job(job_role, "true")
    run(sagemaker, request)

    lines = [json.loads(line) for line in (world.folder / "aws" / "jobs.jsonl").read_text().splitlines()]
    mine = [each for each in lines if each["name"] == request["ProcessingJobName"]]
    assert [mine[0]["status"], mine[-1]["status"]] == ["InProgress", "Completed"]
    assert any(each["pid"] for each in mine)
    assert mine[-1]["seconds"] >= 0
    assert mine[-1]["command"][1:] == ["true"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ProcessingJobName": "under_score"}, "ProcessingJobName"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 10**6}}, "StoppingCondition.MaxRuntimeInSeconds"),
        (
            {"ProcessingInputs": [given("a", "s3://x", "Prefix")]},
            "S3DataType: 'Prefix' is none of ManifestFile, S3Prefix",
        ),
    ],
)
def test_a_request_that_aws_would_refuse_is_refused(
    sagemaker: Any, job_role: str, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=f"ValidationException.*{message}"):
        sagemaker.create_processing_job(**job(job_role, "true", **change))


def test_a_role_that_does_not_trust_sagemaker_is_refused(sagemaker: Any, roles: Roles) -> None:
    stranger = roles.make("of-lambda", DATA, service="lambda.amazonaws.com")

    with pytest.raises(ClientError, match="Could not assume role"):
        sagemaker.create_processing_job(**job(stranger, "true"))


def test_who_may_not_pass_the_role_may_not_start_the_job(roles: Roles, job_role: str) -> None:
    creator = roles.client("sagemaker", "creator", {"Action": "sagemaker:CreateProcessingJob", "Resource": "*"})

    with pytest.raises(ClientError, match=rf"AccessDeniedException.*iam:PassRole on resource: {job_role}"):
        creator.create_processing_job(**job(job_role, "true"))


def test_the_permission_is_for_jobs_by_their_name(world: World, roles: Roles, job_role: str) -> None:
    mine = f"arn:aws:sagemaker:{world.region}:{world.account}:processing-job/mine-*"
    creator = roles.client(
        "sagemaker",
        "creator-of-mine",
        {"Action": ["sagemaker:CreateProcessingJob", "sagemaker:DescribeProcessingJob"], "Resource": mine},
        {"Action": "iam:PassRole", "Resource": job_role},
    )
    request = job(job_role, "true")

    with pytest.raises(ClientError, match=r"AccessDeniedException.*sagemaker:CreateProcessingJob"):
        creator.create_processing_job(**request)
    assert run(creator, {**request, "ProcessingJobName": "mine-1"})["ProcessingJobStatus"] == "Completed"
