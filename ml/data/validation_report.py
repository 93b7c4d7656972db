"""The validation report of a run: a page for people, JSON in Great Expectations' format for machines."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.data.rules import rules_of
from ml.data.sample import SampledRows
from ml.data.set_checks import merged
from ml.files import write_json
from ml.reports.page import render_page
from ml.use_case import UseCase


def write_validation_report(
    reports: Path,
    *,
    use_case: UseCase,
    files: Sequence[dict[str, Any]],
    stopped: str | None,
    samples: Sequence[SampledRows],
) -> Path:
    """Write ``validation.html`` and ``validation.json`` into ``reports``; return the page's path.

    ``files`` are the counts of ``FileCheck.to_json()`` with a ``status`` each; ``stopped`` the error that
    ended the run, if one did. ``samples`` are looked at by Great Expectations itself.
    """
    rules = rules_of(use_case, weeks=sorted({each["week"] for each in files}), absent=())
    results = merged([each["results"] for each in files], rules)
    sample = _look(samples, use_case=use_case)
    success = stopped is None and all(each["success"] for each in results)
    write_json(
        reports / "validation.json",
        {
            "success": success,
            "suite_name": use_case.name,
            "statistics": {
                "evaluated_expectations": len(results),
                "successful_expectations": sum(each["success"] for each in results),
                "unsuccessful_expectations": sum(not each["success"] for each in results),
            },
            "results": results,
            "meta": {
                "stopped": stopped,
                "files": [_without_results(each) for each in files],
                "great_expectations_sample": sample,
            },
        },
    )
    return render_page(
        reports / "validation.html",
        "validation.html.j2",
        title=use_case.title,
        success=success,
        stopped=stopped,
        files=files,
        rows_in=sum(each["rows_in"] for each in files),
        rows_kept=sum(each["rows_kept"] for each in files),
        baskets=sum(each["baskets"] for each in files),
        dropped=_total(files, "dropped"),
        baskets_dropped=_total(files, "baskets_dropped"),
        limit=use_case.validation.max_dropped_share,
        results=results,
        sample=sample,
        sampled={each["expectation_config"]["meta"]["rule"]: each for each in sample["results"]},
    )


def _look(samples: Sequence[SampledRows], *, use_case: UseCase) -> dict[str, Any]:
    if not samples:
        return {"rows": 0, "version": None, "results": []}
    from ml.data import expectations  # noqa: PLC0415 - brings in Great Expectations: seconds of CPU

    version = str(expectations.great_expectations().__version__)
    return {"version": version, **expectations.check_sample(samples, use_case=use_case)}


def _total(files: Sequence[dict[str, Any]], key: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in files:
        total.update(each[key])
    return dict(total.most_common())


def _without_results(counts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in counts.items() if key != "results"}
