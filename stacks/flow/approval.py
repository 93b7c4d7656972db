"""The approval: a version waits for a person, for so many days and no longer."""

from dataclasses import dataclass
from typing import Any, Final

from config.names import APPROVAL, ARTIFACTS, AUDIT, ModelStatus
from config.settings import EnvironmentSettings, FlowSettings
from stacks.flow.states import (
    DAY,
    DECIDED_BY,
    DECIDED_WHY,
    ENTERED,
    EXECUTION,
    PACKAGE_VERSION,
    State,
    States,
    choice,
    end,
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

_DAY_SECONDS: Final = 86_400
_SHORTEST_WAIT_SECONDS: Final = 900
# An execution has room for 25,000 events; one look takes about ten of them.
_MOST_LOOKS: Final = 2_000
_THE_REGISTRY: Final = "'the registry'"
_NO_REASON: Final = "'no reason given'"


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the definition refers to: ARNs and names, some of them tokens."""

    settings: EnvironmentSettings
    bucket: str
    topic: str

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.settings.name(APPROVAL)


def approval(parts: Parts) -> State:
    """Return the definition."""
    days = parts.settings.flow.approval_days
    states: States = {
        "Begin": keep(
            "Which package waits",
            variables={
                "package": f"{{% {given('$states.input.package', 'null')} %}}",
                "asked_at": ENTERED,
                "version": None,
            },
            then="Describe the version",
        ),
        "Describe the version": _look(
            "What somebody is asked to approve; its event may be late", then="Does it still wait?"
        ),
        "Does it still wait?": choice(
            "It may have been decided before this began",
            (f"$status = '{ModelStatus.PENDING}'", "Ask for approval"),
            otherwise="Record the decision",
        ),
        "Ask for approval": tell(
            "With the figures, and the command that approves it",
            parts.topic,
            subject=f"'{parts.name}: ' & $version & ' waits for approval'",
            message=_question(days),
            then="Wait for a person",
        ),
        "Wait for a person": wait(
            "Longer between looks where more days are given: an execution has room for so many events",
            seconds=wait_seconds(parts.settings.flow),
            then="Look whether it was decided",
        ),
        "Look whether it was decided": _look("In the registry, where people decide", then="Has somebody decided?"),
        "Has somebody decided?": choice(
            "Until the days are over",
            (f"$status != '{ModelStatus.PENDING}'", "Record the decision"),
            (f"{seconds_since('$asked_at')} >= {days * _DAY_SECONDS}", "Reject the version"),
            otherwise="Wait for a person",
        ),
        "Reject the version": plain(
            "What nobody wanted in time is not released by surprise later",
            "sagemaker:updateModelPackage",
            arguments={
                "ModelPackageArn": "{% $package %}",
                "ModelApprovalStatus": str(ModelStatus.REJECTED),
                "ApprovalDescription": f"{{% {_nobody(days)} %}}",
            },
            assign={"status": str(ModelStatus.REJECTED), "by": parts.name, "reason": f"{{% {_nobody(days)} %}}"},
            then="Record the decision",
        ),
        "Record the decision": record(
            "Who decided what, and why",
            parts.bucket,
            key=_record_key(),
            content="{'outcome': $status, 'version': $version, 'package': $package, 'by': $by, 'reason': $reason}",
            then="Tell of the decision",
        ),
        "Tell of the decision": tell(
            "An approved version is released from here on",
            parts.topic,
            subject=f"'{parts.name}: ' & $version & ' is ' & $status",
            message="$version & ' is ' & $status & ' by ' & $by & ': ' & $reason",
            then="Decided",
        ),
        "Decided": end("An approval's own event starts the release"),
        **failure_path(
            parts.name,
            bucket=parts.bucket,
            key=_record_key(),
            topic=parts.topic,
            facts="{'package': $package, 'version': $version}",
        ),
    }
    return machine(
        "A version waits for a person, for so many days and no longer",
        first="Begin",
        states=states,
        seconds=days * _DAY_SECONDS + 2 * wait_seconds(parts.settings.flow) + 3600,
    )


def wait_seconds(flow: FlowSettings) -> int:
    """Return the seconds between two looks."""
    return max(_SHORTEST_WAIT_SECONDS, flow.approval_days * _DAY_SECONDS // _MOST_LOOKS)


def _look(comment: str, *, then: str) -> State:
    known: dict[str, Any] = {
        "status": "{% $states.result.ModelApprovalStatus %}",
        "version": f"{{% {given(PACKAGE_VERSION, '$package')} %}}",
        "figures": f"{{% $string({given('$states.result.CustomerMetadataProperties', '{}')}) %}}",
        "by": f"{{% {given(DECIDED_BY, _THE_REGISTRY)} %}}",
        "reason": f"{{% {given(DECIDED_WHY, _NO_REASON)} %}}",
    }
    return plain(
        comment,
        "sagemaker:describeModelPackage",
        arguments={"ModelPackageName": "{% $package %}"},
        assign=known,
        then=then,
    )


def _question(days: int) -> str:
    """Return JSONata: what is asked, and how to answer."""
    command = "aws sagemaker update-model-package --model-package-arn ' & $package & ' --model-approval-status"
    return (
        f"'Version ' & $version & ' passed the gate and waits {days} days for a person. Its figures: ' & $figures"
        f" & '. To approve it: {command} Approved --approval-description WHY. To reject it: {command} Rejected"
        " --approval-description WHY'"
    )


def _nobody(days: int) -> str:
    return f"'nobody approved it within {days} days'"


def _record_key() -> str:
    return f"'{ARTIFACTS}/{AUDIT}/' & {DAY} & '/approval-' & {EXECUTION} & '.json'"
