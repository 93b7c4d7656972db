"""The page's files and the baskets it offers."""

import asyncio
from dataclasses import replace

import pytest
from msgspec import convert

from ml.serving.app import Service
from ml.serving.contract import Basket, Prediction
from ml.serving.examples import EXAMPLE
from ml.serving.observe import Observations
from ml.serving.predictor import Predictor
from ml.serving.samples import make_samples
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot
from tests.asgi import send_request
from tests.unit.serving.conftest import Ask

KEY = "a-key-of-enough-length"


def predicted(predictor: Predictor) -> dict[str, Prediction]:
    samples = make_samples(predictor).samples
    answers = predictor.predict([convert(each.basket, Basket) for each in samples])
    return {sample.title: answer for sample, answer in zip(samples, answers, strict=True)}


def test_the_samples_of_a_class_get_that_class_and_hold_known_products_only(predictor: Predictor) -> None:
    found = predicted(predictor)

    for word in predictor.words:
        assert found[f"Mostly {word}"].prediction == word
    for title, answer in found.items():
        assert answer.unknown_products == (2 if title == "Unknown products" else 0)
        # The drawn baskets of this model have no weekday; everything else is known.
        assert answer.unknown_categories == 1


def test_one_unknown_product_falls_back_on_its_category_and_one_on_the_prior(predictor: Predictor) -> None:
    encoder = predictor.features.encoder
    assert encoder is not None
    (unknown,) = (each for each in make_samples(predictor).samples if each.title == "Unknown products")
    (answer,) = predictor.predict([convert(unknown.basket, Basket)], explain=True)
    says = {each.prod_code: list(each.says.values()) for each in answer.reasons or () if not each.known}

    assert says["UNKNOWN-1"] == pytest.approx(encoder.vectors["prod_code_10"][0, :3])
    assert says["UNKNOWN-2"] == pytest.approx(encoder.prior[:3])


def test_a_model_without_products_offers_the_example(predictor: Predictor) -> None:
    class Plain:
        version, words, codes = predictor.version, predictor.words, predictor.codes
        features = replace(predictor.features, encoder=None)

    (sample,) = make_samples(Plain()).samples  # type: ignore[arg-type]

    assert sample.basket == EXAMPLE


def test_samples_ask_for_the_key_and_follow_the_model(ask: Ask, predictor: Predictor) -> None:
    assert ask(method="GET", path="/samples").json()["model_version"] == predictor.version
    assert ask(method="GET", path="/samples", limits={"api_keys": [KEY]}).status == 401
    assert ask(method="GET", path="/samples", limits={"api_keys": [KEY]}, headers={"x-api-key": KEY}).status == 200
    refused = ask(method="GET", path="/samples", slot=ModelSlot())
    assert (refused.status, refused.json()) == (503, {"error": {"message": "no model is loaded yet"}})


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/static/page.js", "text/javascript; charset=utf-8"),
        ("/static/basket.js", "text/javascript; charset=utf-8"),
        ("/static/answer.js", "text/javascript; charset=utf-8"),
        ("/static/page.css", "text/css; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
def test_files_come_without_a_key_and_with_a_policy(ask: Ask, path: str, kind: str) -> None:
    answer = ask(method="GET", path=path, limits={"api_keys": [KEY]})
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))

    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert policy["default-src"] == "'none'"
    assert {policy[f"{each}-src"] for each in ("script", "style", "img", "connect")} == {"'self'"}
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["page.py", "../page.py", "..%2Fpage.py", "", "page.css.map"])
def test_no_other_file_is_served(ask: Ask, name: str) -> None:
    assert ask(method="GET", path=f"/static/{name}").status == 404


def test_the_page_says_whether_a_key_is_asked_for_now(observations: Observations) -> None:
    service = Service(ModelSlot(), settings=ServiceSettings(), observations=observations)

    def page() -> bytes:
        return asyncio.run(send_request(service, "GET", "/")).body

    assert b'data-key="not asked"' in page()
    service.keys.replace([KEY])
    assert b'data-key="asked"' in page()
