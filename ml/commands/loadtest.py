"""``mlops loadtest``: a constant rate of requests against any endpoint, and tests compared."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.names import API_KEY_HEADER
from ml.commands.options import now
from ml.errors import SettingsError
from ml.files import write_json
from ml.progress import say

if TYPE_CHECKING:
    from ml.loadtest.target import Bodies

MISSED = 3

app = typer.Typer()
out = Console()

Page = Annotated[Path | None, typer.Option("--report", help="Write a page (.html).", show_default=False)]


@app.callback(invoke_without_command=True)
def loadtest(
    context: typer.Context,
    url: Annotated[str, typer.Option(help="The endpoint, such as http://localhost:8080/predict.")] = "",
    rate: Annotated[float, typer.Option(help="Requests per second.")] = 100.0,
    duration: Annotated[float, typer.Option(help="Seconds.")] = 30.0,
    connections: Annotated[
        int | None, typer.Option(help="Keep-alive connections, used in turn.", show_default="the rate, at most 64")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds from when a request is due to the end of its answer.")] = 10.0,
    arrivals: Annotated[str, typer.Option(help="constant, or poisson: as independent callers arrive.")] = "constant",
    seed: Annotated[int, typer.Option(min=0, help="Of the sample baskets and of poisson arrivals.")] = 7,
    method: Annotated[str, typer.Option(help="POST, PUT or GET; GET sends no body.")] = "POST",
    body: Annotated[
        Path | None,
        typer.Option(help="What to send; .jsonl: one body a line, in turn.", show_default="varied sample baskets"),
    ] = None,
    header: Annotated[list[str] | None, typer.Option(help="'name: value'; may be given again.")] = None,
    api_key_env: Annotated[
        str, typer.Option(help="The environment variable that holds the x-api-key.", show_default=False)
    ] = "",
    ca_file: Annotated[
        Path | None, typer.Option(help="Trust these PEM certificates too.", show_default="the system's")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Do not verify the server's certificate.")] = False,
    name: Annotated[str, typer.Option(help="What to call this test.", show_default="host:port")] = "",
    report: Page = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures, for machines and `compare`.", show_default=False)
    ] = None,
    p95_ms: Annotated[float | None, typer.Option(help="Exit with 3 if p95 is above.", show_default=False)] = None,
    p99_ms: Annotated[float | None, typer.Option(help="Exit with 3 if p99 is above.", show_default=False)] = None,
    error_rate: Annotated[
        float | None, typer.Option(help="Exit with 3 if more than this share (0 to 1) fails.", show_default=False)
    ] = None,
) -> None:
    """Send a constant rate of requests, whether or not the server keeps up, and report latency and errors.

    Open loop: latency counts from when a request was due, so a server that stalls cannot hide it. Every request
    that is due is sent or counted as an error. Ctrl-C ends early and still reports. Exit code 3: a threshold was
    missed.

    Examples:

        mlops loadtest --url http://localhost:8080/predict --rate 500 --duration 60 --report load.html

        mlops loadtest --url https://api.example.com/predict --api-key-env API_KEY --rate 50 --json cloud.json

        mlops loadtest --url http://localhost:8080/predict --rate 200 --p95-ms 20 --error-rate 0.001
    """
    if context.invoked_subcommand is not None:
        return
    from ml.loadtest.connection import Address
    from ml.loadtest.results import Thresholds, passed
    from ml.loadtest.run import run_load
    from ml.loadtest.schedule import Arrivals, Load, usual_connections
    from ml.loadtest.target import Target, headers_of, requests_of, tls_of

    if report:  # before the test: without the page's libraries there is no sense in starting it
        from ml.loadtest.report import write_page
    if not url:
        raise SettingsError("--url: name the endpoint, such as --url http://localhost:8080/predict")
    load = Load(
        rate=rate,
        duration=duration,
        connections=usual_connections(rate) if connections is None else connections,
        timeout=timeout,
        arrivals=Arrivals(_one_of("--arrivals", arrivals.lower(), list(Arrivals))),
        seed=seed,
    )
    thresholds = Thresholds(p95_ms=p95_ms, p99_ms=p99_ms, error_rate=error_rate)
    target = Target.parse(url)
    method = _one_of("--method", method.upper(), ["POST", "PUT", "GET"])
    headers = headers_of([*(header or []), *_api_key(api_key_env)])
    tls = tls_of(target, ca_file=ca_file, verify=not insecure)
    bodies, kind, shown = (None, None, "none") if method == "GET" else _bodies(body, seed)
    if kind:
        headers = {"content-type": kind, **headers}
    say(f"▸ {load.rate:g} requests/s for {load.duration:g} s to {target.shown}, {load.connections} connections")
    result = run_load(
        load=load,
        address=Address(host=target.host, port=target.port, tls=tls),
        request=requests_of(target, method=method, headers=headers, bodies=bodies),
        described={
            "name": name or f"{target.host}:{target.port}",
            "url": target.shown,
            "started": now().isoformat(timespec="seconds"),
            # The names of headers only: their values may be keys.
            "settings": {"method": method, "body": shown, "headers": sorted(headers), "verified": not insecure},
        },
        thresholds=thresholds,
    )
    _print([result], [result["name"]])
    if json_file:
        write_json(json_file, result)
    if report:
        write_page(report, result)
    for file in filter(None, (json_file, report)):
        say(f"  {file}")
    if not passed(result):
        raise typer.Exit(MISSED)


@app.command()
def compare(
    files: Annotated[list[Path], typer.Argument(help="What --json wrote; the first is the yardstick.")],
    report: Page = None,
) -> None:
    """Set tests side by side: latencies with their ratios, rates, errors, and where the settings differ.

    Example:

        mlops loadtest compare laptop.json cloud.json --report compared.html
    """
    from ml.loadtest.results import read_result
    from ml.loadtest.summary import differences, names_of

    if len(files) < 2:
        raise SettingsError("compare: name two or more files that `mlops loadtest --json` wrote")
    results = [read_result(file) for file in files]
    if report:
        from ml.loadtest.report import write_comparison

        write_comparison(report, results, files=files)
    _print(results, names_of(results, files))
    for each in differences(results):
        say(f"  note: the tests differ in {each}")
    if report:
        say(f"  {report}")


def _api_key(variable: str) -> list[str]:
    if not variable:
        return []
    key = os.environ.get(variable, "").strip()
    if not key:
        raise SettingsError(f"--api-key-env: the environment variable {variable} is empty or not set")
    return [f"{API_KEY_HEADER}: {key}"]


def _bodies(file: Path | None, seed: int) -> "tuple[Bodies, str, str]":
    """Return the bodies, their content type, and what they are called in the report."""
    from ml.loadtest.bodies import JSON, bodies_from, sample_baskets

    if file is not None:
        return *bodies_from(file), file.name
    return sample_baskets(seed=seed), JSON, f"sample baskets, seed {seed}"


def _one_of(option: str, value: str, allowed: list[Any]) -> str:
    if value not in allowed:
        raise SettingsError(f"{option}: {value!r} is unknown; there is: {', '.join(allowed)}")
    return value


def _print(results: list[dict[str, Any]], names: list[str]) -> None:
    """Print the figures, one column per test, and what was noted about them."""
    from ml.loadtest.summary import THRESHOLD_TITLES, TIMES, milliseconds

    table = Table()
    table.add_column("figure")
    for name in names:
        table.add_column(escape(name), justify="right")
    for time in TIMES:
        values = [result["latency_ms"][time] if result["latency_ms"] else None for result in results]
        table.add_row(f"{time}, ms", *map(milliseconds, values))
    table.add_row("due, requests/s", *(f"{result['rate']['due']:,.1f}" for result in results))
    table.add_row("answered, requests/s", *(f"{result['rate']['answered']:,.1f}" for result in results))
    table.add_row("requests due", *(f"{result['requests']['due']:,}" for result in results))
    table.add_row("errors", *(f"{result['requests']['failed']:,} ({result['error_rate']:.2%})" for result in results))
    for kind in dict.fromkeys(kind for result in results for kind in result["errors"]):
        table.add_row(f"  {kind}", *(f"{result['errors'].get(kind, 0):,}" for result in results))
    lags = [(result["generator"]["lag_ms"] or {}).get("p99") for result in results]
    table.add_row("generator's lag, p99 ms", *map(milliseconds, lags))
    out.print(table)
    for result, name in zip(results, names, strict=True):
        for warning in result["warnings"]:
            say(f"  note ({name}): {warning}")
        for each in result["thresholds"]:
            say(f"  {'met' if each['met'] else 'MISSED'}: {THRESHOLD_TITLES[each['name']]} {_judged(each)}")


def _judged(threshold: dict[str, Any]) -> str:
    value, limit = threshold["value"], threshold["limit"]
    if value is None:
        return "was not measured: nothing was answered"
    if threshold["name"] == "error_rate":
        return f"{value:.3%}, at most {limit:.3%}"
    return f"{value:,.2f} ms, at most {limit:,g} ms"
