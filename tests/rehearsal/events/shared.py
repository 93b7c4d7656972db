"""What the tests of events need of an account: machines that only pass, roles, queues that services may send to."""

import json
import time
from collections.abc import Callable
from typing import Any

from rehearsal.world import World

SECONDS = 20


def until(look: Callable[[], Any]) -> Any:
    """Return what ``look`` returns, once it is something."""
    end = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


def role(world: World, name: str, *, service: str, source: str | None = None, **statement: Any) -> str:
    """Make a role that a service may have for ``source``, with one statement."""
    iam = world.client("iam")
    condition = {"Condition": {"StringEquals": {"aws:SourceArn": source}}} if source else {}
    trust = policy(Action="sts:AssumeRole", Principal={"Service": f"{service}.amazonaws.com"}, **condition)
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    if statement:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(**statement))
    return arn


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def machine(world: World, name: str) -> str:
    """Make a state machine that ends with its input."""
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    states = world.client("stepfunctions")
    own = role(world, f"{name}-machine", service="states")
    arn: str = states.create_state_machine(name=name, definition=definition, roleArn=own)["stateMachineArn"]
    return arn


def inputs(world: World, machine_arn: str) -> list[Any]:
    """Return the inputs of a machine's executions, the newest first."""
    states = world.client("stepfunctions")
    found = states.list_executions(stateMachineArn=machine_arn)["executions"]
    return [json.loads(states.describe_execution(executionArn=each["executionArn"])["input"]) for each in found]


def queue(world: World, name: str, *, service: str) -> tuple[str, str]:
    """Make a queue that a service may send to; return its address and its ARN."""
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = policy(Action="sqs:SendMessage", Principal={"Service": f"{service}.amazonaws.com"}, Resource=arn)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": allowed})
    return url, arn


def messages(world: World, url: str) -> list[Any]:
    """Take what a queue has."""
    sqs = world.client("sqs")
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for each in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return [json.loads(each["Body"]) for each in found]
