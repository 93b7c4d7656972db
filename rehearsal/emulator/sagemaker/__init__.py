"""SageMaker: the registry, jobs that really run, and the feature store, decided on by the emulator's IAM."""

import threading
from typing import Any, Final

from rehearsal.emulator.front import Front
from rehearsal.emulator.sagemaker.state import Caller, State
from rehearsal.emulator.settings import Settings
from rehearsal.forked import preload

SERVICE: Final = "sagemaker"
_RUNTIME: Final = "sagemaker-featurestore-runtime"


def install(settings: Settings) -> None:
    """Add SageMaker and the feature store's runtime to the emulator."""
    from ministack import app
    from ministack.core import iam_actions, router

    from rehearsal.emulator.sagemaker import api, records
    from rehearsal.emulator.sagemaker.access import install_resources, parsed
    from rehearsal.emulator.sagemaker.processing import run_processing
    from rehearsal.emulator.sagemaker.runs import Runner
    from rehearsal.emulator.sagemaker.training import run_training

    state = State(account=settings.account, region=settings.region, folder=settings.folder, front=Front(settings))
    if settings.entry:
        loaded = (settings.preloaded, settings.folder)
        threading.Thread(target=preload, args=loaded, name="preload", daemon=True).start()
    state.runner = Runner(state, settings, {"Processing": run_processing, "Training": run_training})

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        caller = _caller(headers, query)
        if "x-amz-target" not in headers:
            request = records.Request(method=method, path=path, query=query, body=body)
            return records.answer(state, request, caller)
        operation = headers["x-amz-target"].rsplit(".", 1)[-1]
        return api.answer(state, operation, parsed(body), caller)

    app.SERVICE_HANDLERS[SERVICE] = handle
    router.SERVICE_PATTERNS[SERVICE] = {"target_prefixes": ["SageMaker."]}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[SERVICE] = SERVICE
    # The feature store's runtime signs as the same service; its paths tell the operation.
    iam_actions._BOTOCORE_SERVICE_MAP[SERVICE] = [_RUNTIME]
    install_resources()


def _caller(headers: dict[str, str], query: dict[str, Any]) -> Caller:
    from ministack.core.iam_evaluator import caller_arn
    from ministack.core.router import extract_access_key_id

    return Caller(arn=caller_arn(), access_key=extract_access_key_id(headers, query))
