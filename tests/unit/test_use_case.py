from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ml.errors import SettingsError
from ml.use_case import UseCase, load_use_case, parse_use_case

BUILT_IN = "price_sensitivity"


def values() -> dict[str, Any]:
    text = (resources.files("ml.use_cases") / f"{BUILT_IN}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def parse(given: Any) -> UseCase:
    return parse_use_case(yaml.safe_dump(given), origin="mine.yaml")


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the built-in use case with one key set, or removed where ``value`` is ...."""
    found = values()
    *parents, last = path.split(".")
    place: Any = found
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return found


def test_the_built_in_use_case_maps_codes_to_the_words_users_see() -> None:
    use_case = load_use_case(BUILT_IN)
    assert dict(zip(use_case.label.codes, use_case.label.words, strict=True)) == {
        "LA": "High",
        "MM": "Medium",
        "UM": "Low",
    }
    assert use_case.label.unclassified == "XX"
    assert use_case.column("spend_pennies").type == "money"


def test_a_file_is_read_like_the_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values()))
    assert load_use_case(str(tmp_path / "mine.yaml")) == load_use_case(BUILT_IN)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("gate.accuracy", 1.5, "gate.accuracy: "),
        ("gate.accurracy", 0.8, "gate.accurracy: Extra inputs are not permitted"),
        ("split.holdout_weeks", 0, "split.holdout_weeks: "),
        ("split.folds", 2, "split.folds: "),
        ("split.seed", ..., "split.seed: Field required"),
        ("candidates.boosting", {}, "candidates.boosting"),
        ("columns.3.type", "float", "columns.3.type: "),
        ("features.encoder.rounds", [], "features.encoder.rounds: "),
        ("features.encoder.smoothing", [0.0], "features.encoder.smoothing.0: "),
        ("label.classes", [{"code": "LA", "word": "High", "meaning": ""}], "label.classes: "),
        ("deployment.scaling.minimum", 11, "deployment.scaling: .*minimum 11 is above maximum 10"),
        ("label.column", "sensitivity", "label.column: there is no column named sensitivity"),
        ("features.categories", ["colour"], "features.categories: there is no column named colour"),
        ("features.encoder.levels", ["prod_code_50"], "features.encoder.levels: there is no column named"),
        ("slices", ["colour"], "slices: there is no column named colour"),
    ],
)
def test_a_wrong_key_or_value_names_the_file_and_the_key(path: str, value: Any, named: str) -> None:
    with pytest.raises(SettingsError, match=rf"^mine\.yaml: .*{named}"):
        parse(changed(path, value))


def test_every_mistake_is_named_at_once() -> None:
    given = changed("gate.accuracy", 2)
    given["search_rows"] = 0
    with pytest.raises(SettingsError, match=r"gate\.accuracy: .*; .*search_rows: |search_rows: .*; .*gate\.accuracy: "):
        parse(given)


@pytest.mark.parametrize("text", ["- a list", "just text", ""])
def test_a_file_that_holds_something_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^mine\.yaml: file: "):
        parse_use_case(text, origin="mine.yaml")


def test_text_that_is_no_yaml_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"^mine\.yaml: not valid YAML: "):
        parse_use_case("a: [", origin="mine.yaml")


def test_a_file_that_is_not_utf_8_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes("name: café".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"mine\.yaml: not UTF-8"):
        load_use_case(str(tmp_path / "mine.yaml"))


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yml: there is no such file"):
        load_use_case(str(tmp_path / "absent.yml"))


def test_an_unknown_name_is_answered_with_the_built_in_ones() -> None:
    with pytest.raises(SettingsError, match=r"use case 'churm' does not exist; there is: .*price_sensitivity"):
        load_use_case("churm")


def test_a_use_case_cannot_be_changed_after_it_was_parsed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_use_case(BUILT_IN).split.folds = 9


@pytest.mark.parametrize(
    ("path", "value", "data_changes"),
    [
        ("columns.4.maximum", 9, True),
        ("validation.max_dropped_share", 0.5, True),
        ("gate.accuracy", 0.5, False),
        ("split.seed", 1, False),
    ],
)
def test_silver_and_gold_are_made_anew_only_for_settings_that_decide_what_they_hold(
    path: str, value: Any, data_changes: bool
) -> None:
    before, after = load_use_case(BUILT_IN), parse(changed(path, value))
    assert before.settings_fingerprint != after.settings_fingerprint
    assert (before.data_fingerprint != after.data_fingerprint) is data_changes


def test_a_run_may_hold_out_other_weeks_and_train_fewer_models_with_values_of_its_own() -> None:
    built_in = load_use_case(BUILT_IN)
    found = built_in.with_changes(
        holdout_weeks=2, models=["xgboost"], parameters={"xgboost": {"max_depth": 3, "n_estimators": 7}}
    )
    assert found.split.holdout_weeks == 2
    assert list(found.candidates) == ["xgboost"]
    assert found.candidates["xgboost"].grid == {}
    assert found.candidates["xgboost"].fixed == {
        **built_in.candidates["xgboost"].fixed,
        "max_depth": 3,
        "n_estimators": 7,
    }
    assert built_in.with_changes(parameters={}) == built_in


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"models": ["boosting"], "parameters": {}},
            "price_sensitivity has no candidate 'boosting'; it has: majority,",
        ),
        ({"parameters": {"boosting": {"a": 1}}}, "has no candidate 'boosting'"),
        (
            {"models": ["majority", "xgboost"], "parameters": {"random_forest": {"n_estimators": 5}}},
            "random_forest has hyper-parameters but is not among the models: majority, xgboost",
        ),
        ({"holdout_weeks": 0, "parameters": {}}, r"use case price_sensitivity: split\.holdout_weeks: "),
    ],
)
def test_a_change_that_does_not_fit_the_use_case_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_use_case(BUILT_IN).with_changes(**changes)
