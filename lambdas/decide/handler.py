"""Read the gate's decision out of the evaluation and record it: accepted or rejected, by which figures and why."""

from pydantic import AwareDatetime

from config.names import ModelStatus
from lambdas.common.audit import Record
from lambdas.common.events import Frozen
from lambdas.common.runs import Run, RunFolder, figures_of, winner_of
from lambdas.common.runtime import handler_of
from lambdas.common.training import TrainingTools, training_tools

DECISION = "gate"
# What a record and a message may hold.
_LONGEST_REASON = 1_900


class Decide(Frozen):
    """The run whose candidates have been evaluated."""

    run: Run
    at: AwareDatetime


class Decision(Frozen):
    """The gate's decision on the best candidate, and the figures it was made on."""

    accepted: bool
    status: ModelStatus
    winner: str
    version: str
    champion: str | None
    accuracy: float
    macro_f1: float
    class_precision_minimum: float
    reason: str


def decide(event: Decide, tools: TrainingTools) -> Decision:
    """Return and record the decision."""
    evaluation = RunFolder(tools.objects, event.run).read_evaluation()
    gate, judged = evaluation["decision"], winner_of(evaluation)
    winner, figures = judged["name"], figures_of(judged)
    accepted = bool(gate["accepted"])
    by_hand = accepted and tools.settings.approval == "person"
    decision = Decision(
        accepted=accepted,
        status=ModelStatus.PENDING if by_hand else ModelStatus(gate["status"]),
        winner=winner,
        version=judged["version"],
        champion=(evaluation["champion"] or {}).get("version"),
        reason="; ".join(gate["reasons"])[:_LONGEST_REASON],
        **figures,
    )
    tools.audit.write(
        Record(
            what=DECISION,
            key=event.run,
            at=event.at,
            by="the gate",
            from_version=decision.champion,
            to_version=decision.version,
            outcome="accepted" if accepted else "rejected",
            reason=decision.reason,
            evidence={"run": event.run, "candidate": winner, **figures},
        )
    )
    return decision


handler = handler_of("decide", Decide, decide, training_tools)
