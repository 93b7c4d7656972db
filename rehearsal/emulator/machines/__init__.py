"""State machines as their roles: each Task's call is signed, decided on by IAM, and held to the service's model.

What the emulator has of a state machine's language is kept; what calls, tries again, branches and writes the history is
replaced, since it called as the account's root, in the names of its own handlers.
"""

from typing import Any

from rehearsal.emulator.front import Front
from rehearsal.emulator.settings import Settings


def install(settings: Settings) -> None:
    """Replace the parts."""
    from ministack.services import stepfunctions

    from rehearsal.emulator.machines.branches import Maps, run_states
    from rehearsal.emulator.machines.executions import Executions
    from rehearsal.emulator.machines.history import add_event
    from rehearsal.emulator.machines.sessions import Sessions
    from rehearsal.emulator.machines.tasks import Tasks, with_retry_and_catch

    sessions = Sessions(Front(settings))
    # Other plug-ins hook these, too: each is called by its name in the emulator's module.
    stepfunctions._run_execution = Executions(sessions).run
    stepfunctions._add_event = add_event
    stepfunctions._execute_task = Tasks(sessions, region=settings.region).execute
    stepfunctions._with_retry_and_catch = with_retry_and_catch
    stepfunctions._run_sub_machine = run_states
    stepfunctions._run_map_items = Maps().run_items
    stepfunctions._apply_state_assign = _assign


def _assign(
    state: dict[str, Any], given: Any, context: dict[str, Any], result: Any = None, error_output: Any = None
) -> None:
    """Set a state's variables, all of them by the values from before it."""
    from ministack.services import stepfunctions

    assign = state.get("Assign")
    if not assign or stepfunctions._state_query_language(state, context) != "JSONata":
        return
    values = {
        name: stepfunctions._apply_jsonata_template(each, given, context, result=result, error_output=error_output)
        for name, each in assign.items()
    }
    context.setdefault("variables", {}).update(values)
