"""The training: from raw files to a registered version, or to a recorded decision not to."""

from dataclasses import dataclass
from typing import Any, Final

from config.names import ARTIFACTS, AUDIT, BASKETS, FEATURES, GOLD, MODELS, PRODUCTS, RUNS, SILVER
from config.settings import EnvironmentSettings
from stacks.flow.processing import JobParts, job_input, job_name, job_output, processing
from stacks.flow.states import (
    DAY,
    ENTERED,
    EXECUTION,
    FAILURE,
    START,
    State,
    States,
    call,
    choice,
    end,
    fail,
    failure_path,
    given,
    job,
    keep,
    machine,
    plain,
    record,
    retry,
    tell,
    wait,
)

_HOUR: Final = 3600
_INPUT: Final = "$states.context.Execution.Input"
_START: Final = f"{{% {START} %}}"
# Inside of a Map there is no way out to the failure path: the Map's own Catch takes it there.
_COULD_NOT_TRAIN: Final = fail(
    "One candidate without a model ends the training: which is best cannot be said without it",
    error="$training_error.Error",
    cause="$training_error.Cause",
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the definition refers to: ARNs, names and URIs, some of them tokens."""

    settings: EnvironmentSettings
    region: str
    bucket: str
    topic: str
    image: str
    data_key: str
    feature_group: str
    processing_role: str
    feed_role: str
    training_role: str
    monitoring: str
    resolve_run: str
    commit_weeks: str
    decide: str
    register: str
    candidates: tuple[str, ...]

    @property
    def job(self) -> JobParts:
        """What Processing jobs have in common."""
        return JobParts(settings=self.settings, image=self.image, data_key=self.data_key, role=self.processing_role)


def training(parts: Parts) -> State:
    """Return the definition."""
    states: States = {
        "Did new data start this?": choice(
            "Uploads come in parts: the first file is seldom the last",
            ("$states.input.trigger = 'data'", "Wait until uploads settle"),
            otherwise="Resolve the run",
        ),
        "Wait until uploads settle": wait(
            "Each file starts an execution; after this the last one finds all of them there",
            seconds=parts.settings.flow.settle_seconds,
            then="Resolve the run",
        ),
        "Resolve the run": call(
            "Name the run by what goes into it, and claim it: the same data runs once",
            parts.resolve_run,
            payload={
                "execution": "{% $states.context.Execution.Id %}",
                "at": _START,
                "object_at": f"{{% {given(f'{_INPUT}.at', 'null')} %}}",
                "as_of": "{% $as_of %}",
            },
            seconds=60,
            then="Is there something to do?",
            assign={
                "run": "{% $states.result.Payload.run %}",
                "resolved": "{% $states.result.Payload %}",
            },
            errors=("ContendedError",),
        ),
        "Is there something to do?": choice(
            "Another execution may do the same run, or a newer file came",
            ("$resolved.status = 'go' and $as_of != null", "Read the features as of the time"),
            ("$resolved.status = 'go' and $resolved.new_files > 0", "Validate and refine"),
            ("$resolved.status = 'go'", "Fit the encoders"),
            otherwise="Record that nothing was to do",
        ),
        "Record that nothing was to do": record(
            "Superseded, done before, or no files: each says which",
            parts.bucket,
            key=f"'{ARTIFACTS}/{AUDIT}/' & {DAY} & '/training-' & {EXECUTION} & '.json'",
            content="{'outcome': $resolved.status, 'reason': $resolved.reason, 'run': $resolved.run}",
            then="Nothing to do",
        ),
        "Nothing to do": end("Not a failure: this run is somebody else's, or needs none"),
        "Validate and refine": _processing(
            parts,
            "etl",
            comment="Raw to silver and gold. A file that breaks a rule stops here, with a report that names it",
            inputs=[_manifest("raw", parts)],
            outputs=[
                job_output(f"lake/{SILVER}", f"'s3://{parts.bucket}/{SILVER}'", name=SILVER),
                job_output(f"lake/{GOLD}", f"'s3://{parts.bucket}/{GOLD}'", name=GOLD),
                # While the job runs: of one that fails, the report is what is wanted.
                job_output("lake/reports", _of_run(parts, "validation"), name="validation", mode="Continuous"),
            ],
            then="Feed the feature store",
            assign={"refined_from": ENTERED},
        ),
        "Feed the feature store": _feed(parts),
        "Commit the weeks": call(
            "Take away what a week that came again has left over, and remember what is refined",
            parts.commit_weeks,
            payload={"run": "{% $run %}", "refined_from": "{% $refined_from %}"},
            seconds=120,
            then="Look at the models that serve",
            errors=("ContendedError",),
        ),
        "Look at the models that serve": plain(
            "With the new weeks labels have come. The daily look would find them, too: nothing fails without this",
            "sfn:startExecution",
            arguments={
                "StateMachineArn": parts.monitoring,
                "Input": f"{{% $string({{'trigger': {EXECUTION}}}) %}}",
            },
            then="Fit the encoders",
            caught="Fit the encoders",
        ),
        "Read the features as of the time": _processing(
            parts,
            "as-of",
            comment="Gold as it was known then, out of the feature store; of the lake nothing is changed",
            inputs=[
                job_input("offline", f"'s3://{parts.bucket}/{FEATURES}/{BASKETS}/'"),
                job_input("products", f"'s3://{parts.bucket}/{GOLD}/{PRODUCTS}/'"),
            ],
            outputs=[job_output(GOLD, _of_run(parts, GOLD))],
            arguments=["--time", "{% $as_of %}"],
            then="Fit the encoders",
            assign={"gold": f"{{% {_of_run(parts, f'{GOLD}/')} %}}"},
        ),
        "Fit the encoders": _processing(
            parts,
            "encode",
            comment="What each product says of its basket's class, cross-fitted",
            inputs=[job_input("gold", "$gold")],
            outputs=[job_output("encoders", _of_run(parts, "encoders"))],
            arguments=["--holdout-weeks", str(parts.settings.flow.holdout_weeks)],
            then="Train the candidates",
        ),
        "Train the candidates": {
            "Type": "Map",
            "Comment": "Side by side, each as a job of its own",
            "Items": list(parts.candidates),
            "ItemSelector": {"candidate": "{% $states.context.Map.Item.Value %}"},
            "MaxConcurrency": len(parts.candidates),
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Train one candidate",
                "States": {"Train one candidate": _training_job(parts), "Could not train": _COULD_NOT_TRAIN},
            },
            "Output": {},
            "Catch": [
                {"ErrorEquals": ["States.ALL"], "Assign": {"error": "{% $states.errorOutput %}"}, "Next": FAILURE}
            ],
            "Next": "Evaluate candidates and champion",
        },
        "Evaluate candidates and champion": _evaluation(parts),
        "Decide": call(
            "The gate's decision, read from the evaluation and recorded with its figures",
            parts.decide,
            payload={"run": "{% $run %}", "at": _START},
            seconds=60,
            then="Is the best candidate good enough?",
            assign={"decision": "{% $states.result.Payload %}"},
        ),
        "Is the best candidate good enough?": choice(
            "By the gate's thresholds, and not worse than the champion on the same rows",
            ("$decision.accepted", "Register the version"),
            otherwise="Record the rejection",
        ),
        "Record the rejection": record(
            "A decision, not an error: the champion stays",
            parts.bucket,
            key=_outcome_key(),
            content="$merge([{'outcome': 'rejected', 'run': $run}, $decision])",
            then="Tell of the rejection",
        ),
        "Tell of the rejection": tell(
            "Why, in the gate's words",
            parts.topic,
            subject=f"'{parts.settings.name('training')}: candidate rejected'",
            message="'Run ' & $run & ': ' & $decision.winner & ' ' & $decision.version & '. ' & $decision.reason",
            then="Rejected",
        ),
        "Rejected": end("The champion goes on serving"),
        "Register the version": call(
            "Its bundle among the models, its package in the registry; approved, or waiting for a person",
            parts.register,
            payload={
                "run": "{% $run %}",
                "at": _START,
                "candidate": "{% $decision.winner %}",
                "version": "{% $decision.version %}",
                "status": "{% $decision.status %}",
                "reason": "{% $decision.reason %}",
            },
            seconds=300,
            then="Record the registration",
            assign={"registered": "{% $states.result.Payload %}"},
            errors=("ContendedError",),
        ),
        "Record the registration": record(
            "The run's outcome, beside its reports",
            parts.bucket,
            key=_outcome_key(),
            content="$merge([{'outcome': 'registered', 'run': $run}, $decision, $registered])",
            then="Tell of the registration",
        ),
        "Tell of the registration": tell(
            "An approved version is released by its approval; one that waits needs somebody to look",
            parts.topic,
            subject=f"'{parts.settings.name('training')}: ' & $registered.version & ' is ' & $registered.status",
            message=(
                "'Run ' & $run & ': ' & $decision.winner & ', accuracy ' & $string($decision.accuracy)"
                " & ', macro F1 ' & $string($decision.macro_f1) & '. ' & $decision.reason"
            ),
            then="Registered",
        ),
        "Registered": end("Its approval starts the release"),
        **failure_path(
            parts.settings.name("training"),
            bucket=parts.bucket,
            key=f"'{ARTIFACTS}/{AUDIT}/' & {DAY} & '/training-' & {EXECUTION} & '.json'",
            topic=parts.topic,
            facts="{'run': $run}",
        ),
    }
    hours = 2 * parts.settings.jobs.wait_hours + 4 * parts.settings.jobs.run_hours
    variables = {
        "run": None,
        "as_of": f"{{% {given(f'{_INPUT}.as_of', 'null')} %}}",
        "gold": f"s3://{parts.bucket}/{GOLD}/",
    }
    begin = keep(
        "Until the run is known, and where it takes gold from", variables=variables, then="Did new data start this?"
    )
    return machine(
        "From raw files to a registered version, or to a recorded decision not to",
        first="Begin",
        states={"Begin": begin, **states},
        seconds=hours * _HOUR,
    )


def _outcome_key() -> str:
    return f"'{ARTIFACTS}/{RUNS}/' & $run & '/outcome.json'"


def _of_run(parts: Parts, folder: str) -> str:
    """Return JSONata for the URI of a folder of the run."""
    return f"'s3://{parts.bucket}/{ARTIFACTS}/{RUNS}/' & $run & '/{folder}'"


def _job_name(parts: Parts, what: str) -> str:
    return job_name(parts.settings, "$substring($run, 7)", what)


def _manifest(name: str, parts: Parts) -> str:
    return job_input(name, _of_run(parts, "raw.manifest"), kind="ManifestFile")


def _processing(parts: Parts, command: str, **more: Any) -> State:
    return processing(parts.job, command, name=_job_name(parts, repr(command)), **more)


def _feed(parts: Parts) -> State:
    return processing(
        JobParts(settings=parts.settings, image=parts.image, data_key=parts.data_key, role=parts.feed_role),
        "feed",
        name=_job_name(parts, "'feed'"),
        comment="Before the weeks count as refined: where this fails, the next training refines and feeds them again",
        inputs=[
            job_input("gold", f"'s3://{parts.bucket}/{GOLD}/'"),
            job_input("run", _of_run(parts, "identity/")),
            job_input("refined", _of_run(parts, "validation/")),
        ],
        outputs=[job_output("fed", _of_run(parts, "fed"))],
        arguments=["--to", f"featuregroup://{parts.feature_group}"],
        region=parts.region,
        # What it puts again stays the same, and a store that was too busy may be so no more.
        retries=[retry(["States.TaskFailed"], seconds=60, attempts=2, most_seconds=600)],
        then="Commit the weeks",
    )


def _training_job(parts: Parts) -> State:
    jobs = parts.settings.jobs
    limits: dict[str, Any] = {"MaxRuntimeInSeconds": jobs.run_hours * _HOUR}
    if jobs.spot:
        limits["MaxWaitTimeInSeconds"] = jobs.wait_hours * _HOUR
    candidate = "$states.input.candidate"

    def channel(name: str, uri: str) -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
        return {"ChannelName": name, "InputMode": "File", "DataSource": {"S3DataSource": source}}

    dashed = f"$replace({candidate}, '_', '-')"
    request = {
        "TrainingJobName": f"{{% {_job_name(parts, dashed)} %}}",
        "RoleArn": parts.training_role,
        "AlgorithmSpecification": {"TrainingImage": parts.image, "TrainingInputMode": "File"},
        "HyperParameters": {
            "model": f"{{% {candidate} %}}",
            "holdout_weeks": str(parts.settings.flow.holdout_weeks),
        },
        "InputDataConfig": [
            channel("gold", "{% $gold %}"),
            channel("encoders", f"{{% {_of_run(parts, 'encoders/')} %}}"),
        ],
        "OutputDataConfig": {
            "S3OutputPath": f"{{% {_of_run(parts, 'candidates/')} & {candidate} %}}",
            "KmsKeyId": parts.data_key,
        },
        "CheckpointConfig": {"S3Uri": f"{{% {_of_run(parts, 'checkpoints/')} & {candidate} %}}"},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": jobs.training_instance,
            "VolumeSizeInGB": jobs.volume_gb,
            "VolumeKmsKeyId": parts.data_key,
        },
        "EnableNetworkIsolation": True,
        "EnableManagedSpotTraining": jobs.spot,
        "StoppingCondition": limits,
    }
    return job(
        "Spot capacity, with what it has found so far kept for when the capacity is taken",
        "createTrainingJob",
        request=request,
        seconds=(jobs.wait_hours if jobs.spot else jobs.run_hours) * _HOUR + 900,
        then=None,
        output={"candidate": f"{{% {candidate} %}}"},
        caught="Could not train",
        # A variable of the states inside may not be called as one outside.
        error="training_error",
    )


def _evaluation(parts: Parts) -> State:
    champion = job_input("champion", f"'s3://{parts.bucket}/{ARTIFACTS}/{MODELS}/' & $resolved.champion & '/'")
    manifests = job_input("manifests", f"'s3://{parts.bucket}/{SILVER}/_manifests/'")
    return _processing(
        parts,
        "evaluate",
        comment="All of them and the champion on the same held-out rows, then the gate",
        inputs=[
            job_input("gold", "$gold"),
            job_input("candidates", _of_run(parts, "candidates/")),
            job_input("encoders", _of_run(parts, "encoders/")),
            job_input("run", _of_run(parts, "identity/")),
        ],
        # Manifests tell of the files as they are now. Before the first release there is no champion.
        optional_inputs=(f"$append($as_of = null ? [{manifests}] : [], $resolved.champion = null ? [] : [{champion}])"),
        outputs=[job_output("evaluation", _of_run(parts, "evaluation"))],
        arguments=["--holdout-weeks", str(parts.settings.flow.holdout_weeks)],
        then="Decide",
    )
