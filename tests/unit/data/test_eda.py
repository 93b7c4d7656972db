import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from ml.data import eda
from ml.data.eda import eda_report
from ml.data.generate import generate_weeks
from ml.errors import DataError
from ml.use_case import UseCase, load_use_case


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    return load_use_case("price_sensitivity")


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three weeks of 400 baskets, the second with the older header and gzipped."""
    folder = tmp_path_factory.mktemp("weeks")
    files = generate_weeks(weeks=3, baskets_per_week=400, seed=3, output=folder)
    older = generate_weeks(
        weeks=1, baskets_per_week=400, seed=3, output=folder, first_week=200608, header="older", compress=True
    )
    files[1].unlink()
    return [files[0], *older, files[2]]


@pytest.fixture(scope="module")
def page(weeks: list[Path], use_case: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return eda_report(weeks, target=tmp_path_factory.mktemp("report") / "eda.html", use_case=use_case)


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing out where only the text matters."""
    monkeypatch.setattr(eda, "embed", lambda *_, **__: "")


def text_of(page: Path) -> str:
    """The page's text with single spaces."""
    without_style = re.sub(r"<style>.*?</style>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", without_style).split())


def lines_in(files: list[Path]) -> int:
    return sum(
        len((gzip.decompress(f.read_bytes()) if f.suffix == ".gz" else f.read_bytes()).splitlines()) - 1 for f in files
    )


def test_the_page_counts_what_the_files_hold_whichever_header_they_have(page: Path, weeks: list[Path]) -> None:
    text = text_of(page)
    assert "200607 to 200609" in text
    assert f"lines {lines_in(weeks):,} in 3 files" in text
    assert "baskets 1,200" in text


def test_missing_values_are_counted_per_column_and_judged_by_the_use_case(page: Path, weeks: list[Path]) -> None:
    connection = duckdb.connect()
    missing = sum(
        connection.execute(
            f"SELECT count(*) - count(CUST_CODE) FROM read_csv('{week}', all_varchar = true)"
        ).fetchall()[0][0]
        for week in weeks
    )
    share = 100 * missing / lines_in(weeks)
    assert missing > 0
    assert f"cust_code {missing:,} {share:.2f} % yes" in text_of(page)
    assert "basket_id 0 0.00 % no" in text_of(page)


@pytest.mark.usefixtures("without_charts")
def test_a_column_that_must_not_be_missing_stands_out(tmp_path: Path, weeks: list[Path], use_case: UseCase) -> None:
    lines = weeks[0].read_text().splitlines()
    cells = lines[1].split(",")
    cells[4] = "many"  # QUANTITY
    broken = tmp_path / weeks[0].name
    broken.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    text = eda_report([broken], target=tmp_path / "eda.html", use_case=use_case).read_text()
    row = re.search(r"<tr><td><code[^>]*>quantity</code>.*?</tr>", text, flags=re.DOTALL)
    assert row
    assert ">1</td>" in row[0]
    assert 'class="badge bad"' in row[0]


def test_older_codes_are_shown_as_today_s(page: Path) -> None:
    alts = re.findall(r'alt="Share of baskets by class for ([^"]*)"', page.read_text(encoding="utf-8"))
    assert "AZ, BG, CT, DY, unknown" in alts


