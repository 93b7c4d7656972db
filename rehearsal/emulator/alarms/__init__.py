"""CloudWatch alarms as CloudWatch documents them, in place of ministack's.

Dimensions, statistics with percentiles, periods, M out of N, missing data, metric math, composite alarms with their
suppressors, histories, state-change events and notifications to SNS. What is not emulated (anomaly detection, other
actions than SNS topics, other functions of metric math) is refused when the alarm is made.

Time is shortened: with ``Settings.speed`` 12 an alarm with a period of 60 s looks at 5 s. The periods end with the
(shortened) minute, as AWS's do: an alarm is looked at each minute, on the last periods before it, whatever their
length; each hour if it looks at more than a day. Metrics keep the times at which they were published, and what an
alarm says of its periods is what was asked for. With speed 1 the times are AWS's own.
"""

import threading
import time

from rehearsal.emulator import fidelity
from rehearsal.emulator.alarms import requests
from rehearsal.emulator.alarms.watch import Watch
from rehearsal.emulator.settings import Settings

_SECONDS = 1.0


def install(settings: Settings) -> None:
    """Replace ministack's alarms, and begin to look at them."""
    fidelity.emulated(
        "AWS::CloudWatch::Alarm", "Metric math knows IF, FILL and PERIOD; actions are SNS topics; no anomaly detection."
    )
    watch = Watch(speed=settings.speed)
    requests.install(watch)
    pause = min(_SECONDS, 60 / settings.speed / 2)
    threading.Thread(target=_look, args=(watch, pause), name="alarms", daemon=True).start()


def _look(watch: Watch, pause: float) -> None:
    while True:
        time.sleep(pause)
        watch.look(now=time.time())
