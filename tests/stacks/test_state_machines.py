"""The state machines: what each state must have, where each path ends, and what the requests of their tasks say."""

import json
from typing import Any

import pytest

from config.settings import load_environment
from ml.use_case import load_use_case
from tests.machines import State, TaskError, Walk, following, tasks
from tests.stacks.assembly import ENVIRONMENTS, environment
from tests.stacks.definitions import actions, definition, faults
from tests.stacks.policies import ACCOUNT, REGION, Account, allows, as_list

LAKE = f"mlops-dev-lake-{ACCOUNT}-{REGION}"
MACHINES = ("training", "release", "approval", "monitoring")
machines = pytest.mark.parametrize("machine", MACHINES)
environments = pytest.mark.parametrize("name", ENVIRONMENTS)
RUN = "200608-0123456789"
DECISION = {
    "accepted": True,
    "status": "Approved",
    "winner": "xgboost",
    "version": "200608-abcdef0123",
    "champion": None,
    "accuracy": 0.91,
    "macro_f1": 0.88,
    "class_precision_minimum": 0.8,
    "reason": "accuracy 0.91 reaches the required 0.80.",
}
GOOD: dict[str, Any] = {
    "Resolve the run": {
        "Payload": {"status": "go", "reason": "2 files", "run": RUN, "champion": None, "files": 2, "new_files": 2}
    },
    "Commit the weeks": {"Payload": {"weeks": [200608]}},
    "Decide": {"Payload": DECISION},
    "Register the version": {
        "Payload": {"version": DECISION["version"], "package": "arn:package", "status": "Approved"}
    },
}


CHOSEN = {"status": "go", "reason": "2 files", "day": "2026-03-02", "captured": 2, "labels": 1, "weeks": [200608]}
LOOKED: dict[str, Any] = {
    "Choose what to look at": {"Payload": CHOSEN},
    "Publish the models' figures": {"Payload": {"metrics": 3, "version": "v1", "reason": "the alarms look at v1"}},
}


def walked(machine: str, answers: dict[str, Any], **event: Any) -> tuple[str, Walk]:
    walk = Walk(definition(machine), GOOD | LOOKED | answers, event)
    return walk.run(), walk


@machines
@environments
def test_every_task_has_a_limit_another_try_with_jitter_and_a_way_out(machine: str, name: str) -> None:
    for title, state in tasks(definition(machine, name)).items():
        assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], title
        if state["Type"] == "Task":
            assert 0 < state["TimeoutSeconds"] <= 24 * 3600, title
            assert state["Retry"], title
            assert {each["JitterStrategy"] for each in state["Retry"]} == {"FULL"}, title


@machines
def test_a_function_that_met_a_busy_service_is_called_again(machine: str) -> None:
    for title, state in tasks(definition(machine)).items():
        if state.get("Resource") == "arn:aws:states:::lambda:invoke":
            assert any("ServiceBusyError" in each["ErrorEquals"] for each in state["Retry"]), title


@machines
def test_every_state_says_what_it_is_for_and_can_be_reached(machine: str) -> None:
    def check(states: dict[str, State], first: str) -> None:
        reached, ahead = set(), [first]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += following(states[name])
        assert reached == set(states)
        for name, state in states.items():
            assert state["Comment"], name
            assert len(name) <= 80
            if state["Type"] == "Map":
                check(state["ItemProcessor"]["States"], state["ItemProcessor"]["StartAt"])

    check(definition(machine)["States"], definition(machine)["StartAt"])


