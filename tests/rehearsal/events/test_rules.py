"""EventBridge's rules: what matches, what a target gets, and as whom it is called."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.world import World
from tests.rehearsal.events.shared import inputs, machine, messages, policy, queue, role, until

LOCATION = {"LocationConstraint": "ap-southeast-1"}


def rule(world: World, name: str, pattern: Mapping[str, Any]) -> str:
    arn: str = world.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    return arn


def failed(world: World, name: str) -> bool:
    """Whether CloudWatch counted a failed invocation of a rule."""
    found = world.client("cloudwatch").list_metrics(
        Namespace="AWS/Events", MetricName="FailedInvocations", Dimensions=[{"Name": "RuleName", "Value": name}]
    )
    return bool(found["Metrics"])


def put(world: World, **detail: Any) -> None:
    entry = {"Source": "shop", "DetailType": "Sale", "Detail": json.dumps(detail)}
    assert world.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_an_object_starts_a_machine_as_the_rules_role_with_what_the_template_says(world: World) -> None:
    bucket, events = "incoming", world.client("events")
    s3 = world.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=LOCATION)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    started = machine(world, "on-object")
    keys = [{"wildcard": "raw/*.csv"}, {"wildcard": "raw/*.csv.gz"}]
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": keys}},
    }
    arn = rule(world, "object-came", pattern)
    starter = role(
        world, "object-starter", service="events", source=arn, Action="states:StartExecution", Resource=started
    )
    transformer = {
        "InputPathsMap": {"at": "$.time", "key": "$.detail.object.key"},
        "InputTemplate": '{"trigger": "data", "at": <at>, "key": <key>}',
    }
    url, heard = queue(world, "all-objects", service="events")
    targets = [
        {"Id": "machine", "Arn": started, "RoleArn": starter, "InputTransformer": transformer},
        {"Id": "queue", "Arn": heard},
    ]
    events.put_targets(Rule="object-came", Targets=targets)

    s3.put_object(Bucket=bucket, Key="raw/readme.txt", Body=b"-")
    s3.put_object(Bucket=bucket, Key="other/1.csv", Body=b"-")
    put_one = s3.put_object(Bucket=bucket, Key='raw/weeks/a "1".csv.gz', Body=b"1234")

    (event,) = until(lambda: messages(world, url))
    (given,) = until(lambda: inputs(world, started))
    assert given == {"trigger": "data", "at": event["time"], "key": 'raw/weeks/a "1".csv.gz'}
    detail = event["detail"]
    assert (event["source"], event["account"], event["region"]) == ("aws.s3", world.account, world.region)
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    assert detail["bucket"] == {"name": bucket}
    assert detail["reason"] == "PutObject"
    assert detail["object"]["size"] == 4
    assert detail["object"]["etag"] == put_one["ETag"].strip('"')
    assert detail["object"]["version-id"] == put_one["VersionId"]
    assert detail["object"]["sequencer"]


@pytest.mark.parametrize(
    ("name", "statement", "service"),
    [
        ("may-nothing", {}, "events"),
        ("may-another", {"Action": "states:StartExecution", "Resource": "arn:aws:states:*:*:stateMachine:x"}, "events"),
        ("of-another-service", {"Action": "states:StartExecution", "Resource": "*"}, "scheduler"),
    ],
)
def test_a_machine_is_not_started_by_a_role_that_may_not(
    world: World, name: str, statement: dict[str, Any], service: str
) -> None:
    started = machine(world, name)
    rule(world, name, {"source": ["shop"], "detail": {"name": [name]}})
    starter = role(world, f"{name}-starter", service=service, **statement)
    world.client("events").put_targets(Rule=name, Targets=[{"Id": "m", "Arn": started, "RoleArn": starter}])

    put(world, name=name)

    until(lambda: failed(world, name))
    assert inputs(world, started) == []


def test_a_queue_and_a_topic_are_used_only_if_they_let_eventbridge(world: World) -> None:
    events, sqs, sns = world.client("events"), world.client("sqs"), world.client("sns")
    rule(world, "to-closed", {"source": ["shop"], "detail": {"name": ["closed"]}})
    url = sqs.create_queue(QueueName="closed")["QueueUrl"]
    closed = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="closed")["TopicArn"]
    own = policy(Principal={"AWS": world.account}, Action="sns:Publish", Resource=topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=own)
    behind, behind_arn = queue(world, "behind-closed", service="sns")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=behind_arn)
    targets = [{"Id": "queue", "Arn": closed}, {"Id": "topic", "Arn": topic}]
    events.put_targets(Rule="to-closed", Targets=targets)

    put(world, name="closed")

    until(lambda: failed(world, "to-closed"))
    assert messages(world, url) == []
    assert messages(world, behind) == []


@pytest.mark.parametrize(
    ("condition", "matching", "other"),
    [
        ([{"prefix": "raw/"}], "raw/a", "other/raw/"),
        ([{"suffix": ".csv"}], "a.csv", "a.csv.gz"),
        ([{"wildcard": "a/*/b-*.json"}], "a/x/b-1.json", "a/x/c-1.json"),
        ([{"anything-but": ["a"]}], "b", "a"),
        ([{"numeric": [">", 0, "<=", 5]}], 5, 6),
        ([{"exists": True}], 0, None),
        ([{"exists": False}], None, 0),
    ],
)
def test_patterns(world: World, condition: list[Any], matching: Any, other: Any) -> None:
    def matches(value: Any) -> bool:
        event = {
            "id": "1",
            "source": "shop",
            "detail-type": "Sale",
            "account": world.account,
            "time": "2026-01-01T00:00:00Z",
            "region": world.region,
            "resources": [],
            "detail": {} if value is None else {"value": value},
        }
        answer: bool = world.client("events").test_event_pattern(
            EventPattern=json.dumps({"detail": {"value": condition}}), Event=json.dumps(event)
        )["Result"]
        return answer

    assert matches(matching)
    assert not matches(other)
