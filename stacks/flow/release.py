"""The release: from an approved version to the champion, or back; and the roll-back for an alarm or a person."""

from dataclasses import dataclass
from typing import Any, Final

from config.names import ARTIFACTS, AUDIT, RELEASE
from config.settings import EnvironmentSettings, FlowSettings
from lambdas.common.errors import TRANSIENT, ReleaseUnderWayError
from stacks.flow.states import (
    DAY,
    DECIDED_BY,
    DECIDED_WHY,
    ENTERED,
    EXECUTION,
    FAILURE,
    PACKAGE_VERSION,
    START,
    State,
    States,
    call,
    choice,
    end,
    fail,
    failure_path,
    given,
    keep,
    machine,
    plain,
    record,
    seconds_since,
    tell,
    wait,
)

# A request to the cluster may take 70 seconds with all that is tried inside of a function.
FUNCTION_SECONDS: Final = 180
_CALL_SECONDS: Final = FUNCTION_SECONDS + 20
_LOOK_SECONDS: Final = 10
_WATCH_SECONDS: Final = 30
# For calls that need more than one try, over the whole release.
_SLACK_SECONDS: Final = 3600
_WAITS: Final = 12
_FIRST_WAIT_SECONDS: Final = 60
_PATIENT: Final = (ReleaseUnderWayError.__name__,)
_TRANSIENT: Final = tuple(each for each in TRANSIENT if each not in _PATIENT)

