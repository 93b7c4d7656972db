"""The roles by which rules and schedules start things, and what lets each of them do so once more."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from config.names import ALARM_MODEL, ModelStatus
from rehearsal.control import fire_schedule
from rehearsal.processes import RehearsalError
from rehearsal.story.stage import Stage
from rehearsal.story.uses import Use, role_name

_STARTED: Final = "started"
_CHAMPION_AGAIN: Final = "the champion once more, as somebody registers it by mistake"


def schedules(stage: Stage) -> Iterator[Use]:
    """Yield one schedule of each role; of several one that starts something, not one that stops it."""
    scheduler = stage.client("scheduler")
    found: dict[str, Use] = {}
    listed = [each for page in stage.pages("scheduler", "list_schedules") for each in page["Schedules"]]
    for each in sorted(listed, key=lambda each: "stop" in each["Name"]):
        target = scheduler.get_schedule(GroupName=each["GroupName"], Name=each["Name"])["Target"]
        role = role_name(target["RoleArn"])
        found.setdefault(role, Use(role=role, what=f"schedule {each['Name']}", again=_fire(stage, each)))
    yield from found.values()


def _fire(stage: Stage, schedule: Mapping[str, str]) -> Callable[[], str | None]:
    def again() -> str | None:
        try:
            fire_schedule(stage.world, group=schedule["GroupName"], name=schedule["Name"])
        except RehearsalError as error:
            return str(error)
        return None

    return again


def rules(stage: Stage) -> Iterator[Use]:
    """Yield the rules that start state machines."""
    events = stage.client("events")
    causes = _causes(stage)
    for page in stage.pages("events", "list_rules"):
        for rule in page["Rules"]:
            for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                if "RoleArn" in target and rule["Name"] in causes:
                    yield Use(
                        role=role_name(target["RoleArn"]),
                        what=f"rule {rule['Name']}",
                        again=_send(stage, rule["Name"], target["Arn"], causes[rule["Name"]]),
                    )


def _send(stage: Stage, rule: str, machine: str, cause: Callable[[], None]) -> Callable[[], str | None]:
    log = stage.world.folder / "aws.log"

    def again() -> str | None:
        began, read = datetime.now(UTC), log.stat().st_size

        def look() -> str | None:
            with log.open("rb") as file:
                file.seek(read)
                said = file.read().decode(errors="replace")
            refused = not_called(said, rule)
            pages = stage.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine)
            started = any(each["startDate"] >= began for page in pages for each in page["executions"])
            return refused or ("" if not started else _STARTED)

        cause()
        said = stage.until(f"rule {rule} is asked", look, seconds=30)
        return None if said == _STARTED else said

    return again


def not_called(log: str, rule: str) -> str | None:
    """Return the line in which the emulator says why it did not call a rule's target."""
    return next((each for each in log.splitlines() if f"rule {rule}, target" in each and "not called" in each), None)


def _causes(stage: Stage) -> dict[str, Callable[[], None]]:
    """Return what makes each rule's event, by the rule's name."""
    sagemaker, cloudwatch = stage.client("sagemaker"), stage.client("cloudwatch")

    def arrive() -> None:
        stage.lake.upload(stage.weeks.files[0])

    def approve() -> None:
        sagemaker.update_model_package(
            ModelPackageArn=stage.champions_package,
            ModelApprovalStatus=str(ModelStatus.APPROVED),
            ApprovalDescription="approved once more",
        )

    def register() -> None:
        package = stage.register(str(stage.champion), status=ModelStatus.PENDING, why=_CHAMPION_AGAIN)
        sagemaker.delete_model_package(ModelPackageName=package)

    def alarm() -> None:
        name = stage.settings.name(ALARM_MODEL)
        for state, why in (("ALARM", "to see whether the rule may start a roll-back"), ("OK", "seen")):
            cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=why)

    made = {"data-arrived": arrive, "version-approved": approve, "version-waits": register, "version-alarmed": alarm}
    return {stage.settings.name(name): cause for name, cause in made.items()}
