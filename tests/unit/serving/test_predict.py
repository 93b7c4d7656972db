"""``POST /predict`` and its neighbours, as a caller sees them."""

import asyncio
import json
from typing import Any

import pytest

from ml.serving.app import Service
from ml.serving.body import WHOLE_BODY
from ml.serving.examples import EXAMPLE
from ml.serving.observe import Observations
from ml.serving.predictor import Predictor
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot
from tests.asgi import send_request
from tests.unit.serving.conftest import Ask

KEYS = ("first-key-of-enough-length", "second-key-of-enough-length")
HOSTILE = "IGNORE-ALL-RULES"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The example with one field replaced, or taken away by ``...``."""
    basket: Any = json.loads(json.dumps(EXAMPLE))
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place = basket
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return dict(basket)


def test_one_basket_gets_one_answer(ask: Ask, predictor: Predictor) -> None:
    answer = ask(EXAMPLE)

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert {"prediction", "code", "probabilities", "model_version", "basket_id"} <= set(found)
    assert found["basket_id"] == EXAMPLE["basket_id"]
    assert found["model_version"] == predictor.version
    assert found["prediction"] == max(found["probabilities"], key=found["probabilities"].get)
    assert {"High": "LA", "Medium": "MM", "Low": "UM"}[found["prediction"]] == found["code"]
    assert sum(found["probabilities"].values()) == pytest.approx(1.0, abs=1e-6)


def test_many_baskets_are_answered_in_order(ask: Ask) -> None:
    many = [changed("basket_id", f"b{number}") for number in range(50)]

    assert [each["basket_id"] for each in ask(many).json()] == [each["basket_id"] for each in many]
    assert ask([]).json() == []


def test_unknown_products_and_categories_are_answered_and_counted(ask: Ask, observations: Observations) -> None:
    basket = changed("store_region", "X99") | {"lines": [{"prod_code": "NEW", "quantity": 1, "spend": 1}] * 2}

    answer = ask(basket)

    assert answer.status == 200
    assert (answer.json()["unknown_products"], answer.json()["unknown_categories"] >= 1) == (2, True)
    assert observations.lines_with_unknown_products == 2
    assert observations.unknown_categories >= 1


def test_on_request_the_answer_names_what_each_product_says(ask: Ask) -> None:
    answer = ask(EXAMPLE, query="explain=1").json()

    assert sorted(each["prod_code"] for each in answer["reasons"]) == sorted(
        line["prod_code"] for line in EXAMPLE["lines"]
    )
    assert all(set(each["says"]) == set(answer["probabilities"]) for each in answer["reasons"])
    assert "reasons" not in ask(EXAMPLE).json()


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("lines", [], "$.lines"),
        ("lines", ..., ""),
        ("lines.1.quantity", 0, "$.lines[1].quantity"),
        ("lines.1.quantity", 1.5, "$.lines[1].quantity"),
        ("lines.1.quantity", "2", "$.lines[1].quantity"),
        ("lines.1.spend", -0.01, "$.lines[1].spend"),
        ("lines.1.spend", 1.005, "$.lines[1].spend"),
        ("lines.1.spend", 1e6, "$.lines[1].spend"),
        ("lines.1.spend", True, "$.lines[1].spend"),
        ("lines.0.prod_code", "", "$.lines[0].prod_code"),
        ("lines.0.prod_code", HOSTILE * 10, "$.lines[0].prod_code"),
        ("lines.0.prod_code", None, "$.lines[0].prod_code"),
        ("shop_hour", 24, "$.shop_hour"),
        ("shop_weekday", 0, "$.shop_weekday"),
        ("store_format", ..., ""),
        ("seg_1", 7, "$.seg_1"),
        ("basket_id", 2**63, "$.basket_id"),
        ("basket_id", -1, "$.basket_id"),
    ],
)
def test_a_wrong_field_is_named_and_not_repeated(ask: Ask, path: str, value: Any, field: str) -> None:
    answer = ask(changed(path, value))

    assert answer.status == 422
    assert answer.json()["error"].get("field", "") == field
    assert answer.json()["error"]["message"]
    assert HOSTILE.encode() not in answer.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        HOSTILE.encode(),
        b'{"lines": [{"prod_code": "a", "quantity": 1, "spend": NaN}]}',
        b'{"lines": [{"prod_code": "a", "quantity": 1, "spend": Infinity}]}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'"\x00"',
        b'{"basket_id": "\\ud800"}',
    ],
)
def test_what_is_not_a_basket_is_refused_without_an_echo(ask: Ask, body: bytes) -> None:
    answer = ask(body)

    assert 400 <= answer.status < 500
    assert HOSTILE.encode() not in answer.body


def test_numbers_out_of_every_range_are_refused(ask: Ask) -> None:
    for number in (b"1e999", b"-1e999", b"9" * 5_000):
        body = json.dumps(EXAMPLE).encode().replace(b"1.03", number)
        assert ask(body).status == 422


def test_too_large_a_body_is_refused_announced_or_not(ask: Ask) -> None:
    body = json.dumps([EXAMPLE] * 100).encode()
    limits = {"most_body_bytes": 2_000}

    assert ask(body, limits=limits).status == 413
    assert ask(parts=[body[:1_500], body[1_500:3_000], body[3_000:]], limits=limits).status == 413
    assert ask([EXAMPLE] * 3, limits={"most_baskets": 2}).status == 413


def test_a_body_that_comes_too_slowly_is_refused(ask: Ask) -> None:
    body = json.dumps(EXAMPLE).encode()

    answer = ask(parts=[body[:10], body[10:20], body[20:]], pause=0.4, limits={"body_seconds": 0.2})

    assert answer.status == 408


def test_a_body_has_one_limit_of_time_however_many_parts_it_comes_in(ask: Ask) -> None:
    body = json.dumps(EXAMPLE).encode()
    parts = [body[place : place + 20] for place in range(0, len(body), 20)]

    assert ask(parts=parts, pause=0.1, limits={"body_seconds": 0.35}).status == 408


def test_a_compressed_body_is_refused_by_name(ask: Ask) -> None:
    assert ask(EXAMPLE, headers={"content-encoding": "gzip"}).status == 415
    assert ask(EXAMPLE, headers={"content-encoding": "identity"}).status == 200


def test_other_methods_are_told_which_one_is_meant(ask: Ask) -> None:
    for method in ("GET", "HEAD", "PUT", "OPTIONS", "DELETE"):
        answer = ask(method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_bodies_in_waiting_leave_room_for_those_that_come_whole(
    predictor: Predictor, observations: Observations
) -> None:
    limits = ServiceSettings(most_waiting_bytes=1_000)
    service = Service(ModelSlot(predictor), settings=limits, observations=observations)
    body = json.dumps(EXAMPLE).encode()

    async def at_once() -> tuple[list[int], int, int]:
        slow = [
            asyncio.create_task(send_request(service, "POST", "/predict", parts=[body, b" "], pause=0.3))
            for _ in range(8)
        ]
        await asyncio.sleep(0.05)
        whole = await send_request(service, "POST", "/predict", body=body)
        statuses = [each.status for each in await asyncio.gather(*slow)]
        after = await send_request(service, "POST", "/predict", parts=[body, b" "])
        return statuses, whole.status, after.status

    statuses, whole, after = asyncio.run(at_once())
    assert set(statuses) == {200, 503}
    assert (whole, after) == (200, 200)


def test_large_requests_beyond_the_line_are_refused_and_the_others_answered(
    predictor: Predictor, observations: Observations
) -> None:
    limits = ServiceSettings(bytes_on_the_loop=0, most_large=4)
    service = Service(ModelSlot(predictor), settings=limits, observations=observations)
    body = json.dumps([EXAMPLE] * 50).encode()

    async def at_once() -> list[int]:
        asked = [send_request(service, "POST", "/predict", body=body) for _ in range(10)]
        return [each.status for each in await asyncio.gather(*asked)]

    assert sorted(asyncio.run(at_once())) == [200] * 4 + [503] * 6


def test_a_body_in_parts_is_put_together(ask: Ask) -> None:
    body = json.dumps(EXAMPLE).encode()

    assert ask(parts=[body[:7], b"", body[7:]]).json() == ask(EXAMPLE).json()


def test_either_of_two_keys_opens_and_no_other(ask: Ask) -> None:
    limits = {"api_keys": KEYS}

    assert [ask(EXAMPLE, limits=limits, headers={"x-api-key": key}).status for key in KEYS] == [200, 200]
    for headers in ({}, {"x-api-key": ""}, {"x-api-key": KEYS[0][:-1]}, {"authorization": KEYS[0]}):
        assert ask(EXAMPLE, limits=limits, headers=headers).status == 401
    assert ask(path="/healthz", method="GET", limits=limits).status == 200


def test_without_a_model_nothing_is_answered_but_that_the_process_lives(ask: Ask) -> None:
    empty = ModelSlot()

    assert ask(EXAMPLE, slot=empty).status == 503
    assert ask(EXAMPLE, slot=empty).headers["retry-after"] == "1"
    assert ask(path="/ready", method="GET", slot=empty).status == 503
    assert ask(path="/healthz", method="GET", slot=empty).status == 200


def test_with_a_model_readiness_and_version_name_it(ask: Ask, predictor: Predictor) -> None:
    for path in ("/ready", "/ping", "/version"):
        assert ask(path=path, method="GET").json()["model_version"] == predictor.version


def test_requests_are_counted_by_how_they_ended(ask: Ask) -> None:
    ask(EXAMPLE)
    ask(b"{")
    text = ask(path="/metrics", method="GET").body.decode()

    assert 'inference_requests_total{status="200"} 1' in text
    assert 'inference_requests_total{status="400"} 1' in text
    assert "inference_latency_milliseconds_count 2" in text


def test_what_nobody_foresaw_counts_as_an_error_with_its_time(
    ask: Ask, predictor: Predictor, observations: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the model cannot answer this one")

    monkeypatch.setattr(predictor, "predict", fail)

    with pytest.raises(RuntimeError, match="cannot answer"):
        ask(EXAMPLE)

    text = ask(path="/metrics", method="GET").body.decode()
    assert 'status="500"} 1' in text
    assert "inference_latency_milliseconds_count 1" in text


def test_the_contract_describes_the_route_with_an_example_that_works(ask: Ask) -> None:
    schema = ask(path="/openapi.json", method="GET").json()
    operation = schema["paths"]["/predict"]["post"]

    assert ask(operation["requestBody"]["content"]["application/json"]["example"]).status == 200
    assert {"200", "400", "401", "408", "413", "415", "422", "503"} == set(operation["responses"])
    assert {"Basket", "Line", "Prediction", "Reason"} <= set(schema["components"]["schemas"])


@pytest.mark.parametrize("path", ["/health", "/healthz", "/ready", "/ping", "/v2/health/live", "/", "/openapi.json"])
def test_health_the_page_and_the_contract_answer_without_a_key(ask: Ask, path: str) -> None:
    assert ask(path=path, method="GET", limits={"api_keys": KEYS}).status == 200


@pytest.mark.parametrize("path", ["/version", "/metrics", "/samples", "/v2", "/v2/models/any", "/no-such-path"])
def test_everything_else_asks_for_one(ask: Ask, path: str) -> None:
    refused = ask(path=path, method="GET", limits={"api_keys": KEYS})
    assert refused.status == 401
    assert "x-api-key" in str(refused.json()["error"])
    allowed = ask(path=path, method="GET", limits={"api_keys": KEYS}, headers={"x-api-key": KEYS[1]})
    assert allowed.status in {200, 404}


def test_a_body_that_the_server_has_whole_is_read_without_a_timer(predictor: Predictor) -> None:
    observations = Observations(environment="test", write=lambda _: None, clock=lambda: 0.0)
    service = Service(ModelSlot(predictor), settings=ServiceSettings(), observations=observations)

    async def asked_and_timers() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        timers = 0
        call_at = loop.call_at

        def counting(*arguments: Any, **options: Any) -> asyncio.TimerHandle:
            nonlocal timers
            timers += 1
            return call_at(*arguments, **options)

        loop.call_at = counting  # type: ignore[method-assign, assignment]
        body = json.dumps(EXAMPLE).encode()
        answer = await send_request(service, "POST", "/predict", body=body, extensions={WHOLE_BODY: {}})
        return answer.status, timers

    assert asyncio.run(asked_and_timers()) == (200, 0)
