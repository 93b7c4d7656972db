"""What the page shows is read off an emulated AWS by its API, and from the files that processes leave."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.names import LAKE, MODEL_GROUP, MODEL_METRICS, MonitoringMetric
from config.settings import load_environment
from rehearsal.collect import Collector
from rehearsal.journal import Journal
from rehearsal.page.document import Document, Load, Outcome
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
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    world.client("s3").put_object(Bucket=bucket(world), Key=key, Body=body)


def bucket(world: World) -> str:
    return f"{SETTINGS.name(LAKE)}-{world.account}-{world.region}"


@pytest.fixture(scope="module")
def document(world: World) -> Document:
    """Return what is collected of a world in which a little has happened."""
    _flow(world)
    _lake(world)
    _alarm(world)
    _files(world.folder)
    return Collector(world).read()


def _flow(world: World) -> None:
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


def _lake(world: World) -> None:
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


def _alarm(world: World) -> None:
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


def _files(folder: Path) -> None:
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


def test_nothing_was_unreadable(document: Document) -> None:
    assert document.faults == ()


def test_executions_come_with_their_states_and_errors(document: Document) -> None:
    (machine,) = document.machines
    assert (machine.name, machine.comment) == ("mlops-dev-looking", "Looks at each")
    assert {each.id for each in machine.graph.nodes} == {"Look", "Is it good?", "Good", "Bad", "Well", "Told"}
    fine, not_fine = document.executions
    assert (fine.status, not_fine.status) == (Outcome.PASSED, Outcome.FAILED)
    assert not_fine.error == "OneWasBad"
    top = [(each.state, each.outcome) for each in not_fine.visits if each.iteration is None]
    assert top == [("Look", Outcome.CAUGHT), ("Told", Outcome.FAILED)]
    assert {each.iteration for each in fine.visits if each.state == "Good"} == {0, 1}


def test_models_and_what_was_decided_about_them_are_read_from_registry_and_lake(document: Document) -> None:
    assert [(each.version, each.champion, each.metrics) for each in document.models] == [
        (OLD, True, {"accuracy": 0.91}),
        (VERSION, False, {"accuracy": 0.93}),
    ]
    assert [(each.what, each.outcome, each.to_version) for each in document.decisions] == [
        ("released", "promoted", VERSION),
        ("rolled-back", "rolled_back", OLD),
    ]


def test_reports_are_copied_beside_the_page_of_a_day_every_look(document: Document, world: World) -> None:
    found = [(each.kind, each.about, (world.folder / each.href).read_text()) for each in document.reports]
    assert sorted(found) == [
        ("evaluation", RUN, "<html>figures</html>"),
        ("monitoring", "2026-03-02", "<html>drift</html>"),
        ("monitoring", "2026-03-02", "<html>no drift</html>"),
        ("validation", RUN, "<html>rules</html>"),
    ]


def test_alarms_come_with_each_state_and_with_what_they_look_at(document: Document) -> None:
    composite, low, _ = document.alarms
    assert (composite.kind, composite.state, composite.rule) == (
        "composite",
        "ALARM",
        'ALARM("mlops-dev-accuracy-low")',
    )
    assert low.changes[-1].state == "ALARM"
    assert (low.threshold, low.below) == (0.8, True)
    (watched,) = low.watches
    (series,) = [each for each in document.series if each.key == watched.series]
    assert [value for _, value in series.points] == [0.7]
    assert {each.name for each in document.series} == {"Accuracy", "MacroF1", "Requests", "2 * requests"}


def test_an_alarm_on_an_expression_comes_with_what_that_came_to(document: Document) -> None:
    (many,) = [each for each in document.alarms if each.name == "mlops-dev-many"]
    assert [(each.name, each.expression) for each in many.watches] == [
        ("Requests", ""),
        ("twice as many", "2 * requests"),
    ]
    points = {each.key: [value for _, value in each.points] for each in document.series}
    assert [points[each.series or ""] for each in many.watches] == [[21.0], [42.0]]


def test_what_the_processes_left_is_shown(document: Document) -> None:
    assert (document.run.machine, document.run.speed) == ("2 cores", 60.0)
    assert [(each.name, each.status) for each in document.acts] == [("first-data", Outcome.RUNNING)]
    assert [(each.name, each.status, each.seconds, each.role) for each in document.jobs] == [
        ("waits", Outcome.RUNNING, None, "trains"),
        ("j", Outcome.FAILED, 2.0, "trains"),
    ]
    assert [(each.type, each.count, each.unread) for each in document.types] == [("AWS::S3::Bucket", 2, ("Tags",))]
    assert [each.seconds for each in document.timings] == [6.5]


def test_what_cannot_be_read_is_said_and_the_rest_is_shown(world: World, tmp_path: Path) -> None:
    (tmp_path / "story.json").write_text("[{")
    found = Collector(replace(world, folder=tmp_path, account="111111111111")).read()
    assert found.acts == ()
    assert [each.partition(":")[0] for each in found.faults] == ["acts", "model packages", "audit records", "reports"]
    assert len(found.executions) == 2


def test_what_was_seen_once_is_shown_when_it_is_gone(world: World) -> None:
    collector, client = Collector(world), world.client("stepfunctions")
    made = client.create_state_machine(
        name="mlops-dev-passing",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        roleArn=f"arn:aws:iam::{world.account}:role/flow",
    )["stateMachineArn"]
    arn = client.start_execution(stateMachineArn=made, name="once")["executionArn"]
    ended(client, arn)
    before = collector.read()
    client.delete_state_machine(stateMachineArn=made)
    after = collector.read()
    assert {each.name for each in after.machines} == {"mlops-dev-looking", "mlops-dev-passing"}
    assert after.executions == before.executions


def test_a_stacks_deployment_is_timed(world: World) -> None:
    client = world.client("cloudformation")
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    client.create_stack(StackName="mlops-dev-small", TemplateBody=json.dumps(topic))
    client.get_waiter("stack_create_complete").wait(StackName="mlops-dev-small", WaiterConfig={"Delay": 1})
    (timing,) = [each for each in Collector(world).read().timings if each.step == "mlops-dev-small"]
    assert timing.detail == "1 resource"
    assert timing.started is not None


def test_the_journal_is_what_the_page_shows_of_the_run(world: World, tmp_path: Path) -> None:
    journal = Journal(tmp_path, speed=12.0, data="invented")
    with journal.step("synth", detail="7 stacks"):
        pass
    journal.load(Load(name="all the time", started=datetime.fromisoformat(AT), requests=5, failures=1))
    journal.end()
    found = Collector(replace(world, folder=tmp_path)).read()
    assert (found.run.data, found.run.speed) == ("invented", 12.0)
    assert found.run.ended is not None
    assert found.run.ended >= found.run.started
    assert "cores" in found.run.machine
    assert found.run.versions["ministack"]
    assert [(each.step, each.detail) for each in found.timings][:1] == [("synth", "7 stacks")]
    assert [(each.requests, each.failures) for each in found.load] == [(5, 1)]
