"""The jobs as commands: run, etl, encode, train, evaluate, score, monitor."""

from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.table import Table

from ml.commands.options import (
    CORES,
    DEFAULT_USE_CASE,
    HoldoutWeeks,
    Inputs,
    More,
    Threads,
    UseCaseName,
    all_inputs,
    chosen_use_case,
    container,
    now,
)
from ml.errors import SettingsError
from ml.files import read_json, write_json
from ml.progress import say
from ml.use_case import ModelName

app = typer.Typer()
out = Console()


@app.command()
def run(
    inputs: Annotated[list[Path], typer.Option("--input", help="Weekly files or folders of them; several may follow.")],
    workdir: Annotated[Path, typer.Option(help="The lake: raw, silver, gold and artifacts live here.")],
    more: More = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    holdout_weeks: HoldoutWeeks = None,
    models: Annotated[str | None, typer.Option(help="Candidates, comma-separated; all by default.")] = None,
    threads: Threads = CORES,
) -> None:
    """Validate, refine, train, evaluate, gate and register.

    Examples:

        mlops run --input data/weekly --workdir lake

        mlops run --input data/transactions_2007*.csv.gz --workdir lake --holdout-weeks 1 --models xgboost
    """
    from ml.jobs.run import Workdir
    from ml.jobs.run import run as run_all

    chosen = chosen_use_case(use_case, holdout_weeks=holdout_weeks, models=models)
    record = run_all(
        inputs=[*inputs, *(more or [])], workdir=Workdir(workdir), use_case=chosen, threads=threads, now=now()
    )
    _show_run(record, workdir)


@app.command()
def etl(
    inputs: Inputs = None,
    more: More = None,
    output: Annotated[Path | None, typer.Option(help="Folder that gets silver/, gold/ and reports/.")] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    labels: Annotated[bool, typer.Option(help="Refuse files without the label column.")] = True,
) -> None:
    """Weekly files to validated silver and gold.

    In a SageMaker Processing job: reads input raw, writes output lake.

    Example:

        mlops etl --input data/weekly --output lake
    """
    from ml.jobs.etl import etl as refine_all

    box = container()
    folder = box.output("lake", output)
    refinement = refine_all(
        inputs=all_inputs(inputs, more, channel="raw"),
        silver=folder / "silver",
        gold=folder / "gold",
        reports=folder / "reports",
        use_case=chosen_use_case(use_case),
        require_label=labels,
    )
    write_json(folder / "reports" / "etl.json", refinement.to_json())
    say(f"  validation report: {refinement.report}")


@app.command()
def encode(
    gold: Annotated[Path | None, typer.Option(help="The gold layer.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the encoders.")] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    holdout_weeks: HoldoutWeeks = None,
    threads: Threads = CORES,
) -> None:
    """Choose and fit the product encoder for every fold of the training weeks.

    Example:

        mlops encode --gold lake/gold --output lake/encoders --holdout-weeks 8
    """
    from ml.jobs.encode import encode as fit_encoders

    box = container()
    chosen = chosen_use_case(use_case, holdout_weeks=holdout_weeks)
    fit_encoders(
        gold=box.channel("gold", gold), output=box.output("encoders", output), use_case=chosen, threads=threads
    )


