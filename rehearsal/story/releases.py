"""Acts about a version that somebody registered by hand: one that never gets ready, one that a person approves."""

from datetime import UTC, datetime

from config.names import APPROVAL, RELEASE, ModelStatus
from rehearsal.story import versions
from rehearsal.story.act import Act
from rehearsal.story.stage import Stage

_RATE = 50.0


def _never_ready(stage: Stage) -> None:
    before = str(stage.champion)
    folder = stage.bundles.fetch(before)
    version = versions.damaged(folder, stage.bundles.own_folder("damaged"))
    stage.bundles.publish(stage.bundles.own_folder("damaged"), version)
    with stage.traffic("while a version never gets ready", bodies=stage.sample(50), rate=_RATE) as sent:
        since = datetime.now(UTC)
        stage.register(version, status=ModelStatus.APPROVED, why="looked well on my laptop")
        (execution,) = stage.ended(RELEASE, since=since)
    stage.expect(execution["status"] == "FAILED", f"the release failed: {stage.why(execution)}")
    stage.expect(
        sent.failed == 0 and set(sent.versions) == {before},
        f"callers noticed nothing: {sent}, all answered by {before}",
    )
    stage.expect(stage.champion == before, f"{before} is the champion as before")
    stage.expect(stage.status_of(version) == ModelStatus.REJECTED, f"{version} is rejected in the registry")
    records = [each for each in stage.lake.records("rolled-back") if each["from_version"] == version]
    stage.expect(len(records) == 1, "the audit has one record of it")
    stage.told("was taken back")


def _person(stage: Stage) -> None:
    before = str(stage.champion)
    version, why = stage.bundles.runner_up()
    since = datetime.now(UTC)
    package = stage.register(version, status=ModelStatus.PENDING, why=why)
    message = stage.told("waits for approval")
    stage.expect(
        package in message and version in message, "the message has its figures and the command that approves it"
    )
    (waiting,) = stage.executions(APPROVAL, since=since)
    stage.expect(waiting["status"] == "RUNNING" and stage.champion == before, "nothing happens until somebody decides")
    stage.client("sagemaker").update_model_package(
        ModelPackageArn=package, ModelApprovalStatus=str(ModelStatus.APPROVED), ApprovalDescription="easier to explain"
    )
    stage.noted(f"a person approves {version}")
    stage.released(since=since, version=version)
    stage.answers(version)
    said = [each for each in stage.lake.records("") if each.get("to_version") == version]
    record = next((each for each in said if "easier to explain" in str(each.get("reason"))), None)
    stage.expect(record, f"the audit says who and why: {record and record['by']}: {record and record['reason']}")


NEVER_READY = Act(
    name="never-ready",
    title="A version that never gets ready",
    does="Registers and approves a version whose model file is damaged, while callers ask fifty times a second.",
    expects="Its pods never get ready; the release fails by itself, is undone and recorded; no request fails.",
    play=_never_ready,
    after=("first-data",),
)
PERSON = Act(
    name="person",
    title="A person approves",
    does="Registers the runner-up of the last training by hand; later a person approves it.",
    expects="People are asked, nothing happens until one decides, and the approval releases it.",
    play=_person,
    after=("first-data",),
)
