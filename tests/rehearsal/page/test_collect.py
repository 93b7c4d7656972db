"""What the page shows is read off an emulated AWS by its API, and from the files that processes leave."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from rehearsal.collect import Collector
from rehearsal.collect.files import types_in_words
from rehearsal.journal import Journal
from rehearsal.page.document import Document, Load, Outcome
from rehearsal.world import World
from tests.rehearsal.page.small_world import AT, OLD, RUN, VERSION, ended, make_alarms, make_files, make_flow, make_lake


@pytest.fixture(scope="module")
def document(world: World) -> Document:
    """Return what is collected of a world in which a little has happened."""
    make_flow(world)
    make_lake(world)
    make_alarms(world)
    make_files(world.folder)
    return Collector(world).read()


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


def test_what_cannot_be_read_is_said_the_rest_is_shown_and_a_lake_that_is_not_there_is_no_fault(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "story.json").write_text("[{")
    found = Collector(replace(world, folder=tmp_path, account="111111111111")).read()
    assert found.acts == ()
    assert [each.partition(":")[0] for each in found.faults] == ["acts"]
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


def test_which_resource_types_are_not_emulated_is_said_in_a_line(tmp_path: Path) -> None:
    kinds = {"AWS::A::B": "emulated", "AWS::C::D": "accepted", "AWS::E::F": "accepted"}
    content = {"types": {name: {"how": how, "resources": 1} for name, how in kinds.items()}}
    (tmp_path / "fidelity.json").write_text(json.dumps(content))

    words = "resource types: 1 of 3 emulated, 2 accepted only (AWS::C::D, AWS::E::F), 0 refused"
    assert types_in_words(tmp_path) == words
