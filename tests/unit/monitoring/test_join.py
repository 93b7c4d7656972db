from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.monitoring import Monitoring
from ml.errors import DataError
from ml.files import read_json
from ml.jobs.monitor import monitor
from tests.unit.monitoring.worlds import capture, line, silver, use_case
from tests.weekly_files import valid_rows, write_week_file


@pytest.fixture(autouse=True)
def _without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.monitoring.report.embed", lambda *_, **__: "")


def run(tmp_path: Path, captured: Path, labels: Path) -> tuple[Monitoring, dict[str, dict[str, Any]]]:
    """Return the outcome, and each version's only or last week."""
    bundles = tmp_path / "bundles"
    bundles.mkdir(exist_ok=True)
    output = tmp_path / "out"
    found = monitor(captured=captured, labels=labels, bundles=bundles, output=output, use_case=use_case())
    detail = read_json(output / "monitoring_detail.json")
    return found, {each["version"]: each["weeks"][-1] for each in detail["versions"]}


def test_predictions_meet_the_labels_of_a_later_file(tmp_path: Path) -> None:
    captured = capture(tmp_path / "in", [line(1, "LA"), line(2, "MM"), line("3", "UM")])
    found, weeks = run(tmp_path, captured, silver(tmp_path / "lake", {200620: {1: "LA", 2: "UM", 3: "UM", 9: "MM"}}))
    assert weeks["v1"]["labelled"] == 3
    assert weeks["v1"]["checks"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert found.intake.predictions == 3


def test_baskets_without_a_label_yet_wait_and_count_for_nothing(tmp_path: Path) -> None:
    captured = capture(tmp_path / "in", [line(1, "LA"), line(2, "LA", time="2006-07-19T10:00:00+00:00")])
    _, weeks = run(tmp_path, captured, silver(tmp_path / "lake", {200620: {1: "LA"}}))
    assert (weeks["v1"]["week"], weeks["v1"]["labelled"], weeks["v1"]["coverage"]) == (200621, 0, 0.0)
    found, weeks = run(tmp_path, captured, silver(tmp_path / "later", {200620: {1: "LA"}, 200621: {2: "MM"}}))
    assert (weeks["v1"]["week"], weeks["v1"]["labelled"]) == (200621, 1)
    assert found.versions[0].checks[0].value == 0.5


def test_of_a_basket_and_version_the_last_prediction_counts_wherever_it_lies(tmp_path: Path) -> None:
    early, late = "2006-07-12T10:00:00+00:00", "2006-07-12T10:00:01+00:00"
    captured = capture(
        tmp_path / "in", [line(1, "LA", time=late)], [line(1, "MM", time=early), line(2, "LA"), line(2, "UM")]
    )
    found, weeks = run(tmp_path, captured, silver(tmp_path / "lake", {200620: {1: "LA", 2: "UM"}}))
    assert weeks["v1"]["checks"]["accuracy"]["value"] == 1.0
    assert (found.intake.predictions, found.intake.repeated) == (2, 2)


def test_a_basket_that_two_versions_predicted_counts_for_each(tmp_path: Path) -> None:
    later = "2006-07-12T11:00:00+00:00"
    captured = capture(tmp_path / "in", [line(1, "LA"), line(1, "MM", version="v2", time=later)])
    found, weeks = run(tmp_path, captured, silver(tmp_path / "lake", {200620: {1: "LA"}}))
    assert weeks["v1"]["checks"]["accuracy"]["value"] == 1.0
    assert weeks["v2"]["checks"]["accuracy"]["value"] == 0.0
    assert [(each.version, each.current) for each in found.versions] == [("v2", True), ("v1", False)]


def test_no_class_and_two_classes_are_never_a_label(tmp_path: Path) -> None:
    captured = capture(tmp_path / "in", [line(1, "LA"), line(2, "MM"), line(3, "MM")])
    labels = silver(tmp_path / "lake", {200620: {1: "LA", 2: "XX", 3: ["MM", "UM"]}})
    _, weeks = run(tmp_path, captured, labels)
    assert (weeks["v1"]["labelled"], weeks["v1"]["unclassified"], weeks["v1"]["contradictory"]) == (1, 1, 1)
    assert weeks["v1"]["coverage"] == 1.0


def test_predictions_without_an_id_are_all_kept_and_never_joined(tmp_path: Path) -> None:
    captured = capture(tmp_path / "in", [line(None, "LA"), line(None, "LA"), line(1, "LA")])
    found, weeks = run(tmp_path, captured, silver(tmp_path / "lake", {200620: {1: "LA"}}))
    assert (found.intake.predictions, found.intake.without_basket_id) == (3, 2)
    assert (weeks["v1"]["predictions"], weeks["v1"]["labelled"]) == (3, 1)


def test_a_silver_file_without_labels_gives_none(tmp_path: Path) -> None:
    captured = capture(tmp_path / "in", [line(1, "LA")])
    _, weeks = run(tmp_path, captured, silver(tmp_path / "lake", {200620: {1: None}}))
    assert weeks["v1"]["labelled"] == 0


def test_weekly_files_are_read_as_the_etl_reads_them(tmp_path: Path) -> None:
    rows = valid_rows(baskets=10)
    write_week_file(tmp_path / "labels" / "transactions_200720.csv.gz", rows)
    ids = list(dict.fromkeys(int(row["BASKET_ID"]) for row in rows))
    captured = capture(tmp_path / "in", [line(basket, "LA") for basket in ids])
    _, weeks = run(tmp_path, captured, tmp_path / "labels")
    # Labels go LA, MM, UM, MM, XX in turn.
    assert (weeks["v1"]["week"], weeks["v1"]["labelled"], weeks["v1"]["unclassified"]) == (200720, 8, 2)
    assert weeks["v1"]["checks"]["accuracy"]["value"] == pytest.approx(2 / 8)


def test_nothing_captured_is_an_answer_and_no_error(tmp_path: Path) -> None:
    found, _ = run(tmp_path, capture(tmp_path / "in"), silver(tmp_path / "lake", {200620: {1: "LA"}}))
    assert (found.versions, found.metrics) == ((), ())


def test_labels_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: there is no such folder of labels"):
        run(tmp_path, capture(tmp_path / "in", [line(1)]), tmp_path / "nowhere")
    assert not (tmp_path / "out" / "monitoring.json").exists()


def test_bundles_that_are_not_there_are_named(tmp_path: Path) -> None:
    here = capture(tmp_path / "in")
    with pytest.raises(DataError, match="nowhere: there is no such folder of bundles"):
        monitor(captured=here, labels=here, bundles=tmp_path / "nowhere", output=tmp_path / "out", use_case=use_case())


def test_running_again_gives_the_same_files_whatever_order_the_lines_came_in(tmp_path: Path) -> None:
    lines = [line(number, ("LA", "MM", "UM")[number % 3]) for number in range(1, 60)]
    labels = silver(tmp_path / "lake", {200620: dict.fromkeys(range(1, 60), "MM")})
    run(tmp_path, capture(tmp_path / "in", lines), labels)
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    run(tmp_path, tmp_path / "in", labels)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first
    shuffled = [lines[place] for place in np.random.default_rng(2).permutation(len(lines))]
    run(tmp_path, capture(tmp_path / "other", shuffled[:20], shuffled[20:]), labels)
    detail = (tmp_path / "out" / "monitoring_detail.json").read_bytes()
    assert detail == first["monitoring_detail.json"]
    assert set(first) == {"monitoring.json", "monitoring_detail.json", "monitoring.html"}
