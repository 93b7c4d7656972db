"""A little of everything in an emulated AWS, and the files that processes leave."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.names import LAKE, MODEL_GROUP, MODEL_METRICS, MonitoringMetric
from config.settings import load_environment
from rehearsal.world import World

SETTINGS = load_environment("dev")
VERSION, OLD = "200607-2222bbbbbb", "200606-1111aaaaaa"
RUN = "200607-0123456789"
AT = "2026-03-02T10:05:00Z"
ITEM = {
    "StartAt": "Is it good?",
    "States": {
        "Is it good?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input = 'bad' %}", "Next": "Bad"}],
            "Default": "Good",
        },
        "Good": {"Type": "Pass", "End": True},
        "Bad": {"Type": "Fail", "Error": "NotGood", "Cause": "it is bad"},
    },
}
DEFINITION = {
    "Comment": "Looks at each",
    "QueryLanguage": "JSONata",
    "StartAt": "Look",
    "States": {
        "Look": {
            "Type": "Map",
            "Items": "{% $states.input.all %}",
            "ItemProcessor": ITEM,
            "Next": "Well",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Told"}],
        },
        "Well": {"Type": "Succeed"},
        "Told": {"Type": "Fail", "Error": "OneWasBad", "Cause": "see above"},
    },
}


def until(look: Callable[[], Any]) -> Any:
    """Return what ``look`` finds, as soon as it does."""
    for _ in range(600):
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def ended(client: Any, arn: str) -> None:
    """Wait for the end of an execution."""
    until(lambda: client.describe_execution(executionArn=arn)["status"] != "RUNNING")


def put(world: World, key: str, content: Any) -> None:
    """Put an object into the lake."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    world.client("s3").put_object(Bucket=bucket(world), Key=key, Body=body)


def bucket(world: World) -> str:
    """Return the lake's bucket."""
    return f"{SETTINGS.name(LAKE)}-{world.account}-{world.region}"


def make_flow(world: World) -> None:
    """Make a state machine, and let it run twice."""
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = world.client("iam").create_role(
        RoleName="flow", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    client = world.client("stepfunctions")
    machine = client.create_state_machine(
        name="mlops-dev-looking", definition=json.dumps(DEFINITION), roleArn=role["Role"]["Arn"]
    )["stateMachineArn"]
    for name, items in (("fine", ["good", "better"]), ("not-fine", ["good", "bad"])):
        arn = client.start_execution(stateMachineArn=machine, name=name, input=json.dumps({"all": items}))[
            "executionArn"
        ]
        ended(client, arn)


def make_lake(world: World) -> None:
    """Make the lake's bucket and the registry, with what a release and a roll-back leave there."""
    place = {"LocationConstraint": world.region}
    world.client("s3").create_bucket(Bucket=bucket(world), CreateBucketConfiguration=place)
    group = SETTINGS.name(MODEL_GROUP)
    sagemaker = world.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    for version, accuracy in ((OLD, "0.91"), (VERSION, "0.93")):
        sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus="Approved",
            CustomerMetadataProperties={"version": version, "run": RUN, "candidate": "xgboost", "accuracy": accuracy},
        )
    put(world, "artifacts/registry/price_sensitivity/champion.json", {"version": OLD})
    record = {"key": "k", "at": AT, "by": "an alarm", "reason": "it was worse", "evidence": {}}
    day = "artifacts/audit/2026-03-02"
    put(
        world,
        f"{day}/released-k1.json",
        {
            **record,
            "what": "released",
            "to_version": VERSION,
            "from_version": OLD,
            "outcome": "promoted",
            "at": "2026-03-02T10:00:00Z",
        },
    )
    put(
        world,
        f"{day}/rolled-back-k2.json",
        {**record, "what": "rolled-back", "to_version": OLD, "from_version": VERSION, "outcome": "rolled_back"},
    )
    put(world, f"{day}/roll-back-k2.json", {**record, "what": "roll-back", "outcome": "take_back"})
    put(world, f"artifacts/runs/{RUN}/evaluation/report.html", b"<html>figures</html>")
    put(world, f"artifacts/runs/{RUN}/validation/validation.html", b"<html>rules</html>")
    put(world, f"artifacts/models/{VERSION}/report.html", b"<html>the same again</html>")
    world.client("s3").put_bucket_versioning(Bucket=bucket(world), VersioningConfiguration={"Status": "Enabled"})
    put(world, "artifacts/monitoring/2026-03-02/monitoring.html", b"<html>no drift</html>")
    put(world, "artifacts/monitoring/2026-03-02/monitoring.html", b"<html>drift</html>")


