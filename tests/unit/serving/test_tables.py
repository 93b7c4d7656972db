"""``POST /invocations``: tables of basket lines as CSV and as MLflow sends them, and which form comes back."""

import csv
import io
import json
import math
from typing import Any

import pytest

from ml.serving.examples import EXAMPLE
from ml.serving.observe import Observations
from ml.serving.predictor import Predictor
from ml.serving.protocols import examples
from ml.serving.protocols.table import to_baskets
from ml.use_case import load_use_case
from tests.asgi import Answer
from tests.unit.serving.conftest import Ask

PATH = "/invocations"
CSV = {"content-type": "text/csv"}
HOSTILE = "IGNORE-ALL-RULES"
HEADER = "BASKET_ID,SHOP_WEEKDAY,SHOP_HOUR,STORE_FORMAT,STORE_REGION,PROD_CODE,QUANTITY,SPEND"
LINES = {
    "dataframe_split": examples.DATAFRAME_SPLIT,
    "dataframe_records": examples.DATAFRAME_RECORDS,
    "instances": examples.INSTANCES,
    "inputs": examples.INPUTS,
}


def sent(ask: Ask, *rows: str, header: str = HEADER, **options: Any) -> Answer:
    return ask("\n".join((header, *rows)).encode(), path=PATH, headers=CSV | options.pop("headers", {}), **options)


def without(answer: Any, *names: str) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in names}


def test_json_is_answered_as_on_predict(ask: Ask) -> None:
    for body in (EXAMPLE, [EXAMPLE, EXAMPLE], []):
        for headers in ({}, {"content-type": "application/json"}, {"content-type": "Application/JSON; charset=UTF-8"}):
            assert ask(body, path=PATH, headers=headers).body == ask(body).body
    assert ask(EXAMPLE | {"shop_hour": 24}, path=PATH).body == ask(EXAMPLE | {"shop_hour": 24}).body


def test_the_example_basket_is_answered_alike_in_every_shape(ask: Ask) -> None:
    expected = ask(EXAMPLE).json()

    (of_csv,) = ask(examples.CSV_TEXT.encode(), path=PATH, headers=CSV).json()
    of_mlflow = [ask(body, path=PATH).json() for body in LINES.values()]

    assert of_csv == expected
    assert [set(each) for each in of_mlflow] == [{"predictions"}] * 4
    assert [[without(one, "reasons") for one in each["predictions"]] for each in of_mlflow] == [[expected]] * 4
    assert "reasons" in of_mlflow[0]["predictions"][0]
    assert "reasons" not in of_mlflow[1]["predictions"][0]


def test_rows_are_grouped_by_basket_wherever_they_stand(ask: Ask) -> None:
    rows = ["b,6,17,LS,E02,P0001,1,1.03", "a,2,9,SS,N02,P0002,2,2.5", "b,6,17,LS,E02,P0003,3,0.89"]
    baskets = [
        {"basket_id": name, "shop_weekday": day, "shop_hour": hour, "store_format": kind, "store_region": region}
        | {"lines": [{"prod_code": code, "quantity": count, "spend": spend} for code, count, spend in lines]}
        for name, day, hour, kind, region, lines in (
            ("b", 6, 17, "LS", "E02", [("P0001", 1, 1.03), ("P0003", 3, 0.89)]),
            ("a", 2, 9, "SS", "N02", [("P0002", 2, 2.5)]),
        )
    ]

    assert sent(ask, *rows).json() == ask(baskets).json()


def test_columns_go_by_every_name_that_weekly_files_give_them() -> None:
    cells = {"basket_id": "7", "shop_weekday": "1", "shop_hour": "2", "store_format": "LS", "store_region": "E01"}
    cells |= {
        "prod_code": "P",
        "quantity": "3",
        "spend_pennies": "1.25",
        "store_code": "S",
        "seg_1": "CT",
        "seg_2": "DI",
    }
    cells |= {f"prod_code_{level}": f"C{level}" for level in (10, 20, 30, 40)}
    columns = [column for column in load_use_case("price_sensitivity").columns if column.name in cells]
    row = [cells[column.name] for column in columns]
    expected = to_baskets([column.headers[0] for column in columns], [row], text=True).baskets

    assert {column.name for column in columns} == set(cells)
    assert (expected[0].seg_1, expected[0].seg_2, expected[0].lines[0].spend) == ("CT", "DI", 1.25)
    for spelt in (str.lower, str.upper):
        assert to_baskets([spelt(column.headers[-1]) for column in columns], [row], text=True).baskets == expected


