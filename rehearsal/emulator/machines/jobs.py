"""Tasks that wait for a SageMaker job's end: ``createProcessingJob.sync`` and ``createTrainingJob.sync``."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

from rehearsal.emulator.machines.integrations import TaskError, call_plainly
from rehearsal.emulator.machines.sessions import Session
from rehearsal.emulator.roles import DeniedError, require
from rehearsal.emulator.sagemaker.events import changed

# Of Step Functions' own, for learning that a job has ended.
_RULE: Final = "StepFunctionsGetEventsForSageMaker{kind}JobsRule"
_RULE_ACTIONS: Final = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
_LOOK_SECONDS: Final = 2.0


def run_job(
    kind: str, arguments: Any, session: Session, *, until: float | None, ended_early: Callable[[], bool]
) -> dict[str, Any]:
    """Start a job and return its description when it is complete; one that is of no use any more is stopped.

    ``until`` is the monotonic time at which the Task's limit is over.

    Raises:
        TaskError: the job failed or was stopped, or the limit was over (``States.Timeout``).

    """
    _may_listen(kind, session)
    name, status = f"{kind}JobName", f"{kind}JobStatus"
    call_plainly("sagemaker", f"create{kind}Job", arguments, session)
    named = {name: arguments[name]}
    while True:
        with changed:
            changed.wait(_LOOK_SECONDS)
        over = until is not None and time.monotonic() > until
        if over or ended_early():
            call_plainly("sagemaker", f"stop{kind}Job", named, session)
            raise TaskError("States.Timeout", f"the {kind} job {arguments[name]} took too long, and was stopped")
        job: dict[str, Any] = call_plainly("sagemaker", f"describe{kind}Job", named, session)
        if job[status] == "Completed":
            return job
        if job[status] in {"Failed", "Stopped"}:
            raise TaskError("States.TaskFailed", json.dumps(job))


def _may_listen(kind: str, session: Session) -> None:
    """Return if the role may have the rule made; AWS refuses a machine whose role may not when it is made."""
    from ministack.core.responses import get_account_id, get_region

    rule, region = _RULE.format(kind=kind), get_region()
    resource = f"arn:aws:events:{region}:{get_account_id()}:rule/{rule}"
    try:
        for action in _RULE_ACTIONS:
            require(session.credentials.access_key, action, resource, service="events", region=region)
    except DeniedError as error:
        text = f"{session.credentials.arn} is not authorized to create managed-rule {rule}: {error}"
        raise TaskError("States.Runtime", text) from error
