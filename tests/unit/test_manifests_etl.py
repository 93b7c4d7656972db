"""The scheduled ETL of the Kubernetes manifests."""

from pathlib import Path

import typer

from ml.cli import app
from tests.manifests import (
    EVERY_OVERLAY,
    etl_pod,
    only,
    overlay,
)


@EVERY_OVERLAY
def test_the_etl_runs_on_mondays_alone_and_for_a_limited_time(environment: str) -> None:
    spec = only(overlay(environment), "CronJob")["spec"]
    job = spec["jobTemplate"]["spec"]

    assert (spec["schedule"], spec["timeZone"]) == ("0 2 * * 1", "Etc/UTC")
    assert spec["concurrencyPolicy"] == "Forbid"
    assert 0 < spec["startingDeadlineSeconds"] < 7 * 86_400
    assert 0 < job["activeDeadlineSeconds"] <= 6 * 3600
    lost, wrong = job["podFailurePolicy"]["rules"]
    assert (lost["action"], lost["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (wrong["action"], wrong["onExitCodes"]["values"]) == ("FailJob", [2])
    assert job["template"]["spec"]["restartPolicy"] == "Never", "what a failure policy needs"


@EVERY_OVERLAY
def test_the_command_line_takes_the_arguments_of_the_etl(environment: str) -> None:
    _, refine = etl_pod(environment)["spec"]["initContainers"]
    name, *arguments = refine["args"]
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]  # it is a group

    given = command.make_context(name, list(arguments)).params

    assert given["inputs"] == [Path("/work/raw")]
    assert given["output"] == Path("/work/lake")
