"""The functions of a training: which run it is, what the ETL left, what the gate says, and the version."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.commit_weeks.handler import Commit, commit_weeks
from lambdas.common.errors import FlowError
from lambdas.common.runs import RunFolder
from lambdas.common.training import TrainingTools
from lambdas.decide.handler import Decide, decide
from lambdas.register.handler import Register, register
from lambdas.resolve_run.handler import Resolve, Resolved, resolve_run
from tests.flow import BUCKET, USE_CASE, Watch, clients, watching
from tests.trainings import AT, RUN, TrainingAccount, archive, evaluated, tools, training_account


class StoppedError(Exception):
    """The process died here."""


@pytest.fixture
def lake() -> Iterator[TrainingAccount]:
    with training_account() as found:
        yield found


def _resolve(
    execution: str,
    *,
    object_at: datetime | None = None,
    as_of: datetime | None = None,
    at: datetime = AT,
    **changes: Any,
) -> Resolved:
    return resolve_run(Resolve(execution=execution, at=at, object_at=object_at, as_of=as_of), tools(**changes))


def _end(lake: TrainingAccount, execution: str) -> None:
    lake.stepfunctions.stop_execution(executionArn=execution)


def test_a_run_is_named_by_its_last_week_and_lists_what_is_new(lake: TrainingAccount) -> None:
    keys = [lake.upload(200607), lake.upload(200608)]
    found = _resolve(lake.start("one"))
    assert (found.status, found.files, found.new_files) == ("go", 2, 2)
    assert found.run is not None
    assert found.run.startswith("200608-")
    folder = RunFolder(tools().objects, found.run)
    described = folder.read_description()
    assert described.new == tuple(keys)
    assert described.objects["transactions_200607.csv"]["uri"] == f"s3://{BUCKET}/{keys[0]}"
    assert described.objects["transactions_200607.csv"]["version_id"]
    manifest = lake.s3.get_object(Bucket=BUCKET, Key=folder.manifest)["Body"].read()
    assert manifest.decode().split() == f'[ {{ "prefix": "s3://{BUCKET}/" }}, "{keys[0]}", "{keys[1]}" ]'.split()


def test_the_same_data_settings_and_code_give_the_same_run_and_others_another(lake: TrainingAccount) -> None:
    lake.upload(200607)
    execution = lake.start("one")
    run = _resolve(execution).run
    assert _resolve(execution).run == run
    assert _resolve(execution, fingerprint="jobs:2").run != run
    lake.upload(200607, b"other lines")
    assert _resolve(execution).run != run


def test_one_execution_does_a_run_and_another_waits_for_it_or_finds_it_done(lake: TrainingAccount) -> None:
    lake.upload(200607)
    first, second = lake.start("one"), lake.start("two")
    assert _resolve(first).status == "go"
    again = _resolve(second)
    assert again.status in {"running", "done"}
    assert "one" in again.reason
    assert _resolve(first).status == "go", "a retry of the same execution goes on"


def test_a_run_whose_execution_was_stopped_is_taken_over(lake: TrainingAccount) -> None:
    lake.upload(200607)
    first, second, third = lake.start("one"), lake.start("two"), lake.start("three")
    _resolve(first)
    _end(lake, first)
    assert _resolve(second).status == "go"
    assert _resolve(third).status == "running"


def test_an_execution_ends_where_a_file_came_after_its_own(lake: TrainingAccount) -> None:
    lake.upload(200607)
    execution = lake.start("one")
    now = datetime.now(UTC)
    superseded = _resolve(execution, object_at=now - timedelta(minutes=5))
    assert (superseded.status, superseded.run) == ("superseded", None)
    assert "transactions_200607.csv" in superseded.reason
    assert _resolve(execution, object_at=now + timedelta(seconds=2)).status == "go"


def test_as_of_a_time_the_run_is_made_of_the_versions_of_then_and_refines_nothing(lake: TrainingAccount) -> None:
    keys = [lake.upload(200607, b"as it came"), lake.upload(200608)]
    current = _resolve(lake.start("one"))
    assert current.run is not None
    first = {each.key: each for each in RunFolder(tools().objects, current.run).read_description().raw}
    assert all(each.came_at <= datetime.now(UTC) for each in first.values())
    time.sleep(1.1)  # S3 keeps whole seconds.
    lake.upload(200607, b"corrected")
    lake.upload(200609)
    then = max(each.came_at for each in first.values())
    later = datetime.now(UTC) + timedelta(minutes=1)

    found = _resolve(lake.start("two"), as_of=then, at=later)
    assert (found.status, found.files, found.new_files) == ("go", 2, 0)
    assert found.run is not None
    assert found.run.startswith("200608-")
    assert found.run != current.run, "its features come from elsewhere"
    described = RunFolder(tools().objects, found.run).read_description()
    assert (described.as_of, described.new) == (then, ())
    assert {each.key: each for each in described.raw} == first
    assert [each.key for each in described.raw] == keys
    assert _resolve(lake.start("three"), as_of=then, at=later).status in {"running", "done"}
    assert _resolve(lake.start("four"), as_of=then - timedelta(days=1), at=later).status == "nothing"


def test_as_of_a_time_that_has_not_come_nothing_is_known(lake: TrainingAccount) -> None:
    lake.upload(200607)
    with pytest.raises(FlowError, match=r"as_of: .* is later than"):
        _resolve(lake.start("one"), as_of=AT + timedelta(seconds=1))


def test_without_files_there_is_nothing_to_do_and_a_name_without_a_week_is_an_error(lake: TrainingAccount) -> None:
    execution = lake.start("one")
    assert _resolve(execution).status == "nothing"
    lake.put_bytes("raw/notes.txt", b"x")
    assert _resolve(execution).status == "nothing"
    lake.put_bytes("raw/lines.csv", b"x")
    with pytest.raises(FlowError, match="named by its week"):
        _resolve(execution)


def _refined(lake: TrainingAccount) -> tuple[str, datetime]:
    """Let a run refine week 200607 again, with one part fewer; return the run and when its job was made."""
    lake.upload(200607)
    run = _resolve(lake.start("one")).run
    assert run is not None
    old = ["silver/transactions/shop_week=200607/store_region=E01/part-0.parquet"]
    other = ["gold/baskets/shop_week=200606/part-0.parquet"]
    for key in old + other:
        lake.put_bytes(key, b"old")
    started = datetime.now(UTC) + timedelta(seconds=2)
    refinement = {"weeks": [200607], "rows_in": 10, "rows_kept": 9, "baskets": 3}
    lake.put(f"artifacts/runs/{run}/validation/etl.json", refinement)
    return run, started


def test_what_a_week_has_left_over_goes_and_its_files_are_not_new_any_more(lake: TrainingAccount) -> None:
    run, started = _refined(lake)
    done = commit_weeks(Commit(run=run, refined_from=started), tools())
    assert (done.weeks, done.rows_kept, done.baskets, done.removed) == ((200607,), 9, 3, 1)
    assert lake.keys("silver/transactions") == []
    assert lake.keys("gold") == ["gold/baskets/shop_week=200606/part-0.parquet"]
    lake.upload(200608)
    again = _resolve(lake.start("two"))
    assert (again.files, again.new_files) == (2, 1)


def test_what_the_job_wrote_stays(lake: TrainingAccount) -> None:
    run, _ = _refined(lake)
    done = commit_weeks(Commit(run=run, refined_from=datetime.now(UTC) - timedelta(minutes=1)), tools())
    assert done.removed == 0
    assert len(lake.keys("silver/transactions")) == 1


@pytest.mark.parametrize(("approval", "status"), [("gate", "Approved"), ("person", "PendingManualApproval")])
def test_the_gates_decision_is_recorded_with_its_figures(lake: TrainingAccount, approval: str, status: str) -> None:
    evaluated(lake)
    decision = decide(Decide(run=RUN, at=AT), tools(approval=approval))
    assert (decision.accepted, decision.status, decision.winner) == (True, status, "xgboost")
    assert (decision.accuracy, decision.macro_f1) == (0.91, 0.88)
    (record,) = lake.records("gate")
    assert record["outcome"] == "accepted"
    assert record["evidence"]["accuracy"] == 0.91


def test_a_rejection_is_a_decision_whoever_approves(lake: TrainingAccount) -> None:
    evaluated(lake, accepted=False)
    decision = decide(Decide(run=RUN, at=AT), tools(approval="person"))
    assert (decision.accepted, decision.status) == (False, "Rejected")
    (record,) = lake.records("gate")
    assert record["outcome"] == "rejected"


def _register(**changes: Any) -> Register:
    values = {
        "run": RUN,
        "at": AT,
        "candidate": "xgboost",
        "version": "200608-abcdef0123",
        "status": "Approved",
        "reason": "good enough",
    }
    return Register.model_validate(values | changes)


def test_a_version_has_its_bundle_its_reports_and_a_package(lake: TrainingAccount) -> None:
    evaluated(lake)
    found = register(_register(), tools())
    place = "artifacts/models/200608-abcdef0123"
    names = ["evaluation.json", "manifest.json", "model.onnx", "model_card.md", "report.html"]
    assert lake.keys(place) == [f"{place}/{name}" for name in names]
    manifest = lake.object(f"{place}/manifest.json")
    assert sorted(manifest["files"]) == [name for name in names if name != "manifest.json"]
    assert (manifest["run"], manifest["metrics"]["accuracy"]) == (RUN, 0.91)
    assert manifest["lineage"]["inputs"][0]["name"] == "transactions_200608.csv"
    package = clients().of("sagemaker").describe_model_package(ModelPackageName=found.package)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["CustomerMetadataProperties"]["version"] == "200608-abcdef0123"
    assert package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"].endswith("/model.tar.gz")
    record = lake.object(f"artifacts/registry/{USE_CASE}/200608-abcdef0123.json")
    assert (record["status"], record["package"]) == ("Approved", found.package)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive("200608-ffffffffff"), "holds version 200608-ffffffffff, not 200608-abcdef0123"),
        (archive("200608-abcdef0123", damaged=True), "model.onnx is damaged"),
    ],
)
def test_an_archive_that_is_not_the_candidates_makes_no_version(
    lake: TrainingAccount, content: bytes, message: str
) -> None:
    evaluated(lake)
    lake.put_bytes(f"artifacts/runs/{RUN}/candidates/xgboost/a-job/output/model.tar.gz", content)
    with pytest.raises(FlowError, match=message):
        register(_register(), tools())
    assert lake.package_count() == 0
    assert f"artifacts/models/{'200608-abcdef0123'}/manifest.json" not in lake.keys("artifacts/models")


Step = Callable[[TrainingTools], Any]


def _resolving(lake: TrainingAccount) -> Step:
    _refined(lake)
    return lambda found: resolve_run(Resolve(execution=_execution(lake), at=AT), found)


def _committing(lake: TrainingAccount) -> Step:
    run, started = _refined(lake)
    return lambda found: commit_weeks(Commit(run=run, refined_from=started), found)


def _deciding(lake: TrainingAccount) -> Step:
    evaluated(lake)
    return lambda found: decide(Decide(run=RUN, at=AT), found)


def _registering(lake: TrainingAccount) -> Step:
    evaluated(lake)
    return lambda found: register(_register(), found)


def _execution(lake: TrainingAccount) -> str:
    listed = lake.stepfunctions.list_executions(stateMachineArn=lake.machine)["executions"]
    return str(listed[-1]["executionArn"])


def _state(lake: TrainingAccount) -> dict[str, Any]:
    """What is there: of each object the digest of its content, which is its ETag."""
    listed = lake.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    return {"objects": {each["Key"]: each["ETag"] for each in listed}, "packages": lake.package_count()}


@pytest.mark.parametrize("prepared", [_resolving, _committing, _deciding, _registering])
def test_a_function_that_dies_anywhere_and_runs_again_leaves_the_same(
    prepared: Callable[[TrainingAccount], Step],
) -> None:
    with training_account() as lake:
        prepared(lake)(tools())
        wanted = _state(lake)
    stopped = 0
    while True:
        with training_account() as lake:
            run, left = prepared(lake), stopped

            def stop(_: str) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    raise StoppedError

            try:
                with watching(Watch(step=stop)):
                    run(tools())
            except StoppedError:
                run(tools())
                assert _comparable(_state(lake)) == _comparable(wanted), f"stopped at step {stopped}"
                stopped += 1
                continue
            break
    assert stopped > 2
    with training_account() as lake:
        run = prepared(lake)
        run(tools())
        run(tools())
        assert _comparable(_state(lake)) == _comparable(wanted)


def _comparable(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out what each account makes anew: versions of objects, and archives with the time in them."""
    anew = ("identity/run.json", ".tar.gz")
    objects = {key: digest for key, digest in state["objects"].items() if not key.endswith(anew)}
    return {**state, "objects": objects}
