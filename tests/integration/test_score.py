"""Batch scoring: the same answers as the hold-out, without labels, in flat memory."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from ml.data.generate import generate_weeks
from ml.files import read_json
from tests.integration.runs import mlops, run_folder

COLUMNS = ["basket_id", "prediction", "probability_High", "probability_Medium", "probability_Low", "model_version"]


def _champion(lake: Path) -> Path:
    return lake / "artifacts" / "models" / str(read_json(run_folder(lake) / "run.json")["champion"])


def test_scoring_files_without_a_label_gives_the_hold_outs_own_predictions(
    lake: Path, weekly: list[Path], tmp_path: Path
) -> None:
    header, *lines = weekly[-1].read_text(encoding="utf-8").splitlines()
    column = header.split(",").index("BASKET_PRICE_SENSITIVITY")
    kept = [
        ",".join(cell for place, cell in enumerate(line.split(",")) if place != column) for line in (header, *lines)
    ]
    unlabelled = tmp_path / weekly[-1].name
    unlabelled.write_text("\n".join(kept) + "\n", encoding="utf-8")
    output = tmp_path / "predictions.parquet"
    done = mlops("score", "--model", _champion(lake), "--input", unlabelled, "--output", output)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(output)
    assert table.column_names == COLUMNS
    scored = {row["basket_id"]: row for row in table.to_pylist()}
    held_out = pq.read_table(run_folder(lake) / "holdout_predictions.parquet").to_pylist()
    assert len(held_out) > 1000
    for row in held_out:
        # Unclassified baskets are scored too, so there are more of them; those of both agree to the last bit.
        assert {name: scored[row["basket_id"]][name] for name in COLUMNS} == {name: row[name] for name in COLUMNS}


def test_unseen_products_are_scored_and_counted(lake: Path, weekly: list[Path], tmp_path: Path) -> None:
    header, *lines = weekly[-1].read_text(encoding="utf-8").splitlines()
    column = header.split(",").index("PROD_CODE")
    changed = [header]
    for line in lines:
        cells = line.split(",")
        cells[column] = "PRD9999999"
        changed.append(",".join(cells))
    unseen = tmp_path / weekly[-1].name
    # One line of each basket: the same new product twice in a basket would be a repeat.
    baskets = header.split(",").index("BASKET_ID")
    first = {line.split(",")[baskets]: line for line in reversed(changed[1:])}
    unseen.write_text("\n".join([header, *first.values()]) + "\n", encoding="utf-8")
    done = mlops("score", "--model", _champion(lake), "--input", unseen, "--output", tmp_path / "p.parquet")
    assert done.returncode == 0, done.stderr
    assert f"{len(first):,} of {len(first):,} lines hold a product the model has not seen" in done.stderr


def test_a_damaged_bundle_is_refused_and_no_output_appears(lake: Path, weekly: list[Path], tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for path in _champion(lake).iterdir():
        (bundle / path.name).write_bytes(path.read_bytes())
    (bundle / "encoder.json").write_bytes(b"{}")
    output = tmp_path / "predictions.parquet"
    done = mlops("score", "--model", bundle, "--input", weekly[0], "--output", output)
    assert done.returncode == 2
    assert "encoder.json" in done.stderr
    assert "checksum" in done.stderr
    assert not output.exists()


def test_memory_is_flat_in_the_number_of_files(lake: Path, tmp_path: Path) -> None:
    files = generate_weeks(weeks=8, baskets_per_week=4000, seed=3, output=tmp_path / "many")
    probe = (
        "import resource, sys; from ml.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak(inputs: list[Path]) -> int:
        arguments = ["score", "--model", _champion(lake), "--output", tmp_path / "p.parquet", "--input", *inputs]
        done = subprocess.run(
            [sys.executable, "-c", probe, *map(str, arguments)], capture_output=True, text=True, check=True
        )
        return int(done.stdout.strip().splitlines()[-1])

    assert peak(files) < 1.15 * peak(files[:2])