_INPUT: Final = "$states.input"
_BY_HAND: Final = f"'execution ' & {EXECUTION}"
_NO_REASON: Final = "'no reason given'"
_ANSWER: Final = "$states.result.Payload"
_NOT_RELEASED: Final = "{'outcome': $deployed.status, 'version': $version, 'reason': $deployed.reason}"
# From where all failures of a release are undone, and from where a person takes over.
_BROKE: Final = "Say what broke the release"
_UNDO: Final = "Undo the release"
_PERSON: Final = "Record that a person is needed"


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the definition refers to: ARNs and names, some of them tokens; ``basket`` is what pods are asked about."""

    settings: EnvironmentSettings
    bucket: str
    topic: str
    deploy: str
    rollout: str
    verify: str
    promote: str
    roll_back: str
    alarms: tuple[str, ...]
    basket: dict[str, Any]

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.settings.name(RELEASE)


def limit_seconds(flow: FlowSettings) -> int:
    """Return the time limit of an execution: its own work, and the wait until another release has ended."""
    waits = [_FIRST_WAIT_SECONDS]
    while len(waits) < _WAITS:
        waits.append(min(2 * waits[-1], _longest_wait(flow)))
    return _own_seconds(flow) + sum(waits)


def release(parts: Parts) -> State:
    """Return the definition."""
    return machine(
        "From an approved version to the champion, or back; for an alarm or by hand, to the version before",
        first="Begin",
        states={
            **_beginning(),
            **_rollout(parts),
            **_verification(parts),
            **_promotion(parts),
            **_undoing(parts),
            **_roll_back(parts),
            **failure_path(
                parts.name,
                bucket=parts.bucket,
                key=_record_key(),
                topic=parts.topic,
                facts="{'key': $key, 'package': $package}",
            ),
        },
        seconds=limit_seconds(parts.settings.flow),
    )


def _beginning() -> States:
    return {
        "Begin": keep(
            "An event says what it is about, and when; by hand the execution does",
            variables={
                "key": f"{{% {given(f'{_INPUT}.key', EXECUTION)} %}}",
                "at": f"{{% {given(f'{_INPUT}.at', START)} %}}",
                "by": f"{{% {given(f'{_INPUT}.by', _BY_HAND)} %}}",
                "reason": f"{{% {given(f'{_INPUT}.reason', _NO_REASON)} %}}",
                "package": f"{{% {given(f'{_INPUT}.package', 'null')} %}}",
                "cause": (
                    f"{{% $exists({_INPUT}.alarm) ? {{'alarm': {_INPUT}.alarm}}"
                    f" : $exists({_INPUT}.version) ? {{'version': {_INPUT}.version}} : null %}}"
                ),
                "evidence": {},
                "undo_error": {},
                "trouble": "none",
            },
            then="What is asked for?",
        ),
        "What is asked for?": choice(
            "A version that was approved is released; for an alarm or by hand the one that runs is taken back",
            ("$cause != null", "Take the version back"),
            ("$package != null", "Describe the package"),
            otherwise="Say that nothing is asked for",
        ),
        "Say that nothing is asked for": keep(
            "Somebody started this by hand with something else",
            variables={
                "error": {"Error": "NothingAskedFor", "Cause": "the input has no package, alarm or version"},
            },
            then=FAILURE,
        ),
        "Describe the package": plain(
            "Which version it is, who approved it and why",
            "sagemaker:describeModelPackage",
            arguments={"ModelPackageName": "{% $package %}"},
            assign={
                "version": f"{{% {given(PACKAGE_VERSION, 'null')} %}}",
                "by": f"{{% {given(DECIDED_BY, '$by')} %}}",
                "reason": f"{{% {given(DECIDED_WHY, _NO_REASON)} %}}",
            },
            then="Does the package name a version?",
        ),
        "Does the package name a version?": choice(
            "One that was registered past the training has no bundle to serve",
            ("$version != null", "Deploy the version"),
            otherwise="Say that the package has no version",
        ),
        "Say that the package has no version": keep(
            "Nothing has been changed yet",
            variables={
                "error": {
                    "Error": "NoVersion",
                    "Cause": "{% $package & ': its CustomerMetadataProperties name no version' %}",
                },
            },
            then=FAILURE,
        ),
    }


def _rollout(parts: Parts) -> States:
    flow = parts.settings.flow
    patience: State = {
        "ErrorEquals": list(_PATIENT),
        "IntervalSeconds": _FIRST_WAIT_SECONDS,
        "BackoffRate": 2,
        "MaxAttempts": _WAITS,
        "MaxDelaySeconds": _longest_wait(flow),
        "JitterStrategy": "FULL",
    }
    return {
        "Deploy the version": _ask(
            "Enter it in the ledger, and let the Deployment ask for it. One release at a time: a second one waits",
            parts.deploy,
            payload={
                **_decided(),
                "execution": f"{{% {EXECUTION} %}}",
                "version": "{% $version %}",
                "package": "{% $package %}",
            },
            assign={"deployed": f"{{% {_ANSWER} %}}"},
            before=[patience],
            then="Is it being deployed?",
        ),
        "Is it being deployed?": choice(
            "It may serve already, have ended before, or not be approved any more",
            ("$deployed.status = 'deploying'", "Start the clock"),
            ("$deployed.status = 'duplicate'", "Record that the event came twice"),
            otherwise="Record that nothing is released",
        ),
        "Record that the event came twice": _record(
            parts,
            "Which execution has the release",
            _NOT_RELEASED,
            then="Left to the other execution",
        ),
        "Left to the other execution": end("That one releases the version, tells of it, and undoes it if it fails"),
        "Record that nothing is released": _record(
            parts,
            "Why not, in the function's words",
            _NOT_RELEASED,
            then="Tell that nothing is released",
        ),
        "Tell that nothing is released": _tell(
            parts,
            "Whoever approved it waits for it",
            subject="$version & ' is not released'",
            message=f"$version & ': ' & $deployed.reason & '. ' & {_or_none('$deployed.from_version')} & ' serves.'",
            then="Nothing released",
        ),
        "Nothing released": end("The champion goes on serving"),
        "Start the clock": keep(
            "Only now: another release may have had to end first",
            variables={"deployed_at": ENTERED},
            then="Wait for its pods",
        ),
        "Wait for its pods": wait("They fetch the model first", seconds=_LOOK_SECONDS, then="Look at the rollout"),
        "Look at the rollout": _ask(
            "How many pods are ready, and what keeps the others",
            parts.rollout,
            payload={"version": "{% $version %}"},
            assign={"looked": f"{{% {_ANSWER} %}}", **_because("rollout", "the rollout is", pods=True)},
            then="Are its pods ready?",
        ),
        "Are its pods ready?": choice(
            "Old pods serve until the new ones do",
            ("$looked.status = 'done'", "Ask each pod"),
            (
                f"$looked.status = 'progressing' and {seconds_since('$deployed_at')} < {flow.rollout_seconds}",
                "Wait for its pods",
            ),
            otherwise=_UNDO,
        ),
    }


def _verification(parts: Parts) -> States:
    flow = parts.settings.flow
    names = ", ".join(f"'{each}'" for each in parts.alarms)
    alarms = "$append($states.result.CompositeAlarms, $states.result.MetricAlarms)"
    since = "$toMillis(StateTransitionedTimestamp) >= $toMillis($deployed_at)"
    raised = f"[{alarms}[StateValue = 'ALARM' and {since}].AlarmName]"
    missing = f"($there := [{alarms}.AlarmName]; [$filter([{names}], function($each) {{$not($each in $there)}})])"
    return {
        "Ask each pod": _ask(
            "Smoke test: each new pod by itself, since through the load balancer an old one could answer",
            parts.verify,
            payload={"version": "{% $version %}", "basket": parts.basket},
            assign={
                "verified": f"{{% {_ANSWER} %}}",
                "baking_since": ENTERED,
                **_because("smoke_test", "the smoke test"),
            },
            then="Did each pod answer right?",
        ),
        "Did each pod answer right?": choice(
            "With a prediction, and by this version",
            ("$verified.status = 'passed'", "Read the alarms"),
            otherwise=_UNDO,
        ),
        "Read the alarms": plain(
            "Those raised since the deployment: one from before is not about this version. One that is missing watches"
            " nobody",
            "cloudwatch:describeAlarms",
            arguments={"AlarmNames": list(parts.alarms), "AlarmTypes": ["CompositeAlarm", "MetricAlarm"]},
            assign={
                "raised": f"{{% {raised} %}}",
                "missing": f"{{% {missing} %}}",
                "why": f"{{% 'alarms raised: ' & $join({raised}, ', ') & '; missing: ' & $join({missing}, ', ') %}}",
            },
            caught=_BROKE,
            then="Is it quiet?",
        ),
        "Is it quiet?": choice(
            "An alarm ends the release at once; no alarm for long enough ends it well",
            ("$count($raised) > 0 or $count($missing) > 0", _UNDO),
            (f"{seconds_since('$baking_since')} >= {flow.bake_seconds}", "Promote the version"),
            otherwise="Let it serve",
        ),
        "Let it serve": wait(
            "It takes real requests meanwhile",
            seconds=max(1, min(_WATCH_SECONDS, flow.bake_seconds)),
            then="Read the alarms",
        ),
    }


def _promotion(parts: Parts) -> States:
    quiet = f"'no alarm in {parts.settings.flow.bake_seconds} seconds'"
    return {
        "Promote the version": _ask(
            "The champion from here on, and the version before it one to go back to",
            parts.promote,
            payload={
                **_decided(),
                "reason": f"{{% {quiet} %}}",
                "evidence": f"{{% $merge([$evidence, {{'bake': {quiet}}}]) %}}",
            },
            assign={"promoted": f"{{% {_ANSWER} %}}", **_because("promotion", "the promotion")},
            then="Is it the champion?",
        ),
        "Is it the champion?": choice(
            "It may have been taken back or rejected meanwhile",
            ("$promoted.status = 'promoted'", "Record the release"),
            otherwise=_UNDO,
        ),
        "Record the release": _record(
            parts,
            "Its outcome, with what speaks for it",
            "{'outcome': 'promoted', 'version': $version, 'from_version': $promoted.from_version, 'by': $by,"
            " 'reason': $reason, 'evidence': $evidence}",
            then="Tell of the release",
        ),
        "Tell of the release": _tell(
            parts,
            "Once, with the version before it",
            subject="$version & ' is the champion'",
            message=(
                f"$version & ' serves; before it ' & {_or_none('$promoted.from_version')} & '. Approved by ' & $by"
                " & ': ' & $reason"
            ),
            then="Released",
        ),
        "Released": end("It serves, and is watched by the alarms from here on"),
    }


def _undoing(parts: Parts) -> States:
    return {
        _BROKE: keep(
            "What was being done may have been done or not: it is undone either way",
            variables={"why": "{% $error.Error & ': ' & $error.Cause %}"},
            then=_UNDO,
        ),
        _UNDO: keep(
            f"{parts.settings.name('release')} has failed; the champion is to serve again",
            variables={
                "cause": (
                    f"{{% {{'release': {{'key': $key, 'at': $at, 'execution': {EXECUTION}, 'version': $version,"
                    " 'package': $package}} %}"
                ),
                # Alarms go on measuring the version for a while from now on, not from the approval.
                "at": ENTERED,
                "by": f"{{% 'release ' & {EXECUTION} %}}",
                "reason": "{% $substring('the release failed: ' & $why, 0, 1000) %}",
            },
            then="Take the version back",
        ),
    }


def _roll_back(parts: Parts) -> States:
    flow = parts.settings.flow
    outcome = "{'outcome': $taken.status, 'taken': $taken, 'cause': $cause, 'by': $by, 'reason': $reason}"
    return {
        "Take the version back": _ask(
            "Decided once by the ledger, then the Deployment follows, and the version is rejected in the registry",
            parts.roll_back,
            payload=(
                "{% $merge([{'key': $key, 'at': $at, 'by': $by, 'reason': $reason, 'evidence': $evidence}, $cause]) %}"
            ),
            assign={
                "taken": f"{{% {_ANSWER} %}}",
                "trouble": f"{{% {_ANSWER}.reason %}}",
                "taken_back_at": ENTERED,
            },
            caught=_PERSON,
            error="undo_error",
            then="What came of it?",
        ),
        "What came of it?": choice(
            "Without a healthy version before it nothing can be gone back to; or there was nothing to take back",
            ("$taken.status = 'rolled_back'", "Wait for the old version"),
            ("$taken.status = 'refused'", _PERSON),
            otherwise="Record the roll-back",
        ),
        "Wait for the old version": wait(
            "Its pods come as those of a release do", seconds=_LOOK_SECONDS, then="Look at the old version"
        ),
        "Look at the old version": _ask(
            "Taken back is not yet served: its pods must be ready",
            parts.rollout,
            payload={"version": "{% $taken.to_version %}"},
            assign={
                "returned": f"{{% {_ANSWER} %}}",
                "trouble": (
                    f"{{% $taken.to_version & ' does not serve yet. The rollout is ' & {_ANSWER}.status & ': '"
                    f" & {_ANSWER}.reason %}}"
                ),
            },
            caught=_PERSON,
            error="undo_error",
            then="Does the old version serve?",
        ),
        "Does the old version serve?": choice(
            "A later decision may have asked for yet another one: then that one's execution looks after it",
            ("$returned.status in ['done', 'superseded']", "Record the roll-back"),
            (
                f"$returned.status = 'progressing' and {seconds_since('$taken_back_at')} < {flow.rollout_seconds}",
                "Wait for the old version",
            ),
            otherwise=_PERSON,
        ),
        "Record the roll-back": _record(
            parts, "What was taken back, for what, and what serves", outcome, then="Tell of the roll-back"
        ),
        "Tell of the roll-back": _tell(
            parts,
            "Once; also where nothing had to be done, since an alarm makes people ask",
            subject="$taken.status = 'nothing' ? 'nothing to take back' : $taken.from_version & ' was taken back'",
            message=(
                "($taken.status = 'nothing' ? 'Nothing was taken back: ' & $taken.reason"
                " : $taken.from_version & ' was taken back; ' & $taken.to_version & ' serves') & '. ' & $reason"
            ),
            then="Was a release undone?",
        ),
        "Was a release undone?": choice(
            "A release that failed is a failure, though everything serves as before",
            ("$exists($cause.release)", "Release failed"),
            otherwise="Taken back",
        ),
        "Release failed": fail("The champion serves", error="'ReleaseFailed'", cause="$reason"),
        "Taken back": end("The version before it serves, or the alarm was about none that runs"),
        _PERSON: _record(
            parts,
            "Nobody but a person can say what is to serve now",
            "{'outcome': 'a person is needed', 'cause': $cause, 'by': $by, 'reason': $reason,"
            f" 'trouble': {_trouble()}}}",
            then="Page a person",
        ),
        "Page a person": _tell(
            parts,
            "The one message that cannot wait",
            subject="'ACT NOW: the roll-back needs a person'",
            message=f"{_trouble()} & '. It was asked for by ' & $by & ': ' & $reason",
            then="A person is needed",
        ),
        "A person is needed": fail("See the message and the record", error="'PersonNeeded'", cause=f"{_trouble()}"),
    }


def _decided() -> dict[str, Any]:
    """Return what every decision is made with."""
    return {"key": "{% $key %}", "at": "{% $at %}", "by": "{% $by %}", "reason": "{% $reason %}"}


def _because(name: str, what: str, *, pods: bool = False) -> dict[str, str]:
    """Return the variables that keep an answer as evidence, and as the reason should the release fail for it."""
    waiting = f" & $join({_ANSWER}.not_ready.('; ' & pod & ': ' & reason), '')" if pods else ""
    words = f"{_ANSWER}.status & ': ' & {_ANSWER}.reason{waiting}"
    return {
        "why": f"{{% '{what} ' & {words} %}}",
        "evidence": f"{{% $merge([$evidence, {{'{name}': $substring({words}, 0, 1000)}}]) %}}",
    }


def _or_none(version: str) -> str:
    """Return JSONata for a version in a sentence: before the first release there is none."""
    return f"({version} = null ? 'none' : {version})"


def _trouble() -> str:
    """Return JSONata: what keeps a roll-back from its end."""
    return "($exists($undo_error.Error) ? $undo_error.Error & ': ' & $undo_error.Cause : $trouble)"


def _ask(comment: str, function: str, *, payload: Any, then: str, caught: str = _BROKE, **more: Any) -> State:
    """Return a call of a function that asks the cluster, whose API server may be away for minutes."""
    return call(
        comment,
        function,
        payload=payload,
        seconds=_CALL_SECONDS,
        then=then,
        errors=_TRANSIENT,
        attempts=8,
        caught=caught,
        **more,
    )


def _record(parts: Parts, comment: str, content: str, *, then: str) -> State:
    """Return the record of the execution's outcome. The functions have recorded theirs: without it things go on."""
    return record(
        comment,
        parts.bucket,
        key=_record_key(),
        content=f"$merge([{content}, {{'key': $key}}])",
        then=then,
        caught=then,
        error="record_error",
    )


def _tell(parts: Parts, comment: str, *, subject: str, message: str, then: str) -> State:
    """Return a message about the release; that it was not taken changes nothing of the outcome."""
    return tell(
        comment,
        parts.topic,
        subject=f"'{parts.name}: ' & ({subject})",
        message=message,
        then=then,
        caught=then,
        error="told_error",
    )


def _record_key() -> str:
    return f"'{ARTIFACTS}/{AUDIT}/' & {DAY} & '/execution-' & {EXECUTION} & '.json'"


def _own_seconds(flow: FlowSettings) -> int:
    """Return how long a release takes at most: its own rollout, the bake, and the rollout back."""
    return 2 * flow.rollout_seconds + flow.bake_seconds + _SLACK_SECONDS


def _longest_wait(flow: FlowSettings) -> int:
    """Return the longest wait between two looks whether another release has ended."""
    return max(600, _own_seconds(flow) // 8)