@machines
def test_no_path_ends_without_a_recorded_outcome(machine: str) -> None:
    states = definition(machine)["States"]
    records = {name for name, state in states.items() if str(state.get("Resource", "")).endswith("s3:putObject")}
    reached, ahead = set(), [definition(machine)["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name in reached or name in records:
            continue
        reached.add(name)
        ahead += following(states[name])
    assert [name for name in reached if states[name]["Type"] in {"Succeed", "Fail"}] == []


def test_a_good_run_ends_registered_and_somebody_is_told_once() -> None:
    end, walk = walked("training", {}, trigger="data", at="2026-03-02T09:59:00Z")
    assert end == "Registered"
    assert walk.states[:3] == ["Begin", "Did new data start this?", "Wait until uploads settle"]
    assert len(walk.given["Train one candidate"]) == 5
    outcome = walk.given["Record the registration"][0]
    assert outcome["Key"] == f"artifacts/runs/{RUN}/outcome.json"
    assert json.loads(outcome["Body"])["version"] == DECISION["version"]
    assert [name for name in walk.states if name.startswith("Tell")] == ["Tell of the registration"]


def test_by_hand_nothing_is_waited_for_and_no_object_is_named() -> None:
    _, walk = walked("training", {})
    assert "Wait until uploads settle" not in walk.states
    assert walk.given["Resolve the run"][0]["Payload"]["object_at"] is None


def test_without_new_files_the_etl_is_left_out() -> None:
    resolved = {"Payload": {**GOOD["Resolve the run"]["Payload"], "new_files": 0}}
    end, walk = walked("training", {"Resolve the run": resolved})
    assert end == "Registered"
    assert "Validate and refine" not in walk.states


@pytest.mark.parametrize("status", ["superseded", "running", "done", "nothing"])
def test_a_run_that_is_somebody_elses_is_recorded_and_ends_well(status: str) -> None:
    resolved = {
        "Payload": {"status": status, "reason": "why", "run": None, "champion": None, "files": 0, "new_files": 0}
    }
    end, walk = walked("training", {"Resolve the run": resolved})
    assert end == "Nothing to do"
    record = walk.given["Record that nothing was to do"][0]
    assert record["Key"] == "artifacts/audit/2026-03-02/training-an-execution.json"
    assert json.loads(record["Body"]) == {"outcome": status, "reason": "why", "run": None}


def _inputs(walk: Walk, state: str) -> dict[str, str]:
    (request,) = walk.given[state]
    return {each["InputName"]: each["S3Input"]["S3Uri"] for each in request["ProcessingInputs"]}


def test_refined_weeks_are_fed_before_they_count_as_refined_and_by_the_one_job_that_reaches_aws() -> None:
    _, walk = walked("training", {})
    at = walk.states.index("Feed the feature store")
    assert walk.states[at - 1 : at + 2] == ["Validate and refine", "Feed the feature store", "Commit the weeks"]
    (job,) = walk.given["Feed the feature store"]
    assert job["AppSpecification"]["ContainerArguments"] == ["feed", "--to", "featuregroup://mlops-dev-baskets"]
    assert _inputs(walk, "Feed the feature store") == {
        "gold": f"s3://{LAKE}/gold/",
        "run": f"s3://{LAKE}/artifacts/runs/{RUN}/identity/",
        "refined": f"s3://{LAKE}/artifacts/runs/{RUN}/validation/",
    }
    reaching = [
        name
        for name, requests in walk.given.items()
        for request in requests
        if not request.get("NetworkConfig", {"EnableNetworkIsolation": True})["EnableNetworkIsolation"]
    ]
    assert reaching == ["Feed the feature store"]
    assert job["Environment"] == {"AWS_REGION": REGION}
    assert len({job["RoleArn"], walk.given["Validate and refine"][0]["RoleArn"]}) == 2


def test_a_feed_that_failed_is_tried_again_and_then_the_weeks_stay_new() -> None:
    state = definition("training")["States"]["Feed the feature store"]
    (again,) = [each for each in state["Retry"] if "States.TaskFailed" in each["ErrorEquals"]]
    assert again["MaxAttempts"] == 2
    end, walk = walked("training", {"Feed the feature store": TaskError("States.TaskFailed", "ThrottlingException")})
    assert end == "Failed"
    assert "Commit the weeks" not in walk.states


def test_as_of_a_time_features_come_from_the_store_and_the_lake_is_left_alone() -> None:
    resolved = {"Payload": {**GOOD["Resolve the run"]["Payload"], "new_files": 0}}
    time = "2026-02-01T00:00:00Z"
    end, walk = walked("training", {"Resolve the run": resolved}, trigger="person", as_of=time)
    assert (end, faults(walk)) == ("Registered", [])
    assert walk.given["Resolve the run"][0]["Payload"]["as_of"] == time
    assert not {"Validate and refine", "Feed the feature store", "Commit the weeks"} & set(walk.states)
    read = "Read the features as of the time"
    assert walk.given[read][0]["AppSpecification"]["ContainerArguments"] == ["as-of", "--time", time]
    (group,) = Account(environment("dev")).properties("AWS::SageMaker::FeatureGroup", component="data-lake").values()
    assert _inputs(walk, read) == {
        "offline": group["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] + "/",
        "products": f"s3://{LAKE}/gold/products/",
    }
    gold = f"s3://{LAKE}/artifacts/runs/{RUN}/gold"
    (output,) = walk.given[read][0]["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == gold
    assert _inputs(walk, "Fit the encoders")["gold"] == f"{gold}/"
    assert _inputs(walk, "Evaluate candidates and champion")["gold"] == f"{gold}/"
    assert "manifests" not in _inputs(walk, "Evaluate candidates and champion")
    for request in walk.given["Train one candidate"]:
        assert request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == f"{gold}/"


def test_without_a_time_gold_is_the_lakes() -> None:
    _, walk = walked("training", {})
    assert walk.given["Resolve the run"][0]["Payload"]["as_of"] is None
    assert "Read the features as of the time" not in walk.states
    for state in ("Fit the encoders", "Evaluate candidates and champion"):
        assert _inputs(walk, state)["gold"] == f"s3://{LAKE}/gold/"
    assert "manifests" in _inputs(walk, "Evaluate candidates and champion")
    for request in walk.given["Train one candidate"]:
        assert request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == f"s3://{LAKE}/gold/"


def test_the_feeding_job_may_put_records_into_its_group_and_no_more() -> None:
    account = Account(environment("dev"))
    feeding = account.of_role("FeedJobRole", component="pipeline")
    group = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group"
    runs = f"arn:aws:s3:::{LAKE}/artifacts/runs/{RUN}"
    (key,) = [
        resource
        for each in feeding
        if "kms:Decrypt" in as_list(each["Action"])
        for resource in as_list(each["Resource"])
        if ":kms:" in resource and each["Action"] == "kms:Decrypt"
    ]
    for action in ("sagemaker:BatchWriteRecord", "sagemaker:PutRecord"):
        assert allows(feeding, action, f"{group}/mlops-dev-baskets")
    assert allows(feeding, "kms:Decrypt", key, kms__ViaService=f"sagemaker.{REGION}.amazonaws.com")
    assert not allows(feeding, "kms:Decrypt", key)
    assert allows(feeding, "s3:GetObject", f"arn:aws:s3:::{LAKE}/gold/baskets/shop_week=200608/part-0.parquet")
    assert allows(feeding, "s3:PutObject", f"{runs}/fed/feed.json")
    for action, resource in (
        ("sagemaker:BatchWriteRecord", f"{group}/mlops-prod-baskets"),
        ("sagemaker:BatchWriteRecord", f"{group}/mlops-dev-baskets-2"),
        ("sagemaker:PutRecord", f"{group}/mlops-prod-baskets"),
        ("sagemaker:PutRecord", f"{group}/mlops-dev-baskets-2"),
        ("sagemaker:BatchGetRecord", f"{group}/mlops-dev-baskets"),
        ("sagemaker:GetRecord", f"{group}/mlops-dev-baskets"),
        ("sagemaker:DeleteRecord", f"{group}/mlops-dev-baskets"),
        ("sagemaker:UpdateFeatureGroup", f"{group}/mlops-dev-baskets"),
        ("s3:PutObject", f"arn:aws:s3:::{LAKE}/gold/baskets/shop_week=200608/part-0.parquet"),
        ("s3:PutObject", f"{runs}/identity/run.json"),
        ("s3:GetObject", f"arn:aws:s3:::{LAKE}/raw/transactions_200608.csv"),
        ("s3:GetObject", f"arn:aws:s3:::{LAKE}/features/baskets/data.parquet"),
    ):
        assert not allows(feeding, action, resource), (action, resource)
    for role in ("ProcessingJobRole", "TrainingJobRole", "MonitoringJobRole"):
        others = account.of_role(role, component="pipeline")
        for action in ("sagemaker:BatchWriteRecord", "sagemaker:PutRecord"):
            assert not allows(others, action, f"{group}/mlops-dev-baskets"), (role, action)


def test_features_as_of_a_time_are_read_by_processing_and_their_gold_by_training() -> None:
    account = Account(environment("dev"))
    record = f"arn:aws:s3:::{LAKE}/features/baskets/{ACCOUNT}/sagemaker/x/data/year=2026/a.parquet"
    gold = f"arn:aws:s3:::{LAKE}/artifacts/runs/{RUN}/gold/baskets/shop_week=200608/part-0.parquet"
    processing = account.of_role("ProcessingJobRole", component="pipeline")
    training = account.of_role("TrainingJobRole", component="pipeline")
    assert allows(processing, "s3:GetObject", record)
    assert not allows(processing, "s3:PutObject", record)
    assert allows(processing, "s3:PutObject", gold)
    assert allows(training, "s3:GetObject", gold)
    assert not allows(training, "s3:PutObject", gold)
    assert not allows(training, "s3:GetObject", record)


def test_a_weak_candidate_is_a_decision_not_an_error() -> None:
    rejected = {"Payload": {**DECISION, "accepted": False, "status": "Rejected"}}
    end, walk = walked("training", {"Decide": rejected})
    assert end == "Rejected"
    assert json.loads(walk.given["Record the rejection"][0]["Body"])["outcome"] == "rejected"
    assert "Register the version" not in walk.states


@pytest.mark.parametrize(
    "state", [*GOOD, "Validate and refine", "Feed the feature store", "Fit the encoders", "Train one candidate"]
)
def test_a_failure_anywhere_is_recorded_once_told_once_and_registers_nothing(state: str) -> None:
    end, walk = walked("training", {state: TaskError("States.TaskFailed", "transactions_200608.csv: row 3")})
    assert end == "Failed"
    assert [name for name in walk.states if "Record" in name] == ["Record the failure"]
    record = json.loads(walk.given["Record the failure"][0]["Body"])
    assert record["outcome"] == "failed"
    assert record["error"]["Cause"] == "transactions_200608.csv: row 3"
    (told,) = walk.given["Tell of the failure"]
    assert "row 3" in told["Message"]


def test_a_failure_that_cannot_even_be_recorded_is_still_told() -> None:
    failed, denied = TaskError("FlowError", "row 3"), TaskError("S3.AccessDenied", "not this")
    end, walk = walked("training", {"Decide": failed, "Record the failure": denied})
    assert end == "Failed"
    assert walk.states[-2:] == ["Tell of the failure", "Failed"]
    (told,) = walk.given["Tell of the failure"]
    assert "FlowError" in told["Message"]
    assert "row 3" in told["Message"]


@pytest.mark.parametrize("champion", [None, "200607-aaaaaaaaaa"])
def test_the_requests_of_all_tasks_are_what_aws_takes(champion: str | None) -> None:
    resolved = {"Payload": {**GOOD["Resolve the run"]["Payload"], "champion": champion}}
    found = set()
    for answers in ({}, {"Decide": {"Payload": {**DECISION, "accepted": False}}}, {"Decide": TaskError("A")}):
        _, walk = walked("training", {"Resolve the run": resolved} | answers)
        assert faults(walk) == []
        found |= actions(walk)
        for request in walk.given.get("Train one candidate", []):
            assert len(request["TrainingJobName"]) <= 63
            assert "_" not in request["TrainingJobName"]
    assert found == {
        "lambda:Invoke",
        "s3:PutObject",
        "sns:Publish",
        "stepfunctions:StartExecution",
        "sagemaker:CreateProcessingJob",
        "sagemaker:CreateTrainingJob",
    }


def test_evaluation_gets_the_champion_where_there_is_one() -> None:
    def names(champion: str | None) -> list[str]:
        resolved = {"Payload": {**GOOD["Resolve the run"]["Payload"], "champion": champion}}
        _, walk = walked("training", {"Resolve the run": resolved})
        return [each["InputName"] for each in walk.given["Evaluate candidates and champion"][0]["ProcessingInputs"]]

    assert names("200607-aaaaaaaaaa") == [*names(None), "champion"]


def test_the_machine_may_make_these_requests_and_no_others() -> None:
    role = Account(environment("dev")).of_role("TrainingMachineRole", component="pipeline")
    sagemaker = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    assert allows(role, "sagemaker:CreateTrainingJob", f"{sagemaker}:training-job/mlops-dev-x")
    assert not allows(role, "sagemaker:CreateTrainingJob", f"{sagemaker}:training-job/mlops-prod-x")
    assert not allows(role, "sagemaker:CreateModelPackage", f"{sagemaker}:model-package/mlops-dev-models/1")
    assert allows(role, "s3:PutObject", f"arn:aws:s3:::{LAKE}/artifacts/runs/{RUN}/outcome.json")
    assert not allows(role, "s3:PutObject", f"arn:aws:s3:::{LAKE}/artifacts/registry/price_sensitivity/champion.json")
    assert not allows(role, "s3:GetObject", f"arn:aws:s3:::{LAKE}/raw/transactions_200608.csv")
    assert not allows(role, "sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:other")


# ---- monitoring ---------------------------------------------------------------------------------------------


def test_new_weeks_are_followed_by_a_look_that_the_training_does_not_wait_for() -> None:
    end, walk = walked("training", {})
    (started,) = walk.given["Look at the models that serve"]
    assert started["StateMachineArn"] == f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:mlops-dev-monitoring"
    assert json.loads(started["Input"]) == {"trigger": "an-execution"}
    assert end == "Registered"
    end, walk = walked("training", {"Look at the models that serve": TaskError("Sfn.ThrottlingException")})
    assert end == "Registered"
    assert "Record the failure" not in walk.states


def test_a_look_is_judged_published_and_recorded() -> None:
    end, walk = walked("monitoring", {})
    assert end == "Looked"
    assert faults(walk) == []
    assert actions(walk) == {"lambda:Invoke", "s3:PutObject", "sagemaker:CreateProcessingJob"}
    (job,) = walk.given["Judge the models"]
    assert len(job["ProcessingJobName"]) <= 63
    place = f"s3://{LAKE}/artifacts/monitoring/2026-03-02"
    inputs = {each["InputName"]: each["S3Input"] for each in job["ProcessingInputs"]}
    assert {name: each["S3Uri"] for name, each in inputs.items()} == {
        "captured": f"{place}/captured.manifest",
        "labels": f"{place}/labels.manifest",
        "reference": f"s3://{LAKE}/artifacts/models/",
    }
    assert {name: each["S3DataType"] for name, each in inputs.items()} == {
        "captured": "ManifestFile",
        "labels": "ManifestFile",
        "reference": "S3Prefix",
    }
    (output,) = job["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == place
    assert job["AppSpecification"]["ContainerArguments"] == ["monitor"]
    assert walk.given["Publish the models' figures"][0]["Payload"] == {
        "at": "2026-03-02T10:00:00.000Z",
        "day": "2026-03-02",
    }
    (record,) = walk.given["Record the look"]
    assert record["Key"] == "artifacts/audit/2026-03-02/monitoring-an-execution.json"
    assert json.loads(record["Body"]) | {"chosen": {}} == {
        "outcome": "looked",
        "chosen": {},
        "published": LOOKED["Publish the models' figures"]["Payload"],
        "report": place,
    }


def test_a_look_reaches_back_to_labels_that_come_a_week_late() -> None:
    _, walk = walked("monitoring", {})
    weeks = walk.given["Choose what to look at"][0]["Payload"]["weeks"]
    assert weeks == load_use_case("price_sensitivity").monitoring.most_weeks + 2


def test_without_captured_predictions_no_job_runs_and_the_delivery_figures_still_go_out() -> None:
    chosen = {"Payload": {**CHOSEN, "status": "nothing", "reason": "no predictions were captured"}}
    end, walk = walked("monitoring", {"Choose what to look at": chosen})
    assert end == "Nothing to look at"
    assert "Publish the delivery figures" in walk.states
    assert not {"Judge the models", "Publish the models' figures"} & set(walk.states)
    assert json.loads(walk.given["Record that there was nothing"][0]["Body"])["chosen"] == chosen["Payload"]


@pytest.mark.parametrize("state", ["Publish the delivery figures", *LOOKED, "Judge the models"])
def test_a_look_that_fails_is_recorded_and_told_once(state: str) -> None:
    end, walk = walked("monitoring", {state: TaskError("States.TaskFailed", "captured: too many lines are refused")})
    assert end == "Failed"
    assert json.loads(walk.given["Record the failure"][0]["Body"])["day"] == "2026-03-02"
    (told,) = walk.given["Tell of the failure"]
    assert "mlops-dev-monitoring" in told["Message"]
    assert "too many lines" in told["Message"]


def test_the_monitoring_machine_and_its_job_may_do_this_and_no_more() -> None:
    account = Account(environment("dev"))
    machine = account.of_role("MonitoringMachineRole", component="pipeline")
    assert allows(machine, "s3:PutObject", f"arn:aws:s3:::{LAKE}/artifacts/audit/2026-03-02/monitoring-x.json")
    assert not allows(machine, "s3:PutObject", f"arn:aws:s3:::{LAKE}/artifacts/audit/2026-03-02/released-x.json")
    assert not allows(machine, "s3:GetObject", f"arn:aws:s3:::{LAKE}/captured/2026/03/02/x.jsonl.gz")
    job = account.of_role("MonitoringJobRole", component="pipeline")
    assert allows(job, "s3:GetObject", f"arn:aws:s3:::{LAKE}/captured/2026/03/02/x.jsonl.gz")
    assert allows(job, "s3:PutObject", f"arn:aws:s3:::{LAKE}/artifacts/monitoring/2026-03-02/monitoring.json")
    assert not allows(job, "s3:PutObject", f"arn:aws:s3:::{LAKE}/captured/2026/03/02/x.jsonl.gz")
    assert not allows(job, "s3:GetObject", f"arn:aws:s3:::{LAKE}/raw/transactions_200608.csv")
    training = account.of_role("TrainingMachineRole", component="pipeline")
    machines = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine"
    assert allows(training, "states:StartExecution", f"{machines}:mlops-dev-monitoring")
    assert not allows(training, "states:StartExecution", f"{machines}:mlops-dev-training")


@pytest.mark.parametrize(
    ("role", "namespace"), [("PublishMetrics", "MLOps/Model"), ("DeliveryMetrics", "MLOps/Delivery")]
)
def test_a_function_publishes_to_its_own_namespace_only(role: str, namespace: str) -> None:
    statements = Account(environment("dev")).of_role(f"Functions{role}Role", component="pipeline")
    assert allows(statements, "cloudwatch:PutMetricData", "*", cloudwatch__namespace=namespace)
    assert not allows(statements, "cloudwatch:PutMetricData", "*", cloudwatch__namespace="MLOps/Inference")


@environments
def test_the_look_is_started_daily_and_delivery_is_measured_when_something_ended(name: str) -> None:
    account = Account(environment(name))
    (daily,) = [
        each
        for each in account.properties("AWS::Scheduler::Schedule", component="pipeline").values()
        if each["Name"] == f"mlops-{name}-monitoring-daily"
    ]
    assert daily["ScheduleExpression"] == load_environment(name).flow.monitoring_schedule
    assert daily["Target"]["Arn"].endswith(f"stateMachine:mlops-{name}-monitoring")
    rules = {
        each["Name"].removeprefix(f"mlops-{name}-"): each
        for each in account.properties("AWS::Events::Rule", component="pipeline").values()
    }
    ended = rules["release-ended"]
    assert [each["wildcard"] for each in ended["EventPattern"]["detail"]["object"]["key"]] == [
        "artifacts/audit/*/released-*.json",
        "artifacts/audit/*/rolled-back-*.json",
    ]
    for each in (ended, rules["training-ended"]):
        (target,) = each["Targets"]
        assert target["InputTransformer"]["InputTemplate"] == '{"at": <at>}'
        assert "DeliveryMetrics" in target["Arn"]
    allowed = account.properties("AWS::Lambda::Permission", component="pipeline").values()
    assert {each["Principal"] for each in allowed if "DeliveryMetrics" in each["FunctionName"]} == {
        "events.amazonaws.com"
    }
