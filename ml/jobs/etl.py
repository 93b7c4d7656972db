"""The ETL job: weekly files to validated silver and gold."""

from collections.abc import Sequence
from pathlib import Path

from ml.data.inputs import collect_inputs
from ml.features.refine import Refinement, refine
from ml.progress import say
from ml.use_case import UseCase


def etl(
    *, inputs: Sequence[Path], silver: Path, gold: Path, reports: Path, use_case: UseCase, require_label: bool = True
) -> Refinement:
    """Refine all weekly files among ``inputs`` (files or folders); say what was read, kept and dropped.

    Raises:
        DataError: a file cannot be used; weeks refined before it stay.

    """
    refinement = refine(
        collect_inputs(inputs),
        silver=silver,
        gold=gold,
        reports=reports,
        use_case=use_case,
        require_label=require_label,
    )
    fresh = sum(each.status != "unchanged" for each in refinement.files)
    say(
        f"  {len(refinement.files)} files, {fresh} of them new: {refinement.rows_in:,} lines read, "
        f"{refinement.rows_in - refinement.rows_kept:,} dropped, {refinement.baskets:,} baskets"
    )
    for reason, count in refinement.dropped.items():
        say(f"    dropped {count:,}: {reason}")
    return refinement
