"""When a composite alarm's actions wait for its suppressor, and for how long."""

from rehearsal.emulator.alarms.evaluation import State
from rehearsal.emulator.alarms.suppression import Suppression

OK, ALARM = State.OK, State.ALARM


def held_back() -> Suppression:
    return Suppression(wait=120, extension=3600, told=OK)


def test_actions_wait_for_the_suppressor_and_run_if_it_is_not_raised() -> None:
    one = held_back()

    one.changed(ALARM, now=0)

    assert one.by(now=119) == "WaitPeriod"
    assert one.release(now=119) is None
    assert one.release(now=120) is ALARM
    assert one.release(now=121) is None


def test_nothing_is_told_while_the_suppressor_is_raised_nor_in_the_extension_after_it() -> None:
    one = held_back()
    one.changed(ALARM, now=0)

    one.suppressor(raised=True, now=60)
    assert (one.by(now=500), one.release(now=500)) == ("Alarm", None)
    one.suppressor(raised=False, now=1000)

    assert (one.by(now=4599), one.release(now=4599)) == ("ExtensionPeriod", None)
    assert one.release(now=4600) is ALARM


def test_what_was_over_before_anybody_was_told_is_not_told() -> None:
    one = held_back()

    one.changed(ALARM, now=0)
    one.changed(OK, now=60)

    assert one.by(now=60) is None
    assert one.release(now=500) is None


def test_a_suppressor_that_was_raised_before_suppresses_from_the_beginning() -> None:
    one = held_back()
    one.suppressor(raised=True, now=0)

    one.changed(ALARM, now=500)

    assert one.by(now=501) == "Alarm"
    assert one.release(now=501) is None