@app.command()
def train(
    model: Annotated[str | None, typer.Option(help="The candidate, such as xgboost.")] = None,
    gold: Annotated[Path | None, typer.Option(help="The gold layer.")] = None,
    encoders: Annotated[Path | None, typer.Option(help="What `encode` wrote; fitted here without it.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the bundle.")] = None,
    use_case: Annotated[str | None, typer.Option("--use-case", help="A built-in use case, or a .yaml file.")] = None,
    holdout_weeks: HoldoutWeeks = None,
    threads: Threads = CORES,
) -> None:
    """Train one candidate and write its bundle.

    In a SageMaker training job: channels gold and encoders, hyper-parameters model, use_case and
    holdout_weeks from their file; further hyper-parameters are the model's own and replace its grid. What it has
    found so far is kept in checkpoints, so a training whose spot capacity was taken goes on.

    Example:

        mlops train --model xgboost --gold lake/gold --encoders lake/encoders --output candidate
    """
    from ml.jobs.train import train as train_one

    box = container()
    given = box.hyperparameters()
    name = model or str(given.pop("model", ""))
    given.pop("model", None)
    if name not in get_args(ModelName):
        raise SettingsError(f"--model is {name or 'missing'}; choose one of {', '.join(get_args(ModelName))}")
    use_case = use_case or str(given.pop("use_case", DEFAULT_USE_CASE))
    weeks = holdout_weeks or given.pop("holdout_weeks", None)
    own = {key: value for key, value in given.items() if key not in {"use_case", "holdout_weeks"}}
    chosen = chosen_use_case(use_case, holdout_weeks=weeks, parameters={name: own} if own else {})
    manifest = train_one(
        model=name,  # type: ignore[arg-type]  # checked above
        gold=box.channel("gold", gold),
        encoders=box.optional_channel("encoders", encoders),
        output=box.output("model", output),
        use_case=chosen,
        threads=threads,
        checkpoints=box.checkpoints(),
    )
    scores = manifest["cross_validation"]
    say(f"  {name} {manifest['version']}: cross-validated macro F1 {scores['macro_f1_mean']:.4f}")


@app.command()
def evaluate(
    gold: Annotated[Path | None, typer.Option(help="The gold layer.")] = None,
    candidates: Annotated[
        Path | None, typer.Option(help="Folder with a bundle, or a packed one, per candidate.")
    ] = None,
    champion: Annotated[Path | None, typer.Option(help="The serving model's bundle.")] = None,
    encoders: Annotated[Path | None, typer.Option(help="What `encode` wrote.")] = None,
    manifests: Annotated[Path | None, typer.Option(help="silver/_manifests, for the lineage.")] = None,
    run: Annotated[Path | None, typer.Option(help="Folder with run.json: the run's name, its objects.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for evaluation.json and the report.")] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    holdout_weeks: HoldoutWeeks = None,
    threads: Threads = CORES,
) -> None:
    """Judge candidates and champion on the same held-out rows; decide at the gate.

    In a SageMaker Processing job: reads inputs gold, candidates (as training jobs leave them), champion, encoders,
    manifests and run, writes output evaluation.

    Example:

        mlops evaluate --gold lake/gold --candidates candidates --output evaluation
    """
    from ml.jobs.archives import unpacked
    from ml.jobs.evaluate import evaluate as judge
    from ml.jobs.lineage import dropped_of, inputs_as_of, inputs_of, week_manifests

    box = container()
    folder = box.output("evaluation", output)
    described = box.optional_channel("manifests", manifests)
    weeks = week_manifests(described) if described else []
    identity = _run_of(box.optional_channel("run", run))
    with unpacked(box.channel("candidates", candidates)) as bundles:
        evaluation = judge(
            gold=box.channel("gold", gold),
            candidates=bundles,
            champion=box.optional_channel("champion", champion),
            encoders=box.optional_channel("encoders", encoders),
            output=folder,
            use_case=chosen_use_case(use_case, holdout_weeks=holdout_weeks),
            run=identity["run"],
            inputs=inputs_as_of(identity["objects"]) if identity["as_of"] else inputs_of(weeks, identity["objects"]),
            as_of=identity["as_of"],
            dropped=dropped_of(weeks),
            threads=threads,
        )
    for reason in evaluation["decision"]["reasons"]:
        say(f"  {reason}")
    say(f"  report: {folder / 'report.html'}")