class _Loads(HTMLParser):
    """Collects what a page would fetch and images without a text that stands in for them."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.images = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for name in ("src", "href"):
            link = values.get(name) or "#"
            if not link.startswith(("#", "data:")):
                self.fetched.append(link)
        if tag == "img":
            self.images += 1
            assert values.get("alt"), "an image without a text that stands in for it"


def test_the_page_fetches_nothing_and_its_charts_lie_beside_it_too(page: Path) -> None:
    loads = _Loads()
    loads.feed(page.read_text(encoding="utf-8"))
    assert loads.fetched == []
    charts = sorted(path.name for path in (page.parent / "charts").iterdir())
    assert len(charts) == loads.images > 10
    assert {"eda_correlation.png", "eda_box_lines.png", "eda_histogram_spend.png"} <= set(charts)


def test_the_same_files_give_the_same_page(page: Path, weeks: list[Path], use_case: UseCase, tmp_path: Path) -> None:
    again = eda_report(list(reversed(weeks)), target=tmp_path / "eda.html", use_case=use_case)
    assert again.read_bytes() == page.read_bytes()


def test_files_without_labels_are_described_too(tmp_path: Path, use_case: UseCase) -> None:
    files = generate_weeks(weeks=1, baskets_per_week=50, seed=1, output=tmp_path, label=False)
    text = text_of(eda_report(files, target=tmp_path / "eda.html", use_case=use_case))
    assert "basket_price_sensitivity" in text
    assert "100.00 %" in text


@pytest.mark.usefixtures("without_charts")
def test_silver_gives_the_figures_of_the_files_it_was_made_from(
    tmp_path: Path, page: Path, weeks: list[Path], use_case: UseCase
) -> None:
    silver = tmp_path / "transactions"
    connection = duckdb.connect()
    for week in weeks:
        kept = ", ".join(
            f"round(100 * {header}::DECIMAL(18, 2))::BIGINT AS {column.name}"
            if column.type == "money"
            else f"strptime({header}, '%Y%m%d')::DATE AS {column.name}"
            if column.type == "date"
            else f"{header}::{'BIGINT' if column.type == 'integer' else 'VARCHAR'} AS {column.name}"
            for column in use_case.columns
            for header in [column.headers[-1] if week.suffix == ".gz" else column.headers[0]]
        )
        connection.execute(
            f"COPY (SELECT {kept} FROM read_csv('{week}', all_varchar = true)) TO '{silver}'"
            " (FORMAT parquet, PARTITION_BY (shop_week, store_region), APPEND)"
        )
    found = text_of(eda_report([silver], target=tmp_path / "eda.html", use_case=use_case))
    by_product = re.compile(r"Products bought most .* Lines and hours")
    expected = by_product.findall(text_of(page))
    assert expected
    assert by_product.findall(found) == expected


@pytest.mark.parametrize("name", ["nothing", "transactions_200607.csv"])
def test_an_input_that_does_not_exist_is_named(tmp_path: Path, use_case: UseCase, name: str) -> None:
    with pytest.raises(DataError, match=name):
        eda_report([tmp_path / name], target=tmp_path / "eda.html", use_case=use_case)


def test_a_folder_without_weekly_files_is_named(tmp_path: Path, use_case: UseCase) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(DataError, match=re.escape(str(tmp_path))):
        eda_report([tmp_path], target=tmp_path / "eda.html", use_case=use_case)


def test_a_truncated_file_is_named_and_leaves_no_page(tmp_path: Path, weeks: list[Path], use_case: UseCase) -> None:
    cut = tmp_path / weeks[1].name
    cut.write_bytes(weeks[1].read_bytes()[:9_000])
    with pytest.raises(DataError, match=weeks[1].name):
        eda_report([cut], target=tmp_path / "eda.html", use_case=use_case)
    assert not (tmp_path / "eda.html").exists()


@pytest.mark.real_data
@pytest.mark.usefixtures("without_charts")
def test_the_real_files_are_described(tmp_path: Path, real_files: list[Path], use_case: UseCase) -> None:
    text = text_of(eda_report(real_files[:2], target=tmp_path / "eda.html", use_case=use_case))
    assert "in 2 files" in text
    assert "prod_code_40 0 0.00 %" in text


def test_a_file_with_a_header_and_no_rows_is_named(tmp_path: Path, weeks: list[Path], use_case: UseCase) -> None:
    empty = tmp_path / weeks[0].name
    empty.write_text(weeks[0].read_text().splitlines()[0] + "\n")
    with pytest.raises(DataError, match=f"{empty.name}: there are no lines"):
        eda_report([empty], target=tmp_path / "eda.html", use_case=use_case)
