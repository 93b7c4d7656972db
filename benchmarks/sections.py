"""Keep a measured section between its markers in a Markdown file."""

from pathlib import Path

from ml.files import new_file


def keep(target: Path, name: str, section: str) -> None:
    """Put ``section`` between ``<!-- name -->`` and ``<!-- /name -->`` in ``target``, at its end if new."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    text = target.read_text(encoding="utf-8") if target.is_file() else "# Benchmarks\n"
    block = f"{start}\n{section.strip()}\n{end}"
    before, found, rest = text.partition(start)
    if found:
        _, _, after = rest.partition(end)
        text = before + block + after
    else:
        text = f"{text.rstrip()}\n\n{block}\n".lstrip()
    with new_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
