"""One line of a check: how it is, and what to do where it is not well."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a thing is. Only a problem lets a command fail."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was looked at, how it is, and what to do."""

    level: Level
    subject: str
    detail: str
    advice: str = ""


def ok(subject: str, detail: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(level=Level.OK, subject=subject, detail=detail)


def warning(subject: str, detail: str, advice: str) -> Finding:
    """Return a finding that somebody should know."""
    return Finding(level=Level.WARNING, subject=subject, detail=detail, advice=advice)


def problem(subject: str, detail: str, advice: str = "") -> Finding:
    """Return a finding that stands in the way."""
    return Finding(level=Level.PROBLEM, subject=subject, detail=detail, advice=advice)


def report(findings: Iterable[Finding]) -> int:
    """Print the findings, one a line; return 1 if one is a problem, otherwise 0."""
    problems = 0
    for finding in findings:
        problems += finding.level is Level.PROBLEM
        print(f"{finding.level:<8} {finding.subject:<28} {finding.detail}")
        if finding.advice and finding.level is not Level.OK:
            print(f"{'':<8} {'':<28} → {finding.advice}")
    print(f"\n{problems} problem{'' if problems == 1 else 's'}")
    return 1 if problems else 0
