"""Tasks are done as the machine's role, and fail by the names that AWS gives to errors."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.world import World
from tests.rehearsal.jobs_world import BUCKET, Roles
from tests.rehearsal.machines.conftest import Machines

SDK = "arn:aws:states:::aws-sdk"
EVERYWHERE = "*"


def task(resource: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True, **more}


def allow(*actions: str, on: str = EVERYWHERE) -> dict[str, Any]:
    return {"Action": list(actions), "Resource": on}


def test_a_function_is_called_and_its_own_error_can_be_told_from_others(machines: Machines, function: str) -> None:
    call = task("arn:aws:states:::lambda:invoke", {"FunctionName": function, "Payload": "{% $states.input %}"})
    may = allow("lambda:InvokeFunction", on=function)

    heard = machines.run({"Call": call}, may, word="hello")
    failed = machines.run({"Call": call}, may, fail="no")

    assert json.loads(heard["output"])["Payload"] == {"heard": {"word": "hello"}}
    assert failed["error"] == "ValueError"
    assert json.loads(failed["cause"])["errorMessage"] == "no"


def test_what_the_role_may_not_do_fails_and_names_the_action(world: World, machines: Machines, function: str) -> None:
    topic = world.client("sns").create_topic(Name="alerts")["TopicArn"]
    other = machines.make({"End": {"Type": "Succeed"}})
    call = task("arn:aws:states:::lambda:invoke", {"FunctionName": function, "Payload": {}})
    put = task(f"{SDK}:s3:putObject", {"Bucket": BUCKET, "Key": "k", "Body": "{}"})
    tell = task(f"{SDK}:sns:publish", {"TopicArn": topic, "Message": "m"})
    start = task(f"{SDK}:sfn:startExecution", {"StateMachineArn": other})
    look = task(f"{SDK}:sagemaker:listModelPackageGroups", {})

    refused = {name: machines.run({"Do": state}) for name, state in locals().items() if isinstance(state, dict)}

    assert {name: each["error"] for name, each in refused.items()} == {
        "call": "Lambda.AWSLambdaException",
        "put": "S3.S3Exception",
        "tell": "Sns.AuthorizationErrorException",
        "start": "Sfn.SfnException",
        "look": "SageMaker.SageMakerException",
    }
    actions = {
        "call": "lambda:InvokeFunction",
        "put": "s3:PutObject",
        "tell": "SNS:Publish",
        "start": "states:StartExecution",
        "look": "sagemaker:ListModelPackageGroups",
    }
    for name, action in actions.items():
        assert action.lower() in refused[name]["cause"].lower(), refused[name]
        assert ":assumed-role/machine-" in refused[name]["cause"]


def test_what_the_role_may_do_is_done(world: World, machines: Machines) -> None:
    s3, key = world.client("s3"), f"records/{uuid.uuid4()}.json"
    other = machines.make({"End": {"Type": "Succeed"}})
    body = "{% $string({'at': $states.context.Execution.Name}) %}"
    states = {
        "Put": task(f"{SDK}:s3:putObject", {"Bucket": BUCKET, "Key": key, "Body": body}, End=False, Next="Start"),
        "Start": task(
            f"{SDK}:sfn:startExecution", {"StateMachineArn": other, "Input": "{% $string({'a': 1}) %}"}, Next="Look"
        ),
        "Look": task(f"{SDK}:cloudwatch:describeAlarms", {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}),
    }
    for name in ("Put", "Start"):
        states[name].pop("End")

    done = machines.run(
        states,
        allow("s3:PutObject", on=f"arn:aws:s3:::{BUCKET}/records/*"),
        allow("states:StartExecution", on=other),
        allow("cloudwatch:DescribeAlarms"),
    )

    assert done["status"] == "SUCCEEDED", done
    assert json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())["at"] == done["name"]
    [started] = world.client("stepfunctions").list_executions(stateMachineArn=other)["executions"]
    assert machines.end(started["executionArn"])["input"] == '{"a":1}'


def test_times_and_names_come_as_step_functions_spells_them(world: World, machines: Machines, sagemaker: Any) -> None:
    sagemaker.create_model_package_group(ModelPackageGroupName="spelled")
    package = sagemaker.create_model_package(
        ModelPackageGroupName="spelled", CustomerMetadataProperties={"version": "v1", "macro_f1": "0.9"}
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    state = task(f"{SDK}:sagemaker:describeModelPackage", {"ModelPackageName": package})

    done = machines.run({"Describe": state}, allow("sagemaker:DescribeModelPackage", on=package))

    result = json.loads(done["output"])
    assert result["CustomerMetadataProperties"] == {"version": "v1", "macro_f1": "0.9"}
    assert result["LastModifiedBy"]["IamIdentity"]["Arn"].endswith(":user/administrator")
    assert result["CreationTime"].endswith("Z")
    assert "ResponseMetadata" not in result


@pytest.mark.parametrize(
    ("resource", "arguments", "named"),
    [
        (f"{SDK}:s3:putObject", {"Bucket": BUCKET, "Keys": "k"}, "Keys: unknown"),
        (f"{SDK}:sns:publish", {"TopicArn": "t"}, "Message: required and missing"),
        (f"{SDK}:sfn:startExecution", {"StateMachineArn": 7}, "stateMachineArn: 7 is no string"),
        ("arn:aws:states:::sagemaker:createTrainingJob.sync", {"TrainingJobNam": "x"}, "TrainingJobNam: unknown"),
        ("arn:aws:states:::lambda:invoke", {"FunctionName": "f", "payload": {}}, '"payload" is not supported'),
        (f"{SDK}:s3:putObjects", {}, "AWS has no such action"),
    ],
)
def test_a_wrong_parameter_ends_the_execution_past_its_catch(
    machines: Machines, resource: str, arguments: dict[str, Any], named: str
) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    states = {"Do": task(resource, arguments, Catch=catch), "Caught": {"Type": "Succeed"}}

    failed = machines.run(states, allow("*"))

    assert (failed["status"], failed["error"]) == ("FAILED", "States.Runtime")
    assert named in failed["cause"]


def test_a_role_that_does_not_trust_step_functions_can_do_nothing(
    world: World, roles: Roles, machines: Machines
) -> None:
    stranger = roles.make("stranger", allow("s3:*"), service="lambda.amazonaws.com")
    state = task(f"{SDK}:s3:putObject", {"Bucket": BUCKET, "Key": "k"})
    arn = machines.make({"Put": state})
    world.client("stepfunctions").update_state_machine(stateMachineArn=arn, roleArn=stranger)

    failed = machines.end(machines.start(arn))

    assert "not authorized to perform: sts:AssumeRole" in failed["cause"]


def test_another_try_is_made_as_often_as_the_state_says_and_then_the_error_is_caught(machines: Machines) -> None:
    retry = {"ErrorEquals": ["S3.S3Exception"], "IntervalSeconds": 1, "MaxAttempts": 2, "JitterStrategy": "FULL"}
    states = {
        "Put": task(
            f"{SDK}:s3:putObject",
            {"Bucket": BUCKET, "Key": "k"},
            Retry=[{**retry, "BackoffRate": 2, "MaxDelaySeconds": 1}],
            Catch=[{"ErrorEquals": ["States.ALL"], "Assign": {"why": "{% $states.errorOutput %}"}, "Next": "Caught"}],
        ),
        "Caught": {"Type": "Succeed", "Output": "{% $why.Error %}"},
    }
    execution = machines.start(machines.make(states))

    done = machines.end(execution)

    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", "S3.S3Exception")
    assert [each["type"] for each in machines.history(execution)].count("TaskFailed") == 3


def test_variables_are_set_by_the_values_from_before_the_state(machines: Machines) -> None:
    states = {
        "One": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "Two"},
        "Two": {"Type": "Pass", "Assign": {"a": "{% $b %}", "b": "{% $a %}"}, "Next": "Three"},
        "Three": {"Type": "Pass", "Output": "{% [$a, $b] %}", "End": True},
    }

    assert json.loads(machines.run(states)["output"]) == [2, 1]


def test_a_machine_that_takes_too_long_is_ended(machines: Machines) -> None:
    arn = machines.make({"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}, TimeoutSeconds=1)

    ended = machines.end(machines.start(arn))

    assert (ended["status"], ended["error"]) == ("TIMED_OUT", "States.Timeout")


def test_the_role_is_not_the_one_who_started_it(roles: Roles, machines: Machines) -> None:
    arn = machines.make({"End": {"Type": "Succeed"}})
    nobody = roles.client("stepfunctions", "nobody")

    with pytest.raises(ClientError, match=r"AccessDenied.*states:StartExecution"):
        nobody.start_execution(stateMachineArn=arn)


def test_a_function_whose_process_was_killed_says_so_and_answers_the_next_time(
    machines: Machines, function: str
) -> None:
    call = task("arn:aws:states:::lambda:invoke", {"FunctionName": function, "Payload": "{% $states.input %}"})
    may = allow("lambda:InvokeFunction", on=function)

    died = machines.run({"Call": call}, may, die=True)
    heard = machines.run({"Call": call}, may, word="hello")

    assert died["error"] == "Runtime.ExitError"
    assert heard["status"] == "SUCCEEDED"
