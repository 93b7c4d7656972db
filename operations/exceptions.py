"""Every exception from the security rules, in one page made from the app itself.

python -m operations.exceptions           # write docs/security-exceptions.md
python -m operations.exceptions --check   # fail where the page is not what the app says
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from operations.synthesis import synthesize_into
from stacks.acknowledge import METADATA
from stacks.assembly import ALL

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security-exceptions.md"
_INTRODUCTION = """# Exceptions from the security rules

Made by `make docs` from the app; CI fails where it is not current. Each line is bound to one construct in
the code (`stacks/acknowledge.py`), and one that no rule asks for fails the tests. A finding in brackets is the
action or resource concerned: what holds a `*` there is every wildcard that any policy of ours has. `{env}` is the
environment's name.
"""


def page(assembly: Path) -> str:
    """Return the page for the synthesized app in ``assembly``."""
    environments: dict[tuple[str, str, str], list[str]] = {}
    for stage, path, rule, reason in sorted(_acknowledged(assembly)):
        environments.setdefault((path, rule, reason), []).append(stage)
    lines = [_INTRODUCTION, "| construct | rule | reason | where |", "|---|---|---|---|"]
    lines += [
        f"| {path} | {rule} | {reason} | {', '.join(stages)} |"
        for (path, rule, reason), stages in sorted(environments.items())
    ]
    return "\n".join(lines) + "\n"


def _acknowledged(assembly: Path) -> Iterator[tuple[str, str, str, str]]:
    for file in assembly.rglob("*.metadata.json"):
        for path, entries in json.loads(file.read_text(encoding="utf-8")).items():
            stage, _, rest = path.lstrip("/").partition("/")
            for entry in entries:
                if entry["type"] == METADATA:
                    name = stage.rpartition("-")[2]
                    rule = entry["data"]["id"].removeprefix("AwsSolutions::AwsSolutions-")
                    yield name, rest, f"`{rule.replace(f'-{name}-', '-{env}-')}`", entry["data"]["reason"]


def main() -> None:
    """Write or check the page."""
    parser = argparse.ArgumentParser(
        prog="python -m operations.exceptions", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page is not current")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        synthesize_into(folder, ALL)
        text = page(Path(folder))
    if not check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE.relative_to(ROOT)} is not what the app says now: run make docs", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
