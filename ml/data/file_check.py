"""What is known of one file once it has been checked, and the verdict on it."""

from dataclasses import asdict, dataclass
from typing import Any

from ml.data.quarantine import Example
from ml.data.rules import Rule
from ml.errors import DataError
from ml.use_case import Validation


@dataclass(frozen=True, kw_only=True)
class FileCheck:
    """Counts of one file. ``dropped`` and ``baskets_dropped`` are numbers by reason."""

    path: str
    name: str
    sha256: str
    bytes: int
    week: int
    columns_ignored: tuple[str, ...]
    rows_in: int
    rows_kept: int
    dropped: dict[str, int]
    examples: tuple[Example, ...]
    baskets: int
    baskets_dropped: dict[str, int]
    results: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain values; the path of the machine is left out."""
        found = asdict(self)
        del found["path"]
        return found


class BrokenRuleError(DataError):
    """A file that breaks a rule further than the use case tolerates; ``check`` holds what was counted."""

    def __init__(self, message: str, check: FileCheck) -> None:
        super().__init__(message)
        self.check = check


def judge(check: FileCheck, *, rules: tuple[Rule, ...], validation: Validation) -> None:
    """Raise BrokenRuleError where a file must not enter silver; a few tolerated losses pass."""
    if check.rows_in == 0:
        raise BrokenRuleError(f"{check.path}: the file has a header and no rows", check)
    for rule in rules:
        if not rule.tolerated and check.dropped.get(rule.broken):
            raise BrokenRuleError(_message(check, rule.broken), check)
    worst = max(check.dropped, key=lambda reason: check.dropped[reason], default="")
    if check.rows_kept == 0:
        raise BrokenRuleError(f"{_message(check, worst)}; no valid rows are left", check)
    lost, limit = check.rows_in - check.rows_kept, validation.max_dropped_share
    if lost > limit * check.rows_in:
        raise BrokenRuleError(f"{_message(check, worst)}; {_over(lost, check.rows_in, 'rows', limit)}", check)
    lost = sum(check.baskets_dropped.values())
    if lost and (check.baskets == 0 or lost > limit * (check.baskets + lost)):
        worst = max(check.baskets_dropped, key=lambda reason: check.baskets_dropped[reason])
        raise BrokenRuleError(f"{_message(check, worst)}; {_over(lost, check.baskets + lost, 'baskets', limit)}", check)


def _over(lost: int, total: int, things: str, limit: float) -> str:
    return (
        f"in all {lost:,} of {total:,} {things} would be dropped, {100 * lost / total:.2f} %, and "
        f"validation.max_dropped_share allows {100 * limit:g} %"
    )


def _message(check: FileCheck, reason: str) -> str:
    count = check.dropped.get(reason) or check.baskets_dropped.get(reason, 0)
    examples = "; ".join(str(each) for each in check.examples if each.reason == reason)
    things = "rows" if reason in check.dropped else "baskets"
    return f"{check.path}: {reason} in {count:,} {things} ({examples})"