def test_other_columns_blank_lines_a_byte_order_mark_and_quotes_are_no_hindrance(ask: Ask) -> None:
    plain = sent(ask, '"a,""b""",6,17,LS,E02,P0001,1,1.03')
    other = ask(
        f'\ufeffextra,{HEADER}\r\n"x\ny","a,""b""",6,17,LS,E02,P0001,1,1.03\r\n\r\n'.encode(), path=PATH, headers=CSV
    )

    assert plain.json()[0]["basket_id"] == 'a,"b"'
    assert other.json() == plain.json()


@pytest.mark.parametrize(
    ("cell", "value", "field"),
    [
        (0, "", "row 2, column BASKET_ID"),
        (0, "B" * 65, "row 2, column BASKET_ID"),
        (1, "8", "row 2, column SHOP_WEEKDAY"),
        (2, "noon", "row 2, column SHOP_HOUR"),
        (3, "F" * 65, "row 2, column STORE_FORMAT"),
        (5, "", "row 2, column PROD_CODE"),
        (6, "0", "row 2, column QUANTITY"),
        (6, "1.5", "row 2, column QUANTITY"),
        (6, HOSTILE, "row 2, column QUANTITY"),
        (6, "9" * 5_000, "row 2, column QUANTITY"),
        (7, "nan", "row 2, column SPEND"),
        (7, "Infinity", "row 2, column SPEND"),
        (7, "1e999", "row 2, column SPEND"),
        (7, "-0.01", "row 2, column SPEND"),
        (7, "1.005", "row 2, column SPEND"),
        (7, "", "row 2, column SPEND"),
        (7, "1.03,more", "row 2"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column_and_not_repeated(ask: Ask, cell: int, value: str, field: str) -> None:
    row = ["b", "6", "17", "LS", "E02", "P0001", "1", "1.03"]
    row[cell] = value

    answer = sent(ask, "a,6,17,LS,E02,P0001,1,1.03", ",".join(row))

    assert (answer.status, answer.json()["error"]["field"]) == (422, field)
    assert answer.json()["error"]["message"]
    assert HOSTILE.encode() not in answer.body


def test_rows_of_one_basket_that_differ_in_where_or_when_are_refused(ask: Ask) -> None:
    answer = sent(ask, "a,6,17,LS,E02,P0001,1,1.03", "b,6,9,LS,E02,P0001,1,1.03", "a,6,18,LS,E02,P0001,1,1.03")

    assert (answer.status, answer.json()["error"]["field"]) == (422, "row 3, column SHOP_HOUR")


def test_a_missing_column_or_one_that_is_there_twice_is_named(ask: Ask) -> None:
    row = "a,6,17,LS,E02,P0001,1,1.03"
    for index, name in enumerate(HEADER.split(",")):
        columns = HEADER.split(",")
        columns[index] = "OTHER"
        answer = sent(ask, row, header=",".join(columns))
        assert (answer.status, answer.json()["error"]["field"]) == (422, name)
        assert name in answer.json()["error"]["message"]

    twice = sent(ask, row + ",CT,CT", header=HEADER + ",seg_1,CUST_PRICE_SENSITIVITY")
    assert (twice.status, twice.json()["error"]["field"]) == (422, "CUST_PRICE_SENSITIVITY")


def test_too_many_lines_in_a_basket_are_refused_where_it_begins(ask: Ask) -> None:
    answer = sent(ask, "b,6,17,LS,E02,P1,1,1", *["a,6,17,LS,E02,P0001,1,1.03"] * 1_001)

    assert (answer.status, answer.json()["error"]["field"]) == (422, "row 2")


@pytest.mark.parametrize("body", [b"\xff\xfe", b'"open', b'a"b"\n"c"d', b"x" * 200_000])
def test_what_is_no_csv_is_refused(ask: Ask, body: bytes) -> None:
    assert 400 <= ask(body, path=PATH, headers=CSV).status < 500


def test_a_table_without_rows_has_no_predictions_and_one_without_a_header_is_refused(ask: Ask) -> None:
    assert sent(ask).json() == []
    assert ask(b"", path=PATH, headers=CSV).status == 422
    assert ask({"dataframe_split": {"columns": HEADER.split(","), "data": []}}, path=PATH).json() == {"predictions": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"inputs": {"BASKET_ID": [NaN]}}', ""),
        (b'{"inputs": {"BASKET_ID": [[1]]}}', "$.inputs[...][0]"),
        (b'{"inputs": {"BASKET_ID": [1, 2], "SPEND": [1]}}', "$.inputs"),
        (b'{"instances": [1]}', "$.instances[0]"),
        (b'{"instances": null}', "$.instances"),
        (b'{"dataframe_split": {"columns": ["a"]}}', "$.dataframe_split"),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": [[1]]}}', "BASKET_ID"),
        (b'{"dataframe_records": [], "instances": []}', "$.instances"),
        (b'{"dataframe_records": [], "params": {"explain": 1}}', "$.params.explain"),
        (b'{"dataframe_records": []}', "BASKET_ID"),
    ],
)
def test_a_wrong_table_is_refused(ask: Ask, body: bytes, field: str) -> None:
    answer = ask(body, path=PATH)

    assert answer.status == (422 if field else 400)
    assert answer.json()["error"].get("field", "") == field


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("QUANTITY", value) for value in (1.5, "1", True, None)),
        *(("SPEND", value) for value in ("1", 1.005, 1e300)),
        *(("BASKET_ID", value) for value in (None, True, 1.5)),
        *(("PROD_CODE", value) for value in (7, "", None)),
        ("PROD_CODE_10", 3),
    ],
)
def test_json_tables_are_as_strict_as_predict(ask: Ask, column: str, value: Any) -> None:
    rows = json.loads(json.dumps(examples.DATAFRAME_RECORDS["dataframe_records"]))
    rows[0][column] = value

    answer = ask({"dataframe_records": rows}, path=PATH)

    assert (answer.status, answer.json()["error"]["field"]) == (422, f"row 1, column {column}")