def make_alarms(world: World) -> None:
    """Make alarms and metrics, and wait until one is raised."""
    client = world.client("cloudwatch")
    dimensions = [{"Name": "Environment", "Value": "dev"}]
    client.put_metric_alarm(
        AlarmName="mlops-dev-accuracy-low",
        AlarmDescription="It is worse.",
        Namespace=MODEL_METRICS,
        MetricName=MonitoringMetric.ACCURACY,
        Dimensions=dimensions,
        Statistic="Minimum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.8,
        ComparisonOperator="LessThanThreshold",
    )
    requests = {"Metric": {"Namespace": "Tests", "MetricName": "Requests"}, "Period": 60, "Stat": "Sum"}
    client.put_metric_alarm(
        AlarmName="mlops-dev-many",
        EvaluationPeriods=1,
        Threshold=100,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[
            {"Id": "requests", "MetricStat": requests, "ReturnData": False},
            {"Id": "twice", "Expression": "2 * requests", "Label": "twice as many"},
        ],
    )
    client.put_metric_data(Namespace="Tests", MetricData=[{"MetricName": "Requests", "Value": 21.0}])
    client.put_composite_alarm(AlarmName="mlops-dev-degraded", AlarmRule='ALARM("mlops-dev-accuracy-low")')
    datum = {"Dimensions": dimensions, "Value": 0.7, "MetricName": MonitoringMetric.ACCURACY}
    client.put_metric_data(Namespace=MODEL_METRICS, MetricData=[datum, {**datum, "MetricName": "MacroF1"}])
    until(
        lambda: client.describe_alarms(
            AlarmNames=["mlops-dev-degraded"], AlarmTypes=["CompositeAlarm"], StateValue="ALARM"
        )["CompositeAlarms"]
    )


def make_files(folder: Path) -> None:
    """Write what the rehearsal's processes write."""
    act = {
        "name": "first-data",
        "title": "First data",
        "does": "x",
        "expects": "y",
        "status": "running",
        "started": AT,
        "ended": None,
        "notes": ["so far"],
        "links": [],
    }
    (folder / "story.json").write_text(json.dumps([act]))
    (folder / "timings.json").write_text(json.dumps([{"step": "synth", "seconds": 6.5}]))
    began = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
    (folder / "run.json").write_text(json.dumps({"started": began, "machine": "2 cores", "commit": "abc"}))
    job = {
        "name": "j",
        "kind": "training",
        "role": "arn:aws:iam::000000000000:role/trains",
        "created": 1772445900.5,
        "started": 1772445901.0,
        "ended": None,
        "status": "InProgress",
        "command": ["mlops", "job"],
        "seconds": None,
    }
    lines = [
        json.dumps(job),
        json.dumps({**job, "status": "Failed", "ended": 1772445903.0, "seconds": 2.0}),
        json.dumps({**job, "name": "waits", "started": None}),
        '{"name": "half',
    ]
    (folder / "aws" / "jobs.jsonl").write_text("\n".join(lines))
    types = {"AWS::S3::Bucket": {"how": "emulated", "why": "", "resources": 2, "unread": {"Tags": 2}}}
    (folder / "aws" / "fidelity.json").write_text(json.dumps({"types": types}))
