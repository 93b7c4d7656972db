"""The look at the models that serve: predictions and labels to figures that alarms look at, and a report."""

from dataclasses import dataclass
from typing import Final

from config.names import ARTIFACTS, AUDIT, MODELS, MONITORING
from config.settings import EnvironmentSettings
from stacks.flow.processing import JobParts, job_input, job_name, job_output, processing
from stacks.flow.states import (
    DAY,
    EXECUTION,
    START,
    State,
    States,
    call,
    choice,
    end,
    failure_path,
    keep,
    machine,
    record,
)

_AT: Final = f"{{% {START} %}}"


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the definition refers to: ARNs, names and URIs, some of them tokens.

    ``weeks`` is how far a look reaches back: what the job pools, and the time that labels take to come.
    """

    settings: EnvironmentSettings
    bucket: str
    topic: str
    image: str
    data_key: str
    job_role: str
    look_back: str
    publish_metrics: str
    delivery_metrics: str
    weeks: int


def monitoring(parts: Parts) -> State:
    """Return the definition."""
    settings = parts.settings
    job = JobParts(settings=settings, image=parts.image, data_key=parts.data_key, role=parts.job_role)
    place = f"'s3://{parts.bucket}/{ARTIFACTS}/{MONITORING}/' & $day"
    audited = f"'{ARTIFACTS}/{AUDIT}/' & $day & '/monitoring-' & {EXECUTION} & '.json'"
    states: States = {
        "Begin": keep(
            "A day's looks share a folder: the last one of them stays",
            variables={"day": f"{{% {DAY} %}}"},
            then="Publish the delivery figures",
        ),
        "Publish the delivery figures": call(
            "How releases go, how old the data is, whether predictions are captured: first, for it needs no job",
            parts.delivery_metrics,
            payload={"at": _AT},
            seconds=120,
            then="Choose what to look at",
        ),
        "Choose what to look at": call(
            "The newest captured predictions and labels, as manifests for the job",
            parts.look_back,
            payload={"at": _AT, "weeks": parts.weeks},
            seconds=300,
            then="Is there something to look at?",
            assign={"chosen": "{% $states.result.Payload %}"},
        ),
        "Is there something to look at?": choice(
            "Before the first prediction and the first refined week there is not, and nothing follows from that",
            ("$chosen.status = 'go'", "Judge the models"),
            otherwise="Record that there was nothing",
        ),
        "Record that there was nothing": record(
            "What was missing",
            parts.bucket,
            key=audited,
            content="{'outcome': 'nothing', 'chosen': $chosen}",
            then="Nothing to look at",
        ),
        "Nothing to look at": end("No figures: alarms treat them as missing, and nothing is taken back"),
        "Judge the models": processing(
            job,
            "monitor",
            name=job_name(settings, "$replace($day, '-', '')", "'monitor'"),
            comment="Predictions against labels that came later, and inputs against training's, by version",
            inputs=[
                job_input("captured", f"{place} & '/captured.manifest'", kind="ManifestFile"),
                job_input("labels", f"{place} & '/labels.manifest'", kind="ManifestFile"),
                job_input("reference", f"'s3://{parts.bucket}/{ARTIFACTS}/{MODELS}/'"),
            ],
            outputs=[job_output("monitoring", place)],
            then="Publish the models' figures",
        ),
        "Publish the models' figures": call(
            "For the alarms: of the version that is to serve, and only what there is enough data for",
            parts.publish_metrics,
            payload={"at": _AT, "day": "{% $day %}"},
            seconds=60,
            then="Record the look",
            assign={"published": "{% $states.result.Payload %}"},
        ),
        "Record the look": record(
            "Where the report is, and what was published",
            parts.bucket,
            key=audited,
            content=f"{{'outcome': 'looked', 'chosen': $chosen, 'published': $published, 'report': {place}}}",
            then="Looked",
        ),
        "Looked": end("The alarms decide what follows"),
        **failure_path(
            settings.name(MONITORING), bucket=parts.bucket, key=audited, topic=parts.topic, facts="{'day': $day}"
        ),
    }
    return machine(
        "From captured predictions and labels to figures that alarms look at, and a report",
        first="Begin",
        states=states,
        seconds=(settings.jobs.run_hours + 2) * 3600,
    )