def test_names_that_nobody_knows_make_no_wide_table_of_a_small_body(ask: Ask) -> None:
    wide = [{f"column{number}": 1} for number in range(50_000)]

    assert ask({"dataframe_records": wide}, path=PATH).json()["error"]["field"] == "BASKET_ID"


def test_csv_comes_back_where_it_is_accepted_with_the_same_numbers(ask: Ask, predictor: Predictor) -> None:
    expected = ask(EXAMPLE).json()

    for body, headers in ((json.dumps(EXAMPLE).encode(), {}), (examples.CSV_TEXT.encode(), CSV)):
        answer = ask(body, path=PATH, headers=headers | {"accept": "text/csv"})
        (row,) = csv.DictReader(io.StringIO(answer.body.decode()))

        assert answer.headers["content-type"].startswith("text/csv")
        assert {word: float(row[f"probability_{word}"]) for word in predictor.words} == expected["probabilities"]
        assert [row[name] for name in ("basket_id", "prediction", "code", "model_version")] == [
            expected[name] for name in ("basket_id", "prediction", "code", "model_version")
        ]
        assert (row["unknown_products"], row["unknown_categories"]) == (
            str(expected.get("unknown_products", 0)),
            str(expected.get("unknown_categories", 0)),
        )


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.2, application/json;q=0.1", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
        ("text/html, */*;q=0.1", "application/json"),
        ("text/html", ""),
        ("*/*;q=0", ""),
        ("text/csv;q=often", ""),
    ],
)
def test_the_answer_is_in_the_form_that_is_liked_best(ask: Ask, accept: str, kind: str) -> None:
    answer = ask(EXAMPLE, path=PATH, headers={"accept": accept})

    assert answer.status == (200 if kind else 406)
    assert answer.headers["content-type"].startswith(kind or "application/json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-npy", "text/csv; charset=latin-1", ";;;"])
def test_other_bodies_are_refused(ask: Ask, kind: str) -> None:
    assert ask(EXAMPLE, path=PATH, headers={"content-type": kind}).status == (200 if kind == ";;;" else 415)


def test_limits_keys_and_counts_are_those_of_predict(ask: Ask, observations: Observations) -> None:
    assert sent(ask, *(f"{number},6,17,LS,E02,P,1,1" for number in range(3)), limits={"most_baskets": 2}).status == 413
    assert ask(b"x" * 2_000, path=PATH, headers=CSV, limits={"most_body_bytes": 1_000}).status == 413
    assert ask(EXAMPLE, path=PATH, limits={"api_keys": ("a-key-of-enough-length",)}).status == 401
    assert ask(path=PATH, method="GET").status == 405
    assert sent(ask, "a,6,17,LS,E02,NEW,1,1.03").status == 200
    assert (observations.requests[413], observations.requests[401], observations.requests[200]) == (2, 1, 1)
    assert math.isclose(observations.lines, 1)


@pytest.mark.parametrize("name", [b"\\ud800", b"\\u0000", b"\\udc00\\ud800"])
def test_text_that_no_encoding_can_carry_is_no_fault_of_ours(ask: Ask, name: bytes) -> None:
    body = json.dumps(EXAMPLE).encode().replace(b"till-7-000123", name)

    for accept in ("application/json", "text/csv"):
        assert ask(body, path=PATH, headers={"accept": accept}).status < 500
