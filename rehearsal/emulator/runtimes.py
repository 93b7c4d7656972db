"""Functions in Python run by this environment's interpreter, whose libraries take the place of their layers.

A layer holds wheels compiled for the runtime's own Python, which is another one than this. And a function's log is
written by its role: without permission there is none, and no log group is made.
"""

import logging
from typing import Any, Final

from ministack.core import lambda_runtime
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs, lambda_svc

from rehearsal.emulator import fidelity
from rehearsal.emulator.roles import DeniedError, require
from rehearsal.emulator.settings import Settings

_LOG: Final = logging.getLogger("runtimes")


def install(settings: Settings) -> None:
    """Start functions in Python without their layers; let logs need their permission."""
    fidelity.emulated("AWS::Lambda::Function", "Python is this environment's; memory limits are not applied.")
    fidelity.accepted("AWS::Lambda::LayerVersion", "Functions in Python find the libraries of this environment.")
    spawn = lambda_runtime.Worker._spawn

    def spawn_without_layers(worker: lambda_runtime.Worker) -> None:
        if worker.config.get("Runtime", "").startswith("python"):
            worker.config = {**worker.config, "Layers": []}
        spawn(worker)

    lambda_runtime.Worker._spawn = spawn_without_layers
    emit = lambda_svc._emit_lambda_logs

    def emit_as_role(function: dict[str, Any], *rest: Any, **named: Any) -> None:
        if _may_log(function.get("config") or function, settings):
            emit(function, *rest, **named)

    lambda_svc._emit_lambda_logs = emit_as_role


def _may_log(config: dict[str, Any], settings: Settings) -> bool:
    name = config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    group = f"arn:aws:logs:{settings.region}:{settings.account}:log-group:{name}"
    needed = [("logs:CreateLogStream", f"{group}:*"), ("logs:PutLogEvents", f"{group}:log-stream:any")]
    with request_scope(settings.account, settings.region):
        if name not in cloudwatch_logs._log_groups:
            needed.append(("logs:CreateLogGroup", f"{group}:*"))
        key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
        try:
            for action, resource in needed:
                require(key, action, resource, service="logs", region=settings.region)
        except DeniedError as denied:
            _LOG.warning("no log of %s: %s", config["FunctionName"], denied)
            return False
    return True
