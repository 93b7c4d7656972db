"""When a composite alarm's actions are held back: by another alarm, its suppressor, as PutCompositeAlarm has it.

When the composite alarm changes, its actions wait for up to the wait period for the suppressor to be raised. While
that is raised, and for the extension period after it, nothing is done. Then the actions of the state that the alarm
is in are run, unless they are those that were run last.
"""

from dataclasses import dataclass

from rehearsal.emulator.alarms.evaluation import State


@dataclass
class Suppression:
    """What is held back of one composite alarm; periods in seconds of real time."""

    wait: float
    extension: float
    # The state whose actions were run last, and the one that waits.
    told: State | None = None
    waiting: State | None = None
    wait_until: float = 0.0
    raised: bool = False
    extended_until: float = 0.0

    def changed(self, state: State, *, now: float) -> None:
        """The composite alarm came into ``state``; its actions wait."""
        self.waiting = None if state is self.told else state
        self.wait_until = now + self.wait

    def suppressor(self, *, raised: bool, now: float) -> None:
        """Whether the suppressor is raised now."""
        if self.raised and not raised:
            self.extended_until = now + self.extension
        self.raised = raised

    def by(self, *, now: float) -> str | None:
        """What holds the actions back now, as DescribeAlarms says it; None where nothing does."""
        if self.waiting is None:
            return None
        if self.raised:
            return "Alarm"
        if now < self.extended_until:
            return "ExtensionPeriod"
        return "WaitPeriod" if now < self.wait_until else None

    def release(self, *, now: float) -> State | None:
        """Return the state whose actions are to be run now."""
        state = self.waiting
        if state is None or self.by(now=now):
            return None
        self.told, self.waiting = state, None
        return state
