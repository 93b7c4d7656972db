"""The rules as a Great Expectations suite, and the library's own look at a bounded sample of rows.

Importing the library costs several CPU-seconds, so it is imported here only, when a run asks for it.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ml.data.header import Header
from ml.data.rules import PATTERNS, Rule, Stage, rules_of, text_name
from ml.data.sample import SampledRows
from ml.data.set_checks import mostly
from ml.use_case import Column, UseCase, Validation


def great_expectations() -> Any:
    """Import Great Expectations with its analytics and progress bars off: nothing goes over the network."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx  # noqa: PLC0415 - several CPU-seconds: only where it is needed

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    return gx


def suite_of(rules: Sequence[Rule], *, stage: Stage, validation: Validation) -> Any:
    """Return the ``ExpectationSuite`` of the rules of one stage; ``meta`` carries each rule's key."""
    gx = great_expectations()
    found = []
    for rule in rules:
        if rule.stage == stage:
            arguments = dict(rule.arguments)
            if rule.check not in ("rows", "exists"):
                arguments["mostly"] = mostly(rule, validation)
            meta = {"rule": rule.key, "stage": rule.stage, "broken": rule.broken}
            found.append(getattr(gx.expectations, rule.expectation)(**arguments, meta=meta))
    return gx.ExpectationSuite(name=stage, expectations=found)


def check_frame(frame: pd.DataFrame, suite: Any) -> list[dict[str, Any]]:
    """Run ``suite`` on ``frame`` with Great Expectations; return its results as plain values."""
    context = great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    batch = (
        context.data_sources.add_pandas(name="rows")
        .add_dataframe_asset(name="rows")
        .add_batch_definition_whole_dataframe("rows")
        .get_batch(batch_parameters={"dataframe": frame})
    )
    found = batch.validate(suite, result_format="BASIC")
    results: list[dict[str, Any]] = [each.to_json_dict() for each in found.results]
    return results


def check_sample(samples: Sequence[SampledRows], *, use_case: UseCase) -> dict[str, Any]:
    """Run the source suite on all sampled rows; return ``rows`` (their number) and ``results``.

    Columns that some file lacks are left out of the frame and of the suite.
    """
    absent = {name for sample in samples for name in sample.header.absent}
    rules = rules_of(use_case, weeks=sorted({sample.week for sample in samples}), absent=absent)
    frame = pd.concat(
        [source_frame(each.rows, header=each.header, use_case=use_case) for each in samples],
        ignore_index=True,
    )
    suite = suite_of(rules, stage="source", validation=use_case.validation)
    return {"rows": len(frame), "results": check_frame(frame, suite)}


def source_frame(rows: Sequence[Sequence[str]], *, header: Header, use_case: UseCase) -> pd.DataFrame:
    """Return source rows (cells as text) as the columns that the source suite speaks of.

    A parsed column stands there twice: its text, and its value (float64; NaN where it cannot be read).
    """
    cells = pd.DataFrame(list(rows), columns=list(range(len(header.names))), dtype=object)
    cells = cells.mask(cells == "", None)
    frame: dict[str, pd.Series[Any]] = {}
    for column in use_case.columns:
        if column.name in header.position:
            text = cells[header.position[column.name]]
            frame[text_name(column)] = text
            frame[column.name] = _value(column, text)
    return pd.DataFrame(frame)


def _value(column: Column, text: "pd.Series[Any]") -> "pd.Series[Any]":
    if column.type == "text":
        return text.replace(column.recode) if column.recode else text
    readable = text.astype("string").str.fullmatch(PATTERNS[column.type]).fillna(value=False).astype(bool)
    kept = text.where(readable, None)
    if column.type == "date":
        return kept
    numbers = pd.to_numeric(kept)
    return (numbers * 100).round() if column.type == "money" else numbers