def _run_of(folder: Path | None) -> dict[str, Any]:
    """Return the run's name, its objects by file name and its time, if any; one that is started by hand has none."""
    if folder is None:
        return {"run": "by-hand", "objects": {}, "as_of": None}
    path = folder / "run.json"
    try:
        value = read_json(path)
        return {"run": str(value["run"]), "objects": dict(value["objects"]), "as_of": value.get("as_of")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{path}: does not name a run and its objects: {error!r}") from error


@app.command()
def score(
    output: Annotated[Path | None, typer.Option(help="The Parquet file to write.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model bundle.")] = None,
    inputs: Inputs = None,
    more: More = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
) -> None:
    """Predict every basket of weekly files, with or without labels.

    Writes basket_id, prediction, one probability per class and model_version.

    Example:

        mlops score --model lake/artifacts/models/200752-0123456789 --input new --output predictions.parquet
    """
    from ml.data.inputs import collect_inputs
    from ml.jobs.score import score as score_files

    box = container()
    chosen = chosen_use_case(use_case)
    target = output or box.output("predictions", None) / "predictions.parquet"
    scored = score_files(
        model=box.channel("model", model),
        inputs=collect_inputs(all_inputs(inputs, more, channel="raw")),
        output=target,
        use_case=chosen,
    )
    counts = ", ".join(f"{word} {count:,}" for word, count in scored.predictions.items())
    say(f"  {scored.baskets:,} baskets of {scored.files} files by {scored.model_version}: {counts}")
    say(f"  {scored.unseen_lines:,} of {scored.lines:,} lines hold a product the model has not seen")
    for reason, count in scored.dropped.items():
        say(f"  dropped {count:,} lines: {reason}")
    say(f"  {target}")


@app.command()
def monitor(
    captured: Annotated[Path | None, typer.Option(help="Folder of captured predictions (JSON lines).")] = None,
    labels: Annotated[Path | None, typer.Option(help="A lake, its silver layer, or a folder of weekly files.")] = None,
    bundles: Annotated[
        Path | None, typer.Option("--reference", help="A bundle, a folder of bundles, or a lake: what was promised.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for monitoring.json and the report.")] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
) -> None:
    """Judge the models that served: captured predictions against labels that came later.

    In a SageMaker Processing job: inputs captured, labels and reference, output monitoring. Exit code 0 whatever the
    answer is: it is in monitoring.json.

    Example:

        mlops monitor --captured captured --labels lake --reference lake --output monitoring
    """
    from ml.jobs.monitor import monitor as judge
    from ml.monitoring.report import PAGE

    box = container()
    folder = box.output("monitoring", output)
    found = judge(
        captured=box.channel("captured", captured),
        labels=box.channel("labels", labels),
        bundles=box.channel("reference", bundles),
        output=folder,
        use_case=chosen_use_case(use_case),
    )
    for each in found.versions:
        say(f"  {each.version}{' (serves)' if each.current else ''}: quality {each.quality}, drift {each.drift}")
        for check in each.checks:
            say(f"    {check.answer}: {check.sentence}")
    for reason, count in found.intake.refused.items():
        say(f"  refused {count:,} lines: {reason}")
    say(f"  report: {folder / PAGE}")


def _show_run(record: dict[str, Any], workdir: Path) -> None:
    table = Table(title=f"Run {record['run']}")
    for column in ("model", "accuracy", "macro F1", "accuracy without encoding"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for name, figures in record["candidates"].items():
        plain = figures["without_encoding"]
        mark = " *" if name == record["winner"] else ""
        cells = [f"{figures['accuracy']:.4f}", f"{figures['macro_f1']:.4f}", "" if plain is None else f"{plain:.4f}"]
        table.add_row(name + mark, *cells)
    out.print(table)
    if record["accepted"]:
        out.print(f"{record['status']}: version {record['model_version']}", soft_wrap=True)
    else:
        out.print("Rejected at the gate:", soft_wrap=True)
        for reason in record["reasons"]:
            out.print(f"  {reason}", soft_wrap=True)
    out.print(f"Report: {workdir / 'artifacts' / 'runs' / record['run'] / record['report']}", soft_wrap=True)
