"""The steps of the scheduled ETL as its pod runs them, with a folder in place of S3 behind the AWS command line."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.manifests import FOLDER, etl_pod
from tests.weekly_files import valid_rows, write_week_file

LAKE = "s3://lake-of-tests"
WEEKS = (200718, 200719, 200720)

# Just what the scripts use of the AWS command line; any other use of it fails.
AWS = """\
import os, pathlib, shutil, sys
bucket = pathlib.Path(os.environ["BUCKET"])
words = [each for each in sys.argv[1:] if not each.startswith("--")]
flags = {each for each in sys.argv[1:] if each.startswith("--")}
place = lambda text: bucket / text.removeprefix("s3://lake-of-tests/") if "://" in text else pathlib.Path(text)
with open(bucket.parent / "calls", "a") as calls:
    print(*sys.argv[1:], file=calls)
if words == ["s3api", "list-objects-v2", "lake-of-tests", "raw/", "Contents[].Key", "text"]:
    keys = sorted(str(each.relative_to(bucket)) for each in bucket.glob("raw/**/*") if each.is_file())
    print("\\t".join(keys) or "None")
elif words[:2] == ["s3", "cp"] and "--recursive" in flags:
    shutil.copytree(place(words[2]), place(words[3]), dirs_exist_ok=True)
elif words[:2] == ["s3", "cp"]:
    place(words[3]).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(place(words[2]), place(words[3]))
elif words[:2] == ["s3", "rm"]:
    place(words[2]).unlink(missing_ok=True)
elif words[:2] == ["s3", "sync"] and "--delete" in flags:
    shutil.rmtree(place(words[3]), ignore_errors=True)
    shutil.copytree(place(words[2]), place(words[3]))
else:
    sys.exit(f"not here: {sys.argv[1:]}")
"""


@dataclass(frozen=True)
class Pod:
    """A pod of the ETL: its work folder, its bucket, and the commands it finds."""

    folder: Path

    @property
    def bucket(self) -> Path:
        return self.folder / "bucket"

    def run(self) -> int:
        """Run the containers one after the other; return the exit code of the last, or of the first that failed."""
        pod = etl_pod("dev")["spec"]
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HOME": str(self.folder),
            "BUCKET": str(self.bucket),
            "MLOPS_LAKE": LAKE,
            "RUN": "etl-1",
            "WORK": str(work),
            "WEEKS": "2",
        }
        code = 0
        for container in [*pod["initContainers"], *pod["containers"]]:
            shell, script = container["command"]
            given = [each.replace("/work", str(work)) for each in container.get("args", [])]
            path = FOLDER / "base" / "etl" / Path(script).name
            code = subprocess.run([shell, str(path), *given], check=False, env=environment).returncode
            if code:
                break
        return code

    def published(self) -> set[str]:
        """The folders of weeks, and the manifests, that the bucket has beside the raw files."""
        weeks = {str(each.relative_to(self.bucket)) for each in self.bucket.glob("[sg]*/*/shop_week=*")}
        return weeks | {str(each.relative_to(self.bucket)) for each in self.bucket.glob("silver/_manifests/*")}


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    commands = tmp_path / "bin"
    commands.mkdir()
    (tmp_path / "aws.py").write_text(AWS)
    for name, call in {"aws": str(tmp_path / "aws.py"), "mlops": "-m ml.cli"}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {call} "$@"\n')
        (commands / name).chmod(0o755)
    (tmp_path / "bucket").mkdir()
    return Pod(tmp_path)


def put_week(pod: Pod, week: int, *, place: str = "transactions_{week}.csv.gz", broken: bool = False) -> None:
    rows = valid_rows(week=week)
    if broken:
        rows = [row | {"QUANTITY": "-5"} for row in rows]
    write_week_file(pod.bucket / "raw" / place.format(week=week), rows)


def test_the_newest_weeks_are_refined_and_published_with_their_report(pod: Pod) -> None:
    for week in WEEKS:
        put_week(pod, week)
    left_over = pod.bucket / "gold" / "baskets" / f"shop_week={WEEKS[-1]}" / "of-an-earlier-run.parquet"
    left_over.parent.mkdir(parents=True)
    left_over.write_text("old")

    assert pod.run() == 0

    assert pod.published() == {
        path
        for week in WEEKS[1:]
        for path in (
            f"silver/transactions/shop_week={week}",
            f"gold/baskets/shop_week={week}",
            f"gold/products/shop_week={week}",
            f"silver/_manifests/{week}.json",
        )
    }
    assert not left_over.exists()
    assert (pod.bucket / "artifacts" / "validation" / "etl-1" / "etl.json").is_file()
    # A week's manifest goes before its data change, and comes when they are whole.
    calls = (pod.folder / "calls").read_text().splitlines()
    about = [line.split()[1] for line in calls if str(WEEKS[-1]) in line and "raw/" not in line]
    assert about == ["rm", "sync", "sync", "sync", "cp"]


def test_files_that_break_a_rule_end_the_run_with_2_and_publish_the_report_only(pod: Pod) -> None:
    put_week(pod, WEEKS[0], broken=True)

    assert pod.run() == 2

    assert not pod.published()
    assert list((pod.bucket / "artifacts" / "validation" / "etl-1").glob("*.html"))


@pytest.mark.parametrize("others", [(), ("time.csv", "transactions_200720.csv.part")])
def test_a_lake_without_weeks_is_an_error_that_says_so(
    pod: Pod, others: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    (pod.bucket / "raw").mkdir()
    for name in others:
        (pod.bucket / "raw" / name).write_text("")

    assert pod.run() == 1

    assert f"no file under {LAKE}/raw/ is named by its week" in capfd.readouterr().err


def test_weeks_are_found_by_the_files_own_names_wherever_they_are_below_raw(pod: Pod) -> None:
    oldest, *newest = WEEKS
    places = ("shop_week={week}/transactions_{week}.csv.gz", "late files/of {week}.csv")
    put_week(pod, oldest, place="a/z_{week}.csv")
    for week, place in zip(newest, places, strict=True):
        put_week(pod, week, place=place)
    (pod.bucket / "raw" / "time.csv").write_text("shop_week,date_from,date_to\n")

    assert pod.run() == 0

    fetched = {str(each.relative_to(pod.folder / "work" / "raw")) for each in pod.folder.glob("work/raw/**/*.csv*")}
    assert fetched == {place.format(week=week) for week, place in zip(newest, places, strict=True)}
    assert {f"silver/_manifests/{week}.json" for week in newest} < pod.published()
